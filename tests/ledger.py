"""The ledger: a second, simple reading of the gate's rules. It says of each run what must run and what must not.

It shares no code with the product. Tables are tiny here (a key, one index, one tag, one time to live), so that
everything that can differ between a file and a table fits on a page. The ledger is told what people and runs do:
what a plan showed, which labels are on, what was merged, who edited a comment, how a run ended. It is asked before a
run of apply, and answers for each table: it runs, it is refused, or, rarely, either is fine.

The rules are those of `Rule`, each applied at one place. A ledger can leave one out: the histories in which that
changes an answer are those that test the rule (`tests/rehearsal.py` finds them).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final, TypeAlias

GOES: Final = "goes"
"""A definition that says that the table goes: `:Absent true`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A definition: a table as the file wants it. `expires` False leaves the setting out of the file."""

    key: str = "id"
    index: str | None = None
    tag: str | None = None
    expires: bool = False

    def __str__(self) -> str:
        index = f"index {self.index}" if self.index else "no index"
        tag = f"tag {self.tag}" if self.tag else "no tag"
        return f"(key {self.key}, {index}, {tag}{', expires' if self.expires else ''})"


Definition: TypeAlias = "Wanted | str"
Files: TypeAlias = Mapping[str, Definition]
"""The definitions of a commit: by table. A table that is not in it is not managed."""


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table as the account has it."""

    id: str
    key: str
    index: str | None
    tag: str | None
    expires: bool
    items: bool


class Risk(IntEnum):
    """What a difference costs."""

    SAFE = 0
    DISRUPTIVE = 1
    DESTRUCTIVE = 2


class Rule(Enum):
    """What holds of every run of apply."""

    NAMED = "What is lost for good is named: by `allow-destructive`, or by the label where it was reviewed."
    LABEL = "The label goes as soon as a plan loses what the plan before it did not show."
    RISK = "A record does not count for a difference whose risk has risen since."
    SAME_TABLE = "What is lost for good, and a table that is deleted, is that of the plan (TableId)."
    SAME_INDEX = "An index that goes is that of the plan: another one of its name was not reviewed."
    USED = "After a run at the tip a record stays open only for what that run still wants and has not finished."
    USED_BEFORE = "That holds for all older records, too."
    TIP = "A commit with other definitions than the tip's runs nothing; where git has none, only the tip's own runs."
    OTHERS = "Not only the commit's own pull request counts, but each that is merged before it, the newest first."
    HISTORY = "A record that is not in the commit's history does not count, nor what is older, but for the own one."
    EDITED = "A comment that somebody else edited does not count, and neither does what is older."


# --- how a file and a table differ -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing to do. Two plans mean the same thing where setting and wanted value are the same.

    Args:
        lost: The index that goes, as it is now.
        deletes: Whether the table is deleted for it.
    """

    setting: str
    wanted: str | None
    risk: Risk
    lost: str | None = None
    deletes: bool = False

    @property
    def name(self) -> str:
        """What it is known by in a record."""
        return f"{self.setting} → {self.wanted or 'goes'}"


def differences(live: TableInfo | None, definition: Definition | None) -> list[Difference]:
    """What there is to do until a table is as its definition says."""
    if definition is None:
        return []
    loses_all = Risk.DESTRUCTIVE if live and live.items else Risk.DISRUPTIVE
    if not isinstance(definition, Wanted):
        return [Difference("table", None, loses_all, deletes=True)] if live else []
    if live is None:
        return [Difference("table", definition.key, Risk.SAFE), *_settings(None, definition)]
    if live.key != definition.key:
        again = [Difference(setting, definition.key, loses_all, deletes=True) for setting in ("table", "key")]
        return [*again, *_settings(None, definition)]
    return list(_settings(live, definition))


def _settings(live: TableInfo | None, wanted: Wanted) -> Iterator[Difference]:
    index, tag, expires = (live.index, live.tag, live.expires) if live else (None, None, False)
    if index != wanted.index:
        yield Difference("index", wanted.index, Risk.DESTRUCTIVE if index else Risk.SAFE, lost=index)
    if tag != wanted.tag:
        yield Difference("tag", wanted.tag, Risk.SAFE)
    if wanted.expires and not expires:
        yield Difference("expiry", "on", Risk.DISRUPTIVE)


# --- what was reviewed -----------------------------------------------------------------------------------------------


@dataclass
class Record:
    """What a plan showed in the comment of a pull request, for one environment.

    Args:
        tables: By table: the TableId that the plan saw, and the differences by their names.
        closed: What is used up or withdrawn, and why: by table and difference.
        doubtful: Likewise, where the rules leave it open whether it is closed.
        edited: Whether somebody else edited the comment since.
    """

    tables: dict[str, tuple[str | None, dict[str, Difference]]] = field(default_factory=dict)
    closed: dict[tuple[str, str], str] = field(default_factory=dict)
    doubtful: set[tuple[str, str]] = field(default_factory=set)
    edited: bool = False

    def losses(self) -> set[tuple[str, str | None, str, str | None]]:
        """What it shows as lost for good: the label names exactly this."""
        return {
            (table, id_, name, difference.lost)
            for table, (id_, reviewed) in self.tables.items()
            for name, difference in reviewed.items()
            if difference.risk is Risk.DESTRUCTIVE
        }

    def names(self) -> Iterator[tuple[str, str]]:
        """Everything in it."""
        return ((table, name) for table, (_, reviewed) in self.tables.items() for name in reviewed)


@dataclass
class Pull:
    """A pull request; `merge` is the commit that its merge made, `order` tells which merge is newer."""

    number: int
    labelled: bool = False
    merge: str | None = None
    order: int = 0
    records: dict[str, Record] = field(default_factory=dict)


# --- the judge -------------------------------------------------------------------------------------------------------


class Answer(Enum):
    """What a run does with a table."""

    NOTHING = "has nothing to do"
    SUPERSEDED = "waits for the run of the tip"
    RUNS = "runs"
    REFUSED = "is refused"
    EITHER = "runs or is refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one table, the reasons of a refusal (as the action's outputs say them), and why."""

    answer: Answer
    reason: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run of apply, as the ledger sees it.

    Args:
        environment: Its environment; each has records of its own.
        commit: The commit that is applied.
        contained: The commits in its history, itself too.
        tip: The branch's last commit.
        same: Whether the definitions that were read are those that git has in the tip.
        named: Whether `allow-destructive` names everything.
        to_do: By table, with the prefix: the TableId and what there is to do before the run.
    """

    environment: str
    commit: str
    contained: Collection[str]
    tip: str
    same: bool
    named: bool
    to_do: Mapping[str, tuple[str | None, list[Difference]]]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not any(todo for _, todo in self.to_do.values())

    @property
    def at_tip(self) -> bool:
        """Whether this commit's run is the one that decides."""
        return self.commit == self.tip or self.same


class Ledger:
    """What was reviewed, by whom it may be used, and what is left of it.

    Args:
        without: A rule that this ledger does not know.
    """

    def __init__(self, *, without: Rule | None = None) -> None:
        self.pulls: dict[int, Pull] = {}
        self._without = without

    def _holds(self, rule: Rule) -> bool:
        return rule is not self._without

    def open(self, number: int) -> None:
        """A pull request was opened."""
        self.pulls[number] = Pull(number)

    def merged(self, number: int, commit: str) -> None:
        """It was merged."""
        newest = max(pull.order for pull in self.pulls.values())
        self.pulls[number].merge, self.pulls[number].order = commit, newest + 1

    def label(self, number: int, *, on: bool) -> None:
        """The label was put on or taken off."""
        self.pulls[number].labelled = on

    def edited(self, number: int, environment: str) -> None:
        """Somebody else edited the comment, if there is one."""
        if record := self.pulls[number].records.get(environment):
            record.edited = True

    def planned(
        self, number: int, environment: str, tables: Mapping[str, tuple[str | None, list[Difference]]]
    ) -> tuple[bool, bool]:
        """A plan ran at an open pull request: does the label stay on, and is the plan red unless something names it?

        Nothing to do leaves no comment behind where there was none.
        """
        pull = self.pulls[number]
        before = pull.records.get(environment)
        record = Record()
        record.tables = {name: (id_, {d.name: d for d in todo}) for name, (id_, todo) in tables.items() if todo}
        if before is None and not record.tables:
            return pull.labelled, False
        known = before.losses() if before and not before.edited else set()
        if self._holds(Rule.LABEL):
            pull.labelled = pull.labelled and record.losses() <= known
        pull.records[environment] = record
        return pull.labelled, bool(record.losses()) and not pull.labelled

    # What a run may do.
    def judge(self, run: Run) -> dict[str, Verdict]:
        """What each table of a run does."""
        return {table: self._table(run, table, id_, todo) for table, (id_, todo) in run.to_do.items()}

    def _table(self, run: Run, table: str, id_: str | None, todo: Collection[Difference]) -> Verdict:
        """A table runs whole or not at all."""
        if not todo:
            return Verdict(Answer.NOTHING)
        if not run.at_tip and self._holds(Rule.TIP):
            return Verdict(Answer.SUPERSEDED)
        verdicts = [self._difference(run, table, id_, difference) for difference in todo]
        worst = max(verdicts, key=lambda verdict: _ORDER.index((verdict.answer, verdict.reason)))
        why = tuple(line for verdict in verdicts for line in verdict.why)
        return Verdict(worst.answer, worst.reason, why)

    def _difference(self, run: Run, table: str, id_: str | None, difference: Difference) -> Verdict:
        counting = self.counting(run)
        found, why = [], []
        for pull, record in counting:
            objection = self._objection(record, table, id_, difference)
            if objection is None:
                found.append((pull, (table, difference.name) in record.doubtful))
            else:
                why.append(f"{table}: {difference.name}: the record of #{pull.number} {objection}")
        if not found:
            own = any(pull.merge == run.commit for pull in self.pulls.values())
            has_record = any(pull.merge == run.commit for pull, _ in counting)
            reason = "not-merged" if not own else "plan-changed" if has_record else "plan-missing"
            return Verdict(Answer.REFUSED, reason, (*why, f"{table}: {difference.name}: not reviewed"))
        named = run.named or difference.risk is not Risk.DESTRUCTIVE or not self._holds(Rule.NAMED)
        sure = [pull for pull, doubtful in found if not doubtful]
        if not named and not any(pull.labelled for pull, _ in found):
            return Verdict(Answer.REFUSED, "destructive-blocked", (*why, f"{table}: {difference.name}: not named"))
        if not sure or (not named and not any(pull.labelled for pull in sure)):
            return Verdict(Answer.EITHER, "", (f"{table}: {difference.name}: the rules do not say if it is closed",))
        by = " and ".join(f"#{pull.number}" for pull in sure)
        return Verdict(Answer.RUNS, "", (f"{table}: {difference.name}: reviewed at {by}",))

    def counting(self, run: Run) -> list[tuple[Pull, Record]]:
        """The records that count for a run, in the order in which they are looked for."""
        found = []
        too_old = False
        for pull in sorted(self.pulls.values(), key=lambda pull: -pull.order):
            record = pull.records.get(run.environment)
            if pull.merge is None or record is None:
                continue
            if record.edited and self._holds(Rule.EDITED):
                break
            own = pull.merge == run.commit
            if pull.merge not in run.contained and self._holds(Rule.HISTORY):
                too_old = True
            elif own or not (too_old or self._without is Rule.OTHERS):
                found.append((pull, record))
        return found

    def _objection(self, record: Record, table: str, id_: str | None, today: Difference) -> str | None:
        """Why a record does not name a difference of today; None where it does."""
        reviewed_id, reviewed = record.tables.get(table, (None, {}))
        before = reviewed.get(today.name)
        if before is None:
            return "does not name it"
        if why := record.closed.get((table, today.name)):
            return f"is closed for it since {why}"
        if before.risk < today.risk and self._holds(Rule.RISK):
            return f"shows it as {before.risk.name.lower()}, and it is {today.risk.name.lower()} now"
        if today.deletes or today.risk is Risk.DESTRUCTIVE:
            if reviewed_id != id_ and self._holds(Rule.SAME_TABLE):
                return "is about another table of that name"
            if before.lost != today.lost and self._holds(Rule.SAME_INDEX):
                return "is about another index of that name"
        return None

    # What a run leaves.
    def ran(self, run: Run, *, left: Mapping[str, Iterable[Difference]], event: str, sure: bool = True) -> None:
        """A run at the tip has ended: only what it still wants stays open.

        Args:
            run: The run.
            left: What there is still to do now, by table.
            event: What is said of it where something is found closed.
            sure: Whether it came as far as to close anything.
        """
        if not run.at_tip or not self._holds(Rule.USED):
            return
        open_still = {(table, difference.name) for table, todo in left.items() for difference in todo}
        counting = self.counting(run)
        newest = counting[0][0].order if counting else -1
        for pull in self.pulls.values():
            record = pull.records.get(run.environment)
            if pull.merge is None or record is None:
                continue
            reached = pull.merge in run.contained and pull.order <= newest
            if pull.order < newest and not self._holds(Rule.USED_BEFORE):
                continue
            for name in set(record.names()) - open_still - record.closed.keys():
                if reached and sure:
                    record.closed[name] = event
                    record.doubtful.discard(name)
                else:
                    record.doubtful.add(name)


_ORDER: Final = [
    (Answer.RUNS, ""),
    (Answer.EITHER, ""),
    (Answer.REFUSED, "destructive-blocked"),
    (Answer.REFUSED, "plan-changed"),
    (Answer.REFUSED, "plan-missing"),
    (Answer.REFUSED, "not-merged"),
]
