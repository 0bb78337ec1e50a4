"""Mutate the corpus and load what comes out: nothing may escape but our own faults, and nothing may take long.

    python -P benchmarks/fuzz_definitions.py [INPUTS] [SEED]

Does so in each format. Prints the seed, what was accepted and refused, and the slowest input; exits 1 at the first
surprise, whose input it prints. The tests run small ones of these (tests/unit/test_edn.py, tests/unit/test_formats.py).
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

from dynatus_ci.definitions import formats, loader, writer
from dynatus_ci.definitions.formats import Format
from dynatus_ci.errors import Fault, InvalidDefinitions, NoDefinitions
from dynatus_ci.table import build

ROOT = Path(__file__).parent.parent
LONGEST_FAULT = 700
PIECES = [
    *'{}[]()"\\#_:;,^\n\r\t /@~`|',
    "#{",
    "#_",
    "nil",
    "true",
    ":a",
    "1",
    "1.5M",
    "0x1",
    "##Inf",
    "\\newline",
    "é",
]
PIECES += [
    "#inst",
    '"a"',
    "\ufeff",
    "\x00",
    "\u2028",
    "\u0663",
    "😀",
    "#:a",
    "a/b",
    "1/2",
    "\\u0041",
    "\\uD83D",
    "9" * 30,
]
PIECES += [
    "#profile",
    "#join",
    "#param",
    "#env",
    ":default",
    ":Absent true",
    ":Tags",
    "\u202e",
    "\x1b[31m",
    "::error::",
]


PIECES += ["- ", ": ", "? ", "<<: ", "&a ", "*a", "!param ", "!!str ", "---\n", "|\n", "\n  ", "yes", "017"]
PIECES += ['"#param": ', '"a": ', "null", "NaN", "//", "1e999"]


def corpus(written: Format) -> list[str]:
    """The golden cases, the bad definitions, the examples, and the golden tables as import writes them."""
    golden = json.loads((ROOT / "tests/cases/edn-cases.json").read_text(encoding="utf-8"))
    bad = tomllib.loads((ROOT / "tests/cases/bad-definitions.toml").read_text(encoding="utf-8"))["case"]
    cases = [case for case in bad if case.get("file", "t.edn").endswith(written.suffixes)]
    examples = [
        path.read_text(encoding="utf-8")
        for suffix in written.suffixes
        for path in sorted((ROOT / "examples/tables").rglob(f"*{suffix}"))
    ]
    for path in sorted((ROOT / "tests/cases/live").glob("*.json")):
        live = json.loads(path.read_text(encoding="utf-8"))
        examples.append(writer.text(build.actual(live["table"], live["answers"]), written))
    texts = [*(golden if written is formats.EDN else ()), *cases * 5]
    return [case["text"] for case in texts if "text" in case] + examples * 20


def mutated(texts: list[str], chance: random.Random) -> str:
    """A text of the corpus with a few changes."""
    text = chance.choice(texts)
    for _ in range(chance.choice([1, 1, 2, 3, 8])):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice([0, 1, 1, 2, 5, 20]))
        other = chance.choice(texts)
        start = chance.randrange(len(other) + 1)
        new = chance.choice(["", chance.choice(PIECES), text[at:end] * 2, other[start : start + chance.randrange(20)]])
        text = text[:at] + new + text[end:]
    return text


def outcome(path: Path, chance: random.Random) -> str:
    """Load a file as any door would, and hold its faults to what is promised of them."""
    params = chance.choice([{}, {"stage": "x", "reads": "1"}])
    try:
        loaded = loader.load(path, environment=chance.choice([None, "prod", "test"]), params=params, root=path.parent)
    except NoDefinitions:
        return "empty"
    except InvalidDefinitions as refused:
        check(refused.faults, path.read_bytes())
        return refused.faults[0].code
    return "accepted" if loaded.tables else "without a table"


def check(faults: tuple[Fault, ...], data: bytes) -> None:
    """Each fault has a place inside the file and is one short line that forges nothing."""
    most = data.count(b"\n") + data.count(b"\r") + 1
    for fault in faults:
        wrong = fault.place is None or not 1 <= fault.place.line <= most or fault.place.column < 1
        if wrong or not str(fault).isprintable() or len(str(fault)) > LONGEST_FAULT:
            raise AssertionError(repr(fault))


def main() -> None:
    """Run, and say what came of it."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)  # noqa: PLR2004
    for written in formats.FORMATS:
        fuzz(written, inputs, seed)


def fuzz(written: Format, inputs: int, seed: int) -> None:
    """Load mutated files in one format."""
    chance, texts, counts = random.Random(seed), corpus(written), Counter[str]()  # noqa: S311  # no secret
    slowest = (0.0, "")
    print(f"{written.name}: seed {seed}, {inputs:,} inputs from a corpus of {len(texts)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"fuzz{written.suffixes[0]}"
        for _ in range(inputs):
            text = mutated(texts, chance)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            begun = time.perf_counter()
            try:
                counts[outcome(path, chance)] += 1
            except BaseException:
                print(f"not a fault of ours: {text!r}")
                raise
            slowest = max(slowest, (time.perf_counter() - begun, text))
    for name, count in counts.most_common():
        print(f"{count:9,}  {name}")
    print(f"slowest: {slowest[0] * 1000:.0f} ms, {len(slowest[1])} characters")


if __name__ == "__main__":
    main()
