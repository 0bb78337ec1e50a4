"""What every aspect of a table can do: docs/architecture.md#how-to-add-an-aspect.

An aspect says how it is read, normalised and compared, what its differences risk, which calls change it, and in which
words people read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dynatus_ci.errors import Refusal
from dynatus_ci.table.facts import AccountFacts, Endpoint
from dynatus_ci.table.model import (
    DYNAMODB,
    GLOBAL,
    Difference,
    Effect,
    Path,
    Phase,
    Risk,
    Step,
    Table,
    TableInfo,
    Value,
)
from dynatus_ci.table.validation.findings import Finding
from dynatus_ci.table.validation.shapes import Shape

FIXED_IN_INDEX = ("KeySchema", "AttributeDefinitions", "Projection")
"""The parts of an index that AWS never changes: another value means another index."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table's two sides and what is known around them. `actual` is None where the table is missing."""

    desired: Table
    actual: Table | None
    facts: AccountFacts

    @property
    def name(self) -> str:
        """The table's name."""
        return self.desired.name

    @property
    def endpoint(self) -> Endpoint:
        """What answers the calls."""
        return self.facts.endpoint

    @property
    def creating(self) -> bool:
        """Whether there is no table yet."""
        return self.actual is None

    @property
    def info(self) -> TableInfo | None:
        """The actual table's identity and state; None where the table is missing."""
        return self.actual.info if self.actual else None

    @property
    def table_id(self) -> str:
        """The actual table's TableId; empty where the table is missing."""
        return self.actual.table_id if self.actual else ""

    def actual_at(self, path: Path) -> Value:
        """The actual value at a path; None where it, or the table, is absent."""
        return self.actual.at(path) if self.actual else None

    def was_at(self, index: str, member: str) -> Value:
        """An actual global index's member; of an index that this run has deleted, what it was."""
        actual = self.actual_at((GLOBAL, index)) or self.facts.memory.indexes.get(index) or {}
        return actual.get(member)

    def keeps_replicas(self) -> bool:
        """Whether the table has a replica that does not go."""
        actual = self.actual_at(("Replicas",)) or {}
        return any(
            not self.desired.manages("Replicas") or self.desired.at(("Replicas", region)) is not None
            for region in actual
        )

    def rebuilds(self, index: str) -> bool:
        """Whether a global index that is there is desired with other keys or another projection."""
        desired, actual = (side.indexes().get(index) if side else None for side in (self.desired, self.actual))
        return bool(desired and actual and any(desired.get(member) != actual.get(member) for member in FIXED_IN_INDEX))

    def difference(
        self,
        path: Path,
        desired: Value,
        *,
        effect: Effect = Effect.IN_PLACE,
        risk: Risk = Risk.SAFE,
        covered_by: tuple[str, ...] = (),
    ) -> Difference:
        """A difference of this table at a path. With a table that is only being made nothing is at risk."""
        if self.creating:
            effect, risk = Effect.CREATE, Risk.SAFE
        return Difference(self.name, path, self.actual_at(path), desired, effect, risk, covered_by)

    def update_table(self, **parameters: Value) -> dict[str, Value]:
        """The parameters of an UpdateTable call on this table."""
        return {"TableName": self.name, **parameters}


class Aspect:
    """One aspect of a table. The defaults fit a member of DescribeTable that UpdateTable changes alone."""

    name: ClassVar[str]
    """The member's name in a definition."""
    shape: ClassVar[Shape]
    """The values that a definition may give it."""
    title: ClassVar[str]
    """What people call it in a sentence; where it has `named` members, what they call one of them."""
    fixed: ClassVar[bool] = False
    """Whether only a new table can have another value."""
    in_every_table: ClassVar[bool] = False
    """Whether every table has it. CreateTable sets it, so `replacement` treats it as a part of the table itself."""
    named: ClassVar[bool] = False
    """Whether its paths go on with a name: a tag's key, a replica's region."""
    phase: ClassVar[Phase] = Phase.CHANGE
    """When its steps run; none but deletion protection's own may come in the last phase."""
    reader: ClassVar[str | None] = None
    """The operation that reads it; None where DescribeTable shows it."""
    by_arn: ClassVar[bool] = False
    """Whether the reader takes the table's ARN, as ResourceArn, and not its name."""
    pages: ClassVar[str | None] = None
    """The member of the reader's answer that comes in pages."""
    explainer: ClassVar[str | None] = None
    """The operation that says why a change failed, where the reader does not."""
    not_found_error: ClassVar[str | None] = None
    """The error code by which the reader says that the setting does not exist."""
    service: ClassVar[str] = DYNAMODB
    """The service whose operations change it."""
    writers: ClassVar[tuple[str, ...]] = ("UpdateTable",)
    """The operations that change it."""
    in_create: ClassVar[bool] = False
    """Whether CreateTable takes it."""
    seconds: ClassVar[tuple[int, int | None]] = (0, 1)
    """How long a change takes, [least, most]."""
    initial: ClassVar[Value] = None
    """The value on a table that was made without mentioning it."""

    def normalise(self, value: Value) -> Value:
        """A definition's value in the normal form that `read` gives, too."""
        return value

    def to_definition(self, value: Value) -> Value:
        """An actual value as a definition has it; an empty list is left out of the file."""
        return value

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """What AWS would refuse about this aspect of a definition, as far as the file alone shows it."""
        yield from ()

    def mentioned(self, definition: Mapping[str, Any]) -> bool:
        """Whether a definition has a value for it."""
        return definition.get(self.name) is not None

    def desired(self, definition: Mapping[str, Any]) -> Value:
        """The value of a definition that mentions it, in normal form."""
        return self.normalise(definition[self.name])

    def owns(self, path: Path) -> bool:
        """Whether a difference at a path is one of this aspect."""
        return path[:1] == (self.name,)

    def serves(self, path: Path) -> bool:
        """Whether its steps carry out a difference at a path."""
        return self.owns(path)

    def managed(self, desired: Table) -> bool:
        """Whether a definition mentions this aspect."""
        return desired.manages(self.name)

    def concerns(self, comparison: Comparison) -> bool:
        """Whether there may be differences in it: a definition mentions it."""
        return self.managed(comparison.desired)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """The actual value in normal form, from DescribeTable's table and the reader's answer. None means absent."""
        raise NotImplementedError

    def observe(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, Value]]:
        """All actual values that this aspect is about, with their paths."""
        yield (self.name,), self.read(description, answer)

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """What is under way at this aspect."""
        yield from ()

    def failures(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """What AWS accepted and could not do at this aspect: its word for that, and its reason."""
        yield from ()

    def failure(self, failures: Mapping[Path, str], path: Path, expected: Value) -> str | None:
        """Which of these failures keeps an expected value from coming."""
        return failures.get(path)

    def risk(self, actual: Value, desired: Value) -> Risk:
        """What it risks to go from the actual to the desired value."""
        return Risk.SAFE

    def reason(self, actual: Value, desired: Value) -> str:
        """Why a step is taken, in one plain phrase."""
        return f"set {self.title}"

    phrased: ClassVar[frozenset[str]] = frozenset()
    """The members that `phrase` knows. A value with another member is shown as a diff of JSON. So is every value if
    this is empty."""

    def phrase(self, value: Mapping[str, Value]) -> str:
        """A value in a few words, as plain text: `by expires_at`. Reports mark it as a value."""
        raise NotImplementedError

    def consequence(self, difference: Difference) -> str:
        """What a risky difference means to who uses the table.

        A sentence with places, which `report.wording.consequence` fills:
        {table}: the table, or several: equal sentences of several tables become one.
        {whole_table}: the same with the word "Table" before one name.
        {held}: how many items the table has, in brackets, with a space before it.
        {member}: the name in the path, such as an index's.
        {name}: what the path is called, as at the beginning of a sentence.
        {change}: from what to what, in brackets; empty where there are no words for it.
        {attribute}: the desired AttributeName.
        """
        return f"{{table}}: {self.title} changes."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """How the two sides differ at this aspect. On a new table its initial value is no difference."""
        path = (self.name,)
        desired = comparison.desired.at(path)
        actual = self.initial if comparison.creating else comparison.actual_at(path)
        if not matches(actual, desired):
            yield comparison.difference(path, desired, risk=self.risk(actual, desired))

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """The calls that carry this aspect's differences out, in order."""
        for difference in differences:
            yield self.step("UpdateTable", comparison.update_table(**self.parameters(difference.desired)), difference)

    def follows(self, difference: Difference, step: Step) -> bool:
        """Whether one of its steps comes only after another difference is done, even if that has to wait."""
        return False

    def parameters(self, value: Value) -> dict[str, Value]:
        """The value as a member of CreateTable or UpdateTable."""
        return {self.name: value}

    def as_aws_shows(self, comparison: Comparison, desired: Value) -> Value:
        """A desired value as AWS shows it once it is set, so far as that can be known."""
        return desired

    def satisfied(self, actual: Value, expected: Value) -> bool:
        """Whether an actual value is what a step expects."""
        return matches(actual, expected)

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """Why AWS would never take these differences, of an actual table or a new one; None where it would."""
        return None

    def left_undone(self, comparison: Comparison, differences: tuple[Difference, ...]) -> str | None:
        """What remains of these differences after a run that makes the table, and why; None where nothing does."""
        return None

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        """What people should know of this aspect besides its differences."""
        yield from ()

    def unknown_key(self, comparison: Comparison) -> str | None:
        """The KMS key that must be looked up before the two sides can be compared."""
        return None

    def step(
        self,
        operation: str,
        parameters: Mapping[str, Value],
        *served: Difference,
        expects: Mapping[Path, Value] | None = None,
    ) -> Step:
        """A step of this aspect that serves some differences; without `expects` their desired values must show."""
        desired = {difference.path: difference.desired for difference in served}
        return Step(
            operation=operation,
            parameters=parameters,
            reason=self.reason(served[0].actual, served[0].desired),
            differences=tuple(difference.id for difference in served),
            expects=desired if expects is None else expects,
            waits_for=f"{self.title} set",
            seconds=self.seconds,
            aspect=self.name,
            phase=self.phase,
            service=self.service,
        )


def matches(actual: Value, desired: Value) -> bool:
    """Whether the actual value has all that is desired; members that are not written are not compared."""
    if isinstance(desired, Mapping) and isinstance(actual, Mapping):
        return all(name in actual and matches(actual[name], value) for name, value in desired.items())
    return bool(actual == desired and isinstance(actual, bool) == isinstance(desired, bool))
