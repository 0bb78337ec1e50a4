"""What every aspect of a table can do: docs/architecture.md#how-to-add-an-aspect.

An aspect says how it is read, normalised and compared, what its differences risk, which calls change it, and in which
words people read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from dynatus_ci.table import emulators
from dynatus_ci.table.model import DYNAMODB, Difference, Effect, Path, Phase, Risk, Step, Table, TableInfo, Value
from dynatus_ci.table.validation.findings import Finding
from dynatus_ci.table.validation.shapes import Shape


class Emptiness(Enum):
    """What is known of a table's items; only a consistent scan, paged to its end, proves it empty."""

    NOT_ASKED = "not asked"
    EMPTY = "empty"
    ITEMS = "holds items"
    RECOVERABLE = "its recovery window holds items"
    UNKNOWN = "may not be looked at"


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """One dimension of a capacity that Application Auto Scaling manages.

    Args:
        least: The least capacity.
        most: The most.
        policy: The name of the policy that moves the capacity between them; None where there is none.
        tracking: That policy's configuration, as AWS shows it.
        others: The names of further policies.
    """

    least: int
    most: int
    policy: str | None = None
    tracking: Mapping[str, Value] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    def __contains__(self, units: int) -> bool:
        return self.least <= units <= self.most


ScalableTargets: TypeAlias = Mapping[tuple[str, str], ScalableTarget]
"""(resource id, dimension) → what is registered there."""


class ProbeState(Enum):
    """What is there under the name of a table's probe."""

    NOT_ASKED = "not asked"
    DENIED = "it may not be looked at"
    ABSENT = "nothing"
    OURS = "a probe of this table"
    FOREIGN = "another table"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that a missing table is to be restored from, as DescribeBackup shows it.

    Args:
        status: AWS's word; None where there is no such backup.
        table: The name of the table that it was made of.
        made: When, as text.
        items: How many items it has.
        bytes: Its size.
        key: Its KeySchema.
        indexes: Kind of index → name → key and projection; None where the backup does not say which it has.
        encrypted: Whether its table had a KMS key, or may have had one.
    """

    status: str | None = None
    table: str = ""
    made: str = ""
    items: int = 0
    bytes: int = 0
    key: tuple[Value, ...] = ()
    indexes: Mapping[str, Mapping[str, Value]] | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class TableExport:
    """An export of a table to S3, as DescribeExport shows it.

    Args:
        arn: Its ARN.
        status: AWS's word.
        made: When it began, as text.
        items: How many items it has, once it is COMPLETED.
        folder: Where its data is, as the prefix of the objects' keys.
        failure: AWS's code and text, if it FAILED.
    """

    arn: str
    status: str
    made: str = ""
    items: int = 0
    folder: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class TableImport:
    """An import of a table from S3, as DescribeImport shows it.

    Args:
        arn: Its ARN.
        status: AWS's word.
        table_id: The TableId of the table that it makes.
        folder: Where its data is, as the prefix of the objects' keys.
        items: How many items it has written.
        errors: How many it could not write.
        failure: AWS's code and text, if it FAILED.
        log: The ARN of the log group that has the errors.
    """

    arn: str
    status: str
    table_id: str = ""
    folder: str = ""
    items: int = 0
    errors: int = 0
    failure: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What AWS has of the way of a table's items through S3 (see `through_s3`).

    Args:
        possible: Whether the source can be exported: its point-in-time recovery is on.
        exports: Its exports into the table's folder, the newest first.
        imports: The imports from that folder into a table of this name, the newest first.
    """

    possible: bool = True
    exports: tuple[TableExport, ...] = ()
    imports: tuple[TableImport, ...] = ()


@dataclass(frozen=True, slots=True)
class StagingTable:
    """What exists under the name of a table's copy (see `keep_items`).

    Args:
        table: What DescribeTable shows, with the tags where they can be read; None where there is none.
        denied: Whether nobody may look.
        backup: The ARN of the newest backup of the table that was copied, where that table is gone.
    """

    table: Table | None = None
    denied: bool = False
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What a run of apply remembers of a table; everything else it looks up again before each step.

    Args:
        backup: The ARN of the backup that this run made, once it is AVAILABLE.
        probing: Whether this run has asked for the probe.
        probed: Whether this run has seen the probe ACTIVE: AWS takes the new table.
        indexes: The global indexes as this run saw them last, also those that it has deleted.
        checked: The TableId of the table whose items this run has seen to fit the table that they are copied into.
        copied: Whether this run has seen all items of the source in the table that is filled from it.
        made: Whether the table is one that this run makes.
        staging: Whether this run has made the table's copy.
        staged: What this run has copied into the table's copy: the TableIds of the table and its copy.
        equal: The same of a table and a copy that this run has seen to be equal.
        returned: The same of a table and a copy of which this run has seen all items in the table.
    """

    backup: str | None = None
    probing: bool = False
    probed: bool = False
    indexes: Mapping[str, Value] = field(default_factory=dict)
    made: bool = False
    checked: str | None = None
    copied: bool = False
    staging: bool = False
    staged: tuple[str, str] | None = None
    equal: tuple[str, str] | None = None
    returned: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a plan of one table rests on beside its two sides: what this run knows of the account and the endpoint.

    What is None or NOT_ASKED has not been looked up yet; `lookups.missing_facts` says when it must be.

    Args:
        emulator: The emulator that answers in AWS's place, if one was recognised.
        unsupported: The settings that this endpoint cannot keep.
        ignore_tags: Patterns of tag keys that are left alone.
        scaling: The scalable targets of the table and its indexes; `scaling_denied` where they may not be read.
        schedules: (resource id, dimension) → the names of its scheduled actions.
        kms_keys: KMS key id, alias or ARN → key ARN; None where it cannot be looked up.
        unusable_kms_keys: The same → why DynamoDB cannot use that key.
        probe: What is there under the name of the table's probe.
        backups: Whether the endpoint can make backups.
        backup: The backup that the table is to be restored from; None where nobody looked.
        sources: Name → the actual table that items are copied from; None where there is none. Of these only what
            DescribeTable shows.
        copied: Whether the table has all items of its source; None where that was not asked.
        copy_rate: The most items that a copy writes in a second.
        wait_seconds: How long apply may take; None where that is not known.
        staging: What exists under the name of the table's copy; None where that was not asked.
        transfer: What AWS has of the way of the table's items through S3; None where that was not asked.
        memory: What this run remembers of the table.
    """

    region: str = ""
    emulator: str | None = None
    unsupported: frozenset[str] = frozenset()
    ignore_tags: tuple[str, ...] = ()
    scaling: ScalableTargets | None = None
    scaling_denied: bool = False
    schedules: Mapping[tuple[str, str], tuple[str, ...]] | None = None
    kms_keys: Mapping[str, str | None] = field(default_factory=dict)
    unusable_kms_keys: Mapping[str, str] = field(default_factory=dict)
    emptiness: Emptiness = Emptiness.NOT_ASKED
    probe: ProbeState = ProbeState.NOT_ASKED
    backups: bool = True
    backup: Backup | None = None
    sources: Mapping[str, Table | None] = field(default_factory=dict)
    copied: bool | None = None
    copy_rate: int | None = None
    wait_seconds: float | None = None
    staging: StagingTable | None = None
    transfer: Transfer | None = None
    memory: Memory = Memory()

    @property
    def cannot_keep(self) -> frozenset[str]:
        """The settings that this endpoint is known not to keep."""
        return self.unsupported | emulators.CANNOT_KEEP.get(self.emulator or "", frozenset())


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
    def creating(self) -> bool:
        """Whether there is no table yet."""
        return self.actual is None

    @property
    def info(self) -> TableInfo | None:
        """The actual table's identity and state; None where the table is missing."""
        return self.actual.info if self.actual else None

    def actual_at(self, path: Path) -> Value:
        """The actual value at a path; None where it, or the table, is absent."""
        return self.actual.at(path) if self.actual else None

    def was_at(self, index: str, member: str) -> Value:
        """An actual global index's member; of an index that this run has deleted, what it was."""
        actual = self.actual_at(("GlobalSecondaryIndexes", index)) or self.facts.memory.indexes.get(index) or {}
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
    """What may stand there."""
    title: ClassVar[str]
    """What people call it in a sentence; where it has `named` members, what they call one of them."""
    fixed: ClassVar[bool] = False
    """Whether only a new table can have another value."""
    of_table: ClassVar[bool] = False
    """Whether every table has it: CreateTable and `replacement` treat it as a part of the table itself."""
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
    none: ClassVar[str | None] = None
    """The error by which the reader says that there is none."""
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

    def written(self, value: Value) -> Value:
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

    def shown(self, comparison: Comparison, desired: Value) -> Value:
        """A desired value as AWS shows it once it is set, so far as that can be known."""
        return desired

    def satisfied(self, actual: Value, expected: Value) -> bool:
        """Whether an actual value is what a step expects."""
        return matches(actual, expected)

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> str | None:
        """Why AWS would never take these differences, of an actual table or a new one; None where it would."""
        return None

    def left(self, comparison: Comparison, differences: tuple[Difference, ...]) -> str | None:
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
