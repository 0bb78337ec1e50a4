"""How fast plan and apply are, beside bare boto3 and Terraform's pattern of reads, in one run: docs/speed.md.

    python benchmarks/bench_speed.py [MOST] [RUNS]

It plans up to MOST unchanged tables (10,000), and creates up to a hundredth of them. Each figure is the median of RUNS
processes (3; 1 of 1,000 tables or more), which take turns. It writes docs/speed.svg, and prints the tables
of docs/speed.md.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks import stand_in

HERE = Path(__file__).parent
ROOT = HERE.parent
SIZES = (10, 100, 1_000, 10_000)
DELAYS = (0.0, 0.02, 0.1)
RATE = 10
"""Calls a second at which AWS throttles the reads of time to live, tags and backups."""
CREATED = (10, 100)
OURS, BOTO3, TERRAFORM = "dynatus plan", "bare boto3", "Terraform's pattern"
COLOURS = {OURS: "#0969da", BOTO3: "#57606a", TERRAFORM: "#8250df"}
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "eu-west-1",
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process took: seconds on the clock, seconds of CPU, and the most memory in MB."""

    wall: float
    cpu: float
    memory: float

    @staticmethod
    def median(runs: list[Ran]) -> Ran:
        """The median of each figure."""
        return Ran(*(statistics.median(each) for each in zip(*((r.wall, r.cpu, r.memory) for r in runs), strict=True)))


def run(command: list[str]) -> Ran:
    """Run a command to its end."""
    began = perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed: {process.stderr.read().decode() if process.stderr else ''}")
    return Ran(perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


@contextlib.contextmanager
def endpoint(tables: int, delay: float, rate: float | None = None) -> Iterator[str]:
    """The stand-in for DynamoDB, in a process of its own."""
    arguments = [str(tables), str(delay), *([str(rate)] if rate else [])]
    command = [sys.executable, str(HERE / "stand_in.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.kill()
        process.wait()


def calls(address: str) -> int:
    """How many calls came so far."""
    with urllib.request.urlopen(f"{address}/calls") as answer:  # noqa: S310  # our own endpoint
        return sum(json.load(answer).values())


EDN = """{{:TableName "{name}"
 :KeySchema [{{:AttributeName "id" :KeyType "HASH"}}]
 :AttributeDefinitions [{{:AttributeName "id" :AttributeType "S"}}
                        {{:AttributeName "email" :AttributeType "S"}}]
 :BillingMode "PAY_PER_REQUEST"
 :GlobalSecondaryIndexes [{{:IndexName "by-email"
                           :KeySchema [{{:AttributeName "email" :KeyType "HASH"}}]
                           :Projection {{:ProjectionType "ALL"}}}}]
 :TimeToLiveSpecification {{:Enabled true :AttributeName "expires"}}
 :Tags [{{:Key "team" :Value "accounts"}}]}}
"""


def write(folder: Path, tables: int) -> str:
    """The definitions, as files."""
    home = folder / str(tables)
    home.mkdir(exist_ok=True)
    for number in range(tables):
        name = stand_in.name(number)
        (home / f"{name}.edn").write_text(EDN.format(name=name), encoding="utf-8")
    return str(home)


def commands(address: str, folder: str, tables: int) -> dict[str, list[str]]:
    """The three that are compared."""
    reads = [sys.executable, str(HERE / "reads.py")]
    return {
        OURS: [sys.executable, "-m", "dynatus_ci", "plan", folder, "--endpoint-url", address],
        BOTO3: [*reads, "boto3", address, str(tables)],
        TERRAFORM: [*reads, "terraform", address, str(tables)],
    }


def start_up(folder: str, *, runs: int) -> None:
    """A process that validates one definition, one that plans it, and one of boto3 with one call."""
    with endpoint(1, 0.0) as address:
        us = [sys.executable, "-m", "dynatus_ci"]
        measured = {
            "`python -c pass`": [sys.executable, "-c", "pass"],
            "`dynatus validate`, 1 table": [*us, "validate", folder],
            "boto3, 1 call": [sys.executable, str(HERE / "reads.py"), "one", address, "1"],
            "`dynatus plan`, 1 table": [*us, "plan", folder, "--endpoint-url", address],
        }
        found = in_turns(measured, runs=max(runs, 5))
    print("\n| process | seconds | CPU seconds | MB |\n|:--|--:|--:|--:|")
    for what, ran in found.items():
        print(f"| {what} | {ran.wall:.2f} | {ran.cpu:.2f} | {ran.memory:.0f} |", flush=True)


def in_turns(measured: dict[str, list[str]], *, runs: int) -> dict[str, Ran]:
    """The median of some commands, which take turns, so that each has the machine's good and bad moments."""
    found = defaultdict(list)
    for _ in range(runs):
        for what, command in measured.items():
            found[what].append(run(command))
    return {what: Ran.median(all_runs) for what, all_runs in found.items()}


def plans(folder: Path, *, most: int, runs: int) -> dict[float, dict[str, list[tuple[int, float]]]]:
    """Plans of unchanged tables. Returns the points of the chart: delay → what → (tables, seconds)."""
    points: dict[float, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    print("\n| tables | ms a call | | seconds | tables a second | calls a table | CPU ms a table | MB |")
    print("|--:|--:|:--|--:|--:|--:|--:|--:|")
    for tables in (size for size in SIZES if size <= most):
        definitions = write(folder, tables)
        large = tables >= SIZES[2]
        for delay in DELAYS if tables < SIZES[3] else DELAYS[1:2]:
            with endpoint(tables, delay) as address:
                measured = commands(address, definitions, tables)
                found = in_turns(measured, runs=1 if large else runs)
                for what, ran in found.items():
                    before = calls(address)
                    made = (calls_of(measured[what], address) - before) if tables == SIZES[0] else None
                    points[delay][what].append((tables, ran.wall))
                    row = [f"{tables:,}", f"{delay * 1000:.0f}", what, f"{ran.wall:.2f}", f"{tables / ran.wall:,.0f}"]
                    row += [
                        f"{made / tables:.1f}" if made else "",
                        f"{ran.cpu / tables * 1000:.1f}",
                        f"{ran.memory:.0f}",
                    ]
                    print(f"| {' | '.join(row)} |", flush=True)
    return points


def calls_of(command: list[str], address: str) -> int:
    """How many calls there are after one more run."""
    run(command)
    return calls(address)


def limited(folder: Path, *, most: int) -> None:
    """Plans where the reads are throttled as AWS throttles them."""
    print("\n| tables | | seconds | the limit itself |\n|--:|:--|--:|--:|")
    for tables in (size for size in SIZES[:2] if size <= most):
        for what in (OURS, BOTO3):
            with endpoint(tables, 0.02, RATE) as address:
                ran = run(commands(address, write(folder, tables), tables)[what])
            print(f"| {tables:,} | {what} | {ran.wall:.1f} | {max(tables / RATE - 1, 0):.1f} |", flush=True)


def applies(folder: Path, *, most: int) -> None:
    """Applies that create each table, which takes a second, then time to live; ten tables at a time."""
    print("\n| tables created | ms a call | seconds | tables a second | CPU ms a table | MB |")
    print("|--:|--:|--:|--:|--:|--:|")
    for tables in (size for size in CREATED if size * 100 <= most):
        for delay in DELAYS:
            with endpoint(0, delay) as address:
                us = [sys.executable, "-m", "dynatus_ci", "apply", write(folder, tables)]
                ran = run([*us, "--endpoint-url", address, "--yes"])
            row = [f"{tables:,}", f"{delay * 1000:.0f}", f"{ran.wall:.1f}", f"{tables / ran.wall:.1f}"]
            row += [f"{ran.cpu / tables * 1000:.0f}", f"{ran.memory:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)


def chart(series: dict[str, list[tuple[int, float]]], title: str) -> str:
    """Seconds against tables, both logarithmic, as SVG."""
    width, height, left, bottom = 640, 360, 60, 40
    xs = [math.log10(tables) for points in series.values() for tables, _ in points]
    ys = [math.log10(seconds) for points in series.values() for _, seconds in points]
    low, high = math.floor(min(ys)), math.ceil(max(ys))

    def at(tables: float, seconds: float) -> tuple[float, float]:
        x = left + (math.log10(tables) - min(xs)) / (max(xs) - min(xs) or 1) * (width - left - 150)
        return round(x, 1), round(height - bottom - (math.log10(seconds) - low) / (high - low) * (height - 80), 1)

    def text(x: float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x}" y="{y}" {more}>{words}</text>'

    parts = [text(left, 20, title, 'font-weight="bold"'), text(left, height - 6, "tables")]
    for power in range(low, high + 1):
        x, y = at(10 ** min(xs), 10**power)
        parts += [f'<path d="M{x} {y}H{width - 150}" stroke="#d0d7de"/>', text(8, y + 4, f"{10.0**power:g} s")]
    for tables in sorted({tables for points in series.values() for tables, _ in points}):
        parts.append(text(at(tables, 10**low)[0], height - 22, f"{tables:,}", 'text-anchor="middle"'))
    label = 0.0
    for what, points in sorted(series.items(), key=lambda one: at(*one[1][-1])[1]):
        path = "L".join(f"{x} {y}" for x, y in (at(*point) for point in points))
        x, y = at(*points[-1])
        label = max(label + 16, y + 4)  # so that two labels never overlap
        parts.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[what]}" stroke-width="2"/>')
        parts.append(text(x + 6, label, what, f'fill="{COLOURS[what]}"'))
    style = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {style}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"])


def main(most: int = SIZES[-1], runs: int = 3) -> None:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        start_up(write(folder, 1), runs=runs)
        points = plans(folder, most=most, runs=runs)
        limited(folder, most=most)
        applies(folder, most=most)
    title = "A plan of unchanged tables at 20 ms a call"
    (ROOT / "docs" / "speed.svg").write_text(chart(points[0.02], title), encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
