"""Finds out which rules a history tests, without a run: every run is taken to do what the ledger says.

Beside the ledger stand others that leave out one rule each. Where one of them answers otherwise, a gate without that
rule would fail the history. That takes milliseconds, so the histories that are worth playing are looked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from tests.branches import Branches, Commit
from tests.histories import (
    START,
    Apply,
    ByHand,
    Edit,
    Event,
    History,
    Label,
    Merge,
    Open,
    Plan,
    move_on,
    prefix,
    random_history,
)
from tests.ledger import Answer, Definition, Difference, Files, Ledger, Rule, Run, TableInfo, Wanted, differences

MOST_SEEDS: Final = 5_000


@cache
def histories_for_rules(count: int) -> Mapping[Rule, list[int]]:
    """For each rule the first seeds whose history tests it; no seed stands for two rules."""
    found: dict[Rule, list[int]] = {rule: [] for rule in Rule}
    for seed in range(MOST_SEEDS):
        open_still = [rule for rule in Rule if len(found[rule]) < count]
        if not open_still:
            break
        shown = rules_tested(random_history(seed))
        rarest = [rule for rule in open_still if rule in shown][-1:]
        for rule in rarest:
            found[rule].append(seed)
    return found


def rules_tested(history: History) -> set[Rule]:
    """The rules without which a run of the history would do something else."""
    paper = _Paper(history)
    for event in history.events:
        paper.happen(event)
    return paper.tested


class _Paper:
    """An account and a repository on paper."""

    def __init__(self, history: History) -> None:
        self.tested: set[Rule] = set()
        self._history = history
        self._branches = Branches(START, generated=history.generated)
        self._ledger = Ledger()
        self._others = {rule: Ledger(without=rule) for rule in Rule}
        self._ids = map(str, itertools.count())
        self._live: dict[str, TableInfo] = {}
        for environment in history.environments:
            for name, wanted in START.items():
                self._agree(prefix(environment) + name, wanted)
            self._by_hand(prefix(environment) + "users", "puts an item in")

    def happen(self, event: Event) -> None:
        """Let an event happen."""
        move_on(self._branches, event)
        match event:
            case Plan(number, environment):
                shown = self._to_do(self._branches.result(number) or {}, environment)
                self._all(lambda ledger: ledger.planned(number, environment, shown))
            case Apply():
                self._apply(event)
            case ByHand(name, what):
                for environment in self._history.environments:
                    self._by_hand(prefix(environment) + name, what)
            case _:
                self._all(lambda ledger: people(ledger, event, tip=self._branches.tip.sha))

    def _all(self, do: Callable[[Ledger], object]) -> None:
        for ledger in (self._ledger, *self._others.values()):
            do(ledger)

    def _apply(self, event: Apply) -> None:
        commit = self._branches.pushed[-1 if event.of is None else event.of]
        run = run_of(self._branches, commit, event, self._to_do(commit.files, event.environment))
        verdicts = self._ledger.judge(run)
        for rule, ledger in self._others.items():
            if ledger.judge(run) != verdicts and _answers(ledger, run) != _answers(self._ledger, run):
                self.tested.add(rule)
        if event.trouble and event.trouble.kind != "denied":
            return
        for name, verdict in verdicts.items():
            if verdict.answer is Answer.RUNS and not event.trouble:
                self._agree(name, commit.files[name.removeprefix(prefix(event.environment))])
        left = {name: todo for name, (_, todo) in self._to_do(commit.files, event.environment).items()}
        self._all(lambda ledger: ledger.ran(run, left=left, event="this run"))

    def _to_do(self, files: Files, environment: str) -> dict[str, tuple[str | None, list[Difference]]]:
        return to_do(files, environment, self._live.get)

    def _made(self, wanted: Wanted) -> TableInfo:
        return TableInfo(next(self._ids), wanted.key, wanted.index, wanted.tag, wanted.expires, items=False)

    def _agree(self, name: str, definition: Definition) -> None:
        """Let a table be as its definition says."""
        live = self._live.get(name)
        if not isinstance(definition, Wanted):
            self._live.pop(name, None)
        elif live is None or live.key != definition.key:
            self._live[name] = self._made(definition)
        else:
            expires = live.expires or definition.expires
            self._live[name] = replace(live, index=definition.index, tag=definition.tag, expires=expires)

    def _by_hand(self, name: str, what: str) -> None:
        live = self._live.get(name)
        if live is None:
            return
        changed = {
            "puts an item in": replace(live, items=True),
            "takes the items out": replace(live, items=False),
            "makes the table anew": replace(live, id=next(self._ids), items=False, expires=False),
            "takes the index off": replace(live, index=None),
            "makes the index anew, with other projected attributes": replace(
                live, index="KEYS_ONLY" if live.index == "ALL" else "ALL"
            ),
        }
        self._live[name] = changed.get(what, replace(live, tag=what[-1]))


def people(ledger: Ledger, event: Event, *, tip: str) -> None:
    """Let a ledger know what people do at pull requests; `tip` is what main has after it."""
    match event:
        case Open(number):
            ledger.open(number)
        case Merge(number):
            ledger.merged(number, tip)
        case Label(number, on):
            ledger.label(number, on=on)
        case Edit(number, environment):
            ledger.edited(number, environment)
        case _:
            pass


def to_do(
    files: Files, environment: str, look: Callable[[str], TableInfo | None]
) -> dict[str, tuple[str | None, list[Difference]]]:
    """By table: its TableId, and what there is to do until it is as the files say."""
    found = {}
    for name, definition in sorted(files.items()):
        live = look(prefix(environment) + name)
        found[prefix(environment) + name] = (live.id if live else None, differences(live, definition))
    return found


def run_of(
    branches: Branches, commit: Commit, event: Apply, todo: Mapping[str, tuple[str | None, list[Difference]]]
) -> Run:
    """A run of apply as the ledger sees it."""
    return Run(
        environment=event.environment,
        commit=commit.sha,
        contained={each.sha for each in commit.history()},
        tip=branches.tip.sha,
        same=not branches.generated and commit.files == branches.tip.files,
        named=event.named,
        to_do=todo,
    )


def _answers(ledger: Ledger, run: Run) -> dict[str, bool]:
    """Which tables run."""
    return {name: verdict.answer is Answer.RUNS for name, verdict in ledger.judge(run).items()}
