"""Random histories of a repository: what people do with pull requests, branches, labels, comments and old runs.

A history is plain data: a list of events that can be printed, repeated and made shorter. `random_history(seed)` makes
one of the moves that teams really make. A change is proposed, discussed, merged and applied, or the next run replaces
its run. Branches go on after their merge, and main is merged into them. Somebody pushes to main, edits a comment,
changes the account by hand, or starts an old run again. `smaller` makes a history that fails as short as it can be.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, TypeVar

from tests.branches import Branches, How, Side
from tests.ledger import GOES, Definition, Files, Wanted

_Value = TypeVar("_Value")

START: Final[Files] = {"orders": Wanted(), "users": Wanted(index="ALL", tag="a")}
"""What the account and main hold at the beginning of each history; both tables have items but `orders`."""

MOVES: Final = 10
MOST_PULLS: Final = 7

Hand = Literal[
    "puts an item in",
    "takes the items out",
    "makes the table anew",
    "makes the index anew, with other projected attributes",
    "takes the index off",
    "sets the tag to x",
    "sets the tag to a",
]
HANDS: Final[Sequence[Hand]] = Hand.__args__  # type: ignore[attr-defined]  # the values of a Literal


# --- what can happen -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """A pull request is opened, from main or from the branch of an earlier one."""

    number: int
    edits: Mapping[str, Definition | None]
    branch_of: int | None = None

    def __str__(self) -> str:
        start = "main" if self.branch_of is None else f"the branch of #{self.branch_of}"
        return f"#{self.number} is opened from {start}: {_edited(self.edits)}"


@dataclass(frozen=True, slots=True)
class Add:
    """Another commit is pushed to its branch."""

    number: int
    edits: Mapping[str, Definition | None]

    def __str__(self) -> str:
        return f"#{self.number} gets another commit: {_edited(self.edits)}"


@dataclass(frozen=True, slots=True)
class Update:
    """Main is merged into its branch; where both changed a file one side's file is kept."""

    number: int
    keep: Side

    def __str__(self) -> str:
        return f"main is merged into the branch of #{self.number}; in a conflict the {self.keep}'s file is kept"


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan runs on it."""

    number: int
    environment: str = ""

    def __str__(self) -> str:
        return f"plan of #{self.number}{_for(self.environment)}"


@dataclass(frozen=True, slots=True)
class Label:
    """The label is put on, or taken off."""

    number: int
    on: bool = True

    def __str__(self) -> str:
        return f"#{self.number} {'gets' if self.on else 'loses'} the label"


@dataclass(frozen=True, slots=True)
class Edit:
    """Somebody else edits the comment with the plan."""

    number: int
    environment: str = ""

    def __str__(self) -> str:
        return f"mallory edits the comment at #{self.number}{_for(self.environment)}"


@dataclass(frozen=True, slots=True)
class Merge:
    """It is merged."""

    number: int
    how: How = "merge"

    def __str__(self) -> str:
        return f"#{self.number} is merged ({self.how})"


@dataclass(frozen=True, slots=True)
class Push:
    """Somebody commits to main directly."""

    edits: Mapping[str, Definition | None]

    def __str__(self) -> str:
        return f"direct push to main: {_edited(self.edits)}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a run of apply meets: AWS denies an operation, or at a call it is cancelled, or killed."""

    kind: Literal["denied", "cancelled", "killed"]
    operation: str = ""
    call: int = 0

    def __str__(self) -> str:
        return f"{self.operation} is denied" if self.kind == "denied" else f"{self.kind} at call {self.call}"


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply runs on what was pushed to main: the last commit, or an older one's run is started again."""

    of: int | None = None
    environment: str = ""
    named: bool = False
    trouble: Trouble | None = None

    def __str__(self) -> str:
        what = "apply of main" if self.of is None else f"the apply of main's push {self.of} is started again"
        named = ", `allow-destructive` names all" if self.named else ""
        return f"{what}{_for(self.environment)}{named}{f', {self.trouble}' if self.trouble else ''}"


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody changes the account."""

    table: str
    what: Hand

    def __str__(self) -> str:
        return f"somebody {self.what}: {self.table}"


Event: TypeAlias = Open | Add | Update | Plan | Label | Edit | Merge | Push | Apply | ByHand


@dataclass(frozen=True, slots=True)
class History:
    """A whole history.

    Args:
        generated: Whether git has only `.gitkeep` at the path, and the definitions are made by a script.
        environments: The environments that are planned and applied; "" is none.
    """

    events: tuple[Event, ...]
    generated: bool = False
    environments: tuple[str, ...] = ("",)


def prefix(environment: str) -> str:
    """The table prefix of an environment: each has tables of its own."""
    return "s-" if environment == "staging" else ""


def move_on(branches: Branches, event: Event) -> None:
    """Let an event change the repository, if it is one that does."""
    match event:
        case Open(number, edits, branch_of):
            start = branches.tip if branch_of is None else branches.pulls[branch_of].head
            branches.open(number, start, edited(start.files, edits))
        case Add(number, edits):
            branches.add(number, edited(branches.pulls[number].head.files, edits))
        case Update(number, keep):
            branches.update(number, keep)
        case Merge(number, how):
            branches.merge(number, how)
        case Push(edits):
            branches.push(edited(branches.tip.files, edits))
        case _:
            pass


def edited(files: Files, edits: Mapping[str, Definition | None]) -> Files:
    """Files after an edit: a definition each, None removes one."""
    return {name: wanted for name, wanted in {**files, **edits}.items() if wanted is not None}


def _edited(edits: Mapping[str, Definition | None]) -> str:
    return ", ".join(f"{name} {wanted or '(no file any more)'}" for name, wanted in edits.items()) or "nothing changes"


def _for(environment: str) -> str:
    return f" for {environment}" if environment else ""


# --- how histories are drawn -----------------------------------------------------------------------------------------


def random_history(seed: int, *, moves: int = MOVES) -> History:
    """The history of a seed."""
    dice = random.Random(seed)  # noqa: S311  # to repeat a history
    generated = dice.random() < 0.1
    environments = ("production", "staging") if dice.random() < 0.1 else ("",)
    teller = _Teller(dice, Branches(START, generated=generated), environments)
    for _ in range(dice.randint(moves // 2, moves)):
        for event in teller.move():
            teller.tell(event)
    return History(tuple(teller.events), generated, environments)


def smaller(history: History, fails: Callable[[History], bool]) -> History:
    """The history without the events that its failure does not need."""
    step = max(len(history.events) // 2, 1)
    while step:
        at = len(history.events) - step
        while at >= 0:
            shorter = replace(history, events=(*history.events[:at], *history.events[at + step :]))
            if possible(shorter) and fails(shorter):
                history = shorter
            at -= step
        step //= 2
    return history


def possible(history: History) -> bool:
    """Whether each event can happen after those before it."""
    branches = Branches(START, generated=history.generated)
    for event in history.events:
        pull = branches.pulls.get(getattr(event, "number", 0))
        match event:
            case Open(branch_of=before) if before is not None and before not in branches.pulls:
                return False
            case Add() | Update() if pull is None or pull.merge:
                return False
            case Plan() | Merge() if pull is None or pull.merge or branches.result(event.number) is None:
                return False
            case Label() | Edit() if pull is None:
                return False
            case Apply(of=of) if of is not None and of >= len(branches.pushed):
                return False
            case _:
                move_on(branches, event)
    return True


@dataclass
class _Teller:
    """Tells a history move by move; it follows the branches, so that only what is possible happens."""

    dice: random.Random
    branches: Branches
    environments: tuple[str, ...]
    events: list[Event] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """Add an event."""
        self.events.append(event)
        move_on(self.branches, event)

    def move(self) -> Iterator[Event]:
        """One of the things that teams do."""
        open_pulls = [number for number, pull in self.branches.pulls.items() if pull.merge is None]
        kinds = ["push", "again", "again", "hand"] + ["meddle"] * bool(self.branches.pulls)
        kinds += ["propose"] * 5 if len(self.branches.pulls) < MOST_PULLS else []
        kinds += ["discuss"] * 3 + ["land"] * 5 if open_pulls else []
        match self.pick(kinds):
            case "propose":
                yield from self.propose()
            case "discuss":
                yield from self.discuss(self.pick(open_pulls))
            case "land":
                yield from self.land(self.pick(open_pulls))
            case "push":
                files = self.branches.tip.files
                yield Push((self.chance(50) and self.back(files)) or self.edits(files))
                yield from self.run()
            case "meddle":
                yield from self.meddle(self.pick(sorted(self.branches.pulls)))
            case "again":
                yield self.apply(of=self.dice.randrange(len(self.branches.pushed)))
            case _:
                yield self.by_hand()
                yield from self.run()

    def propose(self) -> Iterator[Event]:
        """A pull request with a plan, and most often with what makes the plan green; often it lands at once."""
        number = len(self.branches.pulls) + 1
        merged = [known for known, pull in self.branches.pulls.items() if pull.merge is not None]
        branch_of = self.pick(merged) if merged and self.chance(30) else None
        start = self.branches.tip if branch_of is None else self.branches.pulls[branch_of].head
        yield Open(number, self.edits(start.files), branch_of)
        yield from self.settle(number)
        if not self.chance(8):
            yield from self.plan(number)
        if self.chance(60):
            yield Label(number)
        if self.chance(30):
            yield from self.land(number)

    def discuss(self, number: int) -> Iterator[Event]:
        """Something happens at an open pull request."""
        match self.pick(["add", "meddle", "plan", "update"]):
            case "add":
                yield Add(number, self.edits(self.branches.pulls[number].head.files))
            case "meddle":
                yield from self.meddle(number)
            case "update":
                yield Update(number, self.side())
        yield from self.plan(number)

    def meddle(self, number: int) -> Iterator[Event]:
        """Somebody touches a pull request, merged or not."""
        kind = self.pick(["edit", "label", "unlabel"])
        yield Edit(number, self.pick(self.environments)) if kind == "edit" else Label(number, kind == "label")

    def land(self, number: int) -> Iterator[Event]:
        """It is merged; where there is a conflict it is settled first. Its run may be replaced by the next one's."""
        if self.branches.result(number) is None:
            yield from self.settle(number)
            if self.chance(80):
                yield from self.plan(number)
        yield Merge(number, self.pick(["merge", "rebase", "squash"]))
        if self.chance(15):
            yield from self.meddle(number)
        if self.chance(25):
            yield self.by_hand()
        yield from self.run()

    def settle(self, number: int) -> Iterator[Event]:
        """Conflicts with main are settled in the branch."""
        if self.branches.result(number) is None:
            yield Update(number, self.side())

    def plan(self, number: int) -> Iterator[Event]:
        """A plan for each environment; a pull request with a conflict starts no run."""
        if self.branches.result(number) is not None:
            for environment in self.environments:
                yield Plan(number, environment)

    def by_hand(self) -> Event:
        """Somebody changes the account."""
        table = self.pick(["orders", "users", "users"])
        return ByHand(table, "puts an item in" if table == "orders" and self.chance(50) else self.pick(HANDS))

    def run(self) -> Iterator[Event]:
        """The run of a push to main, or none: the next one replaces it."""
        for environment in self.environments:
            if not self.chance(30):
                yield self.apply(environment=environment)

    def apply(self, *, of: int | None = None, environment: str | None = None) -> Apply:
        """A run of apply, with what may go wrong."""
        environment = self.pick(self.environments) if environment is None else environment
        return Apply(of, environment, named=self.chance(5), trouble=self.trouble() if self.chance(15) else None)

    def trouble(self) -> Trouble:
        """What goes wrong with a run."""
        operations = ["CreateTable", "DeleteTable", "TagResource", "UntagResource", "UpdateTable", "UpdateTimeToLive"]
        kind = self.pick(["denied"] * 6 + ["cancelled"] * 2 + ["killed"])
        if kind == "denied":
            return Trouble("denied", operation=self.pick(operations))
        return Trouble("killed" if kind == "killed" else "cancelled", call=self.dice.randint(6, 26))

    # What an edit may be.
    def edits(self, files: Files) -> Mapping[str, Definition | None]:
        """A change of one file, or of two; now and then files go back to what main had once."""
        if self.chance(25) and (back := self.back(files)):
            return back
        names = self.pick([["users"], ["users"], ["users"], ["orders"], ["orders", "users"]])
        return {name: self.definition(name, files.get(name)) for name in names}

    def back(self, files: Files) -> Mapping[str, Definition | None]:
        """What a revert does: the files of an earlier push."""
        old = self.pick(self.branches.pushed).files
        return {name: old.get(name) for name in sorted({*old, *files}) if old.get(name) != files.get(name)}

    def definition(self, name: str, now: Definition | None) -> Definition | None:
        """Another definition of a table, in one point most often; `orders` always has one."""
        if not isinstance(now, Wanted):
            return self.other(now, [GOES, None, START["users"], Wanted()])
        if name == "users" and self.chance(25):
            return self.pick([GOES, GOES, None])
        often = ["index", "index", "tag", "tag"] if name == "users" else ["key", "key", "key", "tag"]
        match self.pick([*often, "key", "expires"]):
            case "index":
                return replace(now, index=self.other(now.index, [None, None, "ALL", "ALL", "KEYS_ONLY"]))
            case "tag":
                return replace(now, tag=self.other(now.tag, ["a", "a", "b", "b", None]))
            case "expires":
                return replace(now, expires=not now.expires)
            case _:
                return replace(now, key=self.other(now.key, ["id", "other"]))

    # Dice.
    def pick(self, values: Sequence[_Value]) -> _Value:
        """One of these."""
        return self.dice.choice(values)

    def other(self, now: object, values: Sequence[_Value]) -> _Value:
        """One of these, but not what there is now."""
        return self.pick([value for value in values if value != now])

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred."""
        return self.dice.random() * 100 < percent

    def side(self) -> Side:
        """Whose file is kept."""
        return "branch" if self.chance(60) else "main"
