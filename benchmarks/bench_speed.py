"""How fast plan and apply are, beside bare boto3 and Terraform's pattern of reads, in one run: docs/speed.md.

    python benchmarks/bench_speed.py [MOST]

It plans up to MOST unchanged tables (10,000), which takes a quarter of an hour, and creates up to a tenth of them. Each
figure is the median of several processes, which take turns; those of more than 100 tables are of one process. It prints
the tables of docs/speed.md; where MOST is left out it also writes them into that page, and draws docs/speed.svg.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks import page, stand_in

HERE = Path(__file__).parent
SIZES = (10, 100, 1_000, 10_000)
MILLISECONDS = {10: (0, 20, 100), 100: (0, 20, 100), 1_000: (0, 20, 100), 10_000: (20, 100)}
"""How long each answer takes: without other work on the machine, 10,000 tables take as long at 0 ms as at 20 ms."""
RATE = 10
"""Calls a second at which AWS throttles the reads of time to live, tags and backups."""
CREATED = (10, 100, 1_000)
REPEATED = 100
"""Up to so many tables, each command runs several times."""
RUNS = 3
OURS, BOTO3, TERRAFORM = "dynatus plan", "bare boto3", "Terraform's pattern"
DYNATUS = [sys.executable, "-m", "dynatus_ci"]
READS = [sys.executable, str(HERE / "reads.py")]


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


def environment(bytecode: Path) -> dict[str, str]:
    """The variables of each process: no AWS configuration, and compiled modules as an installed package has them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONDONTWRITE"))}
    aws = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "eu-west-1"}
    return {**kept, **aws, "PYTHONPYCACHEPREFIX": str(bytecode)}


class Bench:
    """Runs the commands; its folder has the definitions, the compiled modules and what the commands say."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = environment(folder / "bytecode")

    def run(self, command: list[str]) -> Ran:
        """Run a command to its end. What it says goes into a file: nobody reads a pipe, and it would fill up."""
        said = self._folder / "said.txt"
        with said.open("wb") as errors:
            began = perf_counter()
            process = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=errors)  # noqa: S603
            _, status, used = os.wait4(process.pid, 0)
            ran = Ran(perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
        if os.waitstatus_to_exitcode(status):
            sys.exit(f"{' '.join(command)} failed: {said.read_text(encoding='utf-8')}")
        return ran

    def in_turns(self, commands: Mapping[str, list[str]], *, runs: int, against: str) -> dict[str, tuple[Ran, float]]:
        """The median of each command, and that of its CPU time divided by the one of the command `against`.

        They take turns, so that each has the machine's good and bad moments; the ratio is taken turn by turn.
        """
        turns = [{what: self.run(command) for what, command in commands.items()} for _ in range(runs)]
        return {
            what: (
                Ran.median([turn[what] for turn in turns]),
                statistics.median(turn[what].cpu / turn[against].cpu for turn in turns),
            )
            for what in commands
        }

    def write(self, tables: int) -> str:
        """The definitions, as files."""
        home = self._folder / str(tables)
        home.mkdir(exist_ok=True)
        for number in range(tables):
            name = stand_in.name(number)
            (home / f"{name}.edn").write_text(EDN.format(name=name), encoding="utf-8")
        return str(home)


def endpoint(tables: int, milliseconds: float, rate: float | None = None) -> AbstractContextManager[str]:
    """The stand-in for DynamoDB."""
    return stand_in.started("stand_in.py", str(tables), str(milliseconds / 1000), *([str(rate)] if rate else []))


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


def commands(address: str, folder: str, tables: int) -> dict[str, list[str]]:
    """The three that are compared."""
    return {
        OURS: [*DYNATUS, "plan", folder, "--endpoint-url", address],
        BOTO3: [*READS, "boto3", address, str(tables)],
        TERRAFORM: [*READS, "terraform", address, str(tables)],
    }


def start_up(bench: Bench) -> page.Figures:
    """A process that validates one definition, one that plans it, and one of boto3 with one call."""
    figures = page.Figures("start-up", ("process", "seconds", "CPU seconds", "CPU ÷ boto3", "MB"))
    folder, one = bench.write(1), "boto3, 1 call"
    with endpoint(1, 0) as address:
        measured = {
            "`python -c pass`": [sys.executable, "-c", "pass"],
            "`dynatus validate`, 1 table": [*DYNATUS, "validate", folder],
            one: [*READS, "one", address, "1"],
            "`dynatus plan`, 1 table": [*DYNATUS, "plan", folder, "--endpoint-url", address],
        }
        bench.in_turns(measured, runs=1, against=one)  # compiles what it loads
        for what, (ran, ratio) in bench.in_turns(measured, runs=3 * RUNS, against=one).items():
            figures.add(what, f"{ran.wall:.2f}", f"{ran.cpu:.2f}", f"{ratio:.2f}", f"{ran.memory:.0f}")
    return figures


def plans(bench: Bench, *, most: int) -> tuple[page.Figures, page.Series]:
    """Plans of unchanged tables, and the points of the chart: what → (tables, seconds) at 20 ms a call."""
    heads = ("tables", "ms a call", "", "seconds", "tables a second", "calls a table", "CPU ms a table")
    figures = page.Figures("plans", (*heads, "CPU ÷ boto3", "MB"))
    points: page.Series = {OURS: [], BOTO3: [], TERRAFORM: []}
    for tables, milliseconds in ((size, each) for size in SIZES if size <= most for each in MILLISECONDS[size]):
        with endpoint(tables, milliseconds) as address:
            measured = commands(address, bench.write(tables), tables)
            if tables == SIZES[-1] and milliseconds > 20:  # noqa: PLR2004  # 50,000 reads, ten at a time: eight minutes
                del measured[TERRAFORM]
            runs = RUNS if tables <= REPEATED else 1
            made = {
                what: _calls_of(bench, command, address) for what, command in measured.items() if tables == SIZES[0]
            }
            for what, (ran, ratio) in bench.in_turns(measured, runs=runs, against=BOTO3).items():
                if milliseconds == 20:  # noqa: PLR2004  # the chart's
                    points[what].append((tables, ran.wall))
                pace, each = f"{tables / ran.wall:,.0f}", f"{made[what] / tables:.1f}" if made else ""
                cpu = f"{ran.cpu / tables * 1000:.1f}"
                figures.add(
                    f"{tables:,}", milliseconds, what, f"{ran.wall:.2f}", pace, each, cpu, f"{ratio:.2f}",
                    f"{ran.memory:.0f}",
                )  # fmt: skip
    return figures, points


def _calls_of(bench: Bench, command: list[str], address: str) -> int:
    before = calls(address)
    bench.run(command)
    return calls(address) - before


def limited(bench: Bench, *, most: int) -> page.Figures:
    """Plans, and applies that create each table, where the reads are throttled as AWS throttles them."""
    figures = page.Figures("limits", ("tables", "", "seconds", "the limit itself"))
    for tables in (size for size in SIZES[:2] if size <= most):
        for what in (OURS, BOTO3):
            with endpoint(tables, 20, RATE) as address:
                ran = bench.run(commands(address, bench.write(tables), tables)[what])
            figures.add(f"{tables:,}", what, f"{ran.wall:.1f}", _limit(tables))
        with endpoint(0, 20, RATE) as address:
            ran = bench.run([*DYNATUS, "apply", bench.write(tables), "--endpoint-url", address, "--yes"])
        figures.add(f"{tables:,}", "dynatus apply", f"{ran.wall:.1f}", _limit(2 * tables))
    return figures


def _limit(reads: int) -> str:
    """The fewest seconds for so many throttled reads of a kind; those of the first second are free."""
    return f"{max(reads / RATE - 1, 0):.1f}"


def applies(bench: Bench, *, most: int) -> page.Figures:
    """Applies that create each table, which takes a second, then time to live; beside boto3 with the same calls."""
    heads = ("tables created", "ms a call", "", "seconds", "tables a second", "calls a table", "CPU ms a table", "MB")
    figures = page.Figures("applies", heads)
    for tables in (size for size in CREATED if size * 10 <= most):
        for milliseconds in (0, 20, 100) if tables <= REPEATED else (20,):
            folder = bench.write(tables)
            for what in ("dynatus apply", BOTO3):
                with endpoint(0, milliseconds) as address:
                    us = [*DYNATUS, "apply", folder, "--endpoint-url", address, "--yes"]
                    ran = bench.run(us if what != BOTO3 else [*READS, "create", address, str(tables)])
                    each = f"{calls(address) / tables:.1f}"
                pace, cpu = f"{tables / ran.wall:.1f}", f"{ran.cpu / tables * 1000:.0f}"
                figures.add(f"{tables:,}", milliseconds, what, f"{ran.wall:.1f}", pace, each, cpu, f"{ran.memory:.0f}")
    return figures


def main(most: int | None = None) -> None:
    """Measure all of it."""
    upto = most or SIZES[-1]
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary))
        started = start_up(bench)
        planned, points = plans(bench, most=upto)
        measured = [started, planned, limited(bench, most=upto), applies(bench, most=upto)]
    if most is None:
        page.write(measured)
        page.draw(points, "A plan of unchanged tables at 20 ms a call")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
