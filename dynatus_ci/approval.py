"""The gate: is what would run now what was reviewed, and is what loses something named?

Everything that decides is here, and pure: what it needs is fetched elsewhere and comes in as values. It must not
touch a network, a clock, a file or the environment, and it trusts no text: a record that does not decode is no record.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from dynatus_ci.errors import FailureReason
from dynatus_ci.schema.model import Difference, Effect, Outcome, Plan, Risk, Step, TableChange, Value, digest
from dynatus_ci.schema.settings import SETTINGS

LABEL = "dynatus:allow-destructive"
"""The label that names the destructive differences of a pull request's records."""

COMMENT_BUDGET = 60_000
"""Characters of a comment (GitHub refuses more than 65,536; the rest is room for what a result adds to a record)."""

TEXT_BUDGET = 2_000
"""Characters of a comment that a record always leaves to its text."""

MOST_COMMITS = 200
MOST_RECORDS = 20

_MARKER = "<!-- dynatus-ci:{} -->"
_RECORD = "<!-- dynatus-ci-record:1 {} -->"
_RECORD_LINE = re.compile(r"<!-- dynatus-ci-record:1 (\{.*\}) -->")
_LONGEST_BODY = 262_144
_ACCOUNT_NUMBER = re.compile(r"(?<!\d)\d{8}(\d{4})(?!\d)")
_UNSAFE_IN_COMMENT = re.compile("(?<=-)-|[<>&@#]")
_Held = TypeVar("_Held")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not run, and what to do about it."""

    reason: FailureReason
    message: str
    hint: str | None = None


# --- what a comment is about -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about: two runs of the same scope share one comment. `account` is its last four digits."""

    environment: str | None = None
    account: str | None = None
    region: str | None = None
    endpoint: str | None = None
    path: str = "resources/dynamo"
    prefix: str | None = None

    @property
    def key(self) -> str:
        """KEY: 32 hex digits. The account is part of it only where there is no environment to name it."""
        name = ["environment", self.environment] if self.environment else ["account", self.account]
        return digest([name, self.region, self.endpoint, self.path, self.prefix])[:32]

    @property
    def marker(self) -> str:
        """The first line of the comment."""
        return _MARKER.format(self.key)

    def differs(self, other: Scope) -> tuple[str, ...]:
        """The parts, by the names of their inputs, in which another scope differs."""
        inputs = ("environment", "account", "region", "endpoint-url", "path", "table-prefix")
        return tuple(
            name
            for name, attribute in zip(inputs, Scope.__slots__, strict=True)
            if getattr(self, attribute) != getattr(other, attribute)
        )


def scope(
    *,
    environment: str | None,
    account: str | None,
    region: str | None,
    endpoint: str | None,
    path: str,
    prefix: str | None,
) -> Scope:
    """A scope from a run's facts: the path (relative to the workspace) normalised, the account cut to four digits."""
    return Scope(
        environment=environment or None,
        account=account[-4:] if account else None,
        region=region or None,
        # An account-based endpoint holds the account number, and comments are public.
        endpoint=_ACCOUNT_NUMBER.sub(r"\1", endpoint).rstrip("/") if endpoint else None,
        path=posixpath.normpath(path),
        prefix=prefix or None,
    )


# --- the record ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One difference as a record holds it: its risk, and for an index that goes a hash of what it was."""

    risk: Risk
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a record holds about one table: its differences by their ids, cut to 64 bits; the TableId hashed."""

    differences: Mapping[str, Reviewed]
    table_id: str | None = None
    closed: bool = False

    def reviewed(self, difference: Difference) -> Reviewed | None:
        """What was reviewed under a difference's id, or a wider one's: the creation of an index covers its capacity."""
        ids = (id_[:16] for id_ in (difference.id, *difference.within))
        found = (self.differences[id_] for id_ in ids if id_ in self.differences)
        return max(found, key=lambda reviewed: reviewed.risk.rank, default=None)


@dataclass(frozen=True, slots=True)
class Record:
    """What was shown for review in one comment, and which tables of it are used up.

    Args:
        tables: By 48 bits of the hash of a table's name: two names that clash could only be refused.
        left: None until a run has closed tables; then all tables that this record does not name are closed too,
            except these, which that run did not find in agreement.
    """

    scope: Scope
    head: str | None
    fingerprint: str
    tables: Mapping[str, Entry] = field(default_factory=dict)
    left: frozenset[str] | None = None

    def entry(self, table: str) -> Entry | None:
        """What the record holds about a table; None where it does not name it."""
        return self.tables.get(_name(table))

    def closes(self, table: str) -> bool:
        """Whether the table is used up, in this record and so in all older ones."""
        entry = self.entry(table)
        if entry:
            return entry.closed
        return self.left is not None and _name(table) not in self.left


def record(plan: Plan, scope: Scope, *, head: str | None) -> Record:
    """The record of a plan: every table that would change, all of it open."""
    tables = {_name(change.table): _entry(change) for change in plan.tables if change.changes}
    return Record(scope=scope, head=head, fingerprint=plan.fingerprint, tables=tables)


def close(record: Record, *, agreeing: Collection[str], others: Collection[str]) -> Record:
    """The record after a run: the tables that agree with the files are used up, the run's other tables are not.

    What was closed before stays closed.
    """
    if not agreeing:
        return record
    done = {_name(table) for table in agreeing}
    tables = {name: replace(entry, closed=entry.closed or name in done) for name, entry in record.tables.items()}
    open_still = {_name(table) for table in others} if record.left is None else record.left
    return replace(record, tables=tables, left=frozenset(open_still - done - tables.keys()))


def fits(record: Record) -> bool:
    """Whether the record can be kept in a comment, with room for its text."""
    return len(encode(record)) <= COMMENT_BUDGET - TEXT_BUDGET


def room(record: Record | None) -> int:
    """How many characters of text a comment may have beside its marker and this record."""
    lines = [Scope().marker, *([encode(record)] if record else [])]
    return COMMENT_BUDGET - sum(len(line) + 1 for line in lines)


def compose(text: str, *, scope: Scope, record: Record | None) -> str:
    """A comment's body: the marker, the text, and the record where there is one."""
    return "\n".join([scope.marker, text.strip("\n"), *([encode(record)] if record else [])])


def with_record(body: str, record: Record) -> str:
    """A comment's body with another record in the place of its last line, its text as it is."""
    return "\n".join([*body.replace("\r\n", "\n").rstrip().split("\n")[:-1], encode(record)])


def encode(record: Record) -> str:
    """The record as one line of Markdown that shows nothing and holds no character with a meaning to GitHub."""
    document = {
        **{name: getattr(record.scope, name) for name in Scope.__slots__},
        "head": record.head,
        "fingerprint": record.fingerprint,
        "tables": _base64(b"".join(_pack(name, entry) for name, entry in record.tables.items())),
        "left": None if record.left is None else _base64(bytes.fromhex("".join(sorted(record.left)))),
    }
    text = json.dumps(document, separators=(",", ":"))
    return _RECORD.format(_UNSAFE_IN_COMMENT.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def decode(body: str) -> Record | None:
    """The record in a comment's body; None where there is none that is whole and belongs to its first line."""
    if len(body) > _LONGEST_BODY:
        return None
    lines = [line.rstrip("\r") for line in body.rstrip().split("\n")]
    found = _RECORD_LINE.fullmatch(lines[-1])
    try:
        kept = _record(json.loads(found[1])) if found else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return kept if kept and lines[0] == kept.scope.marker else None


def _entry(change: TableChange) -> Entry:
    differences = {
        difference.id[:16]: Reviewed(risk=_lasting(difference), index=_index(difference))
        for difference in to_do(change)
    }
    return Entry(differences=differences, table_id=_identity(change))


def _identity(change: TableChange) -> str | None:
    """64 bits of the TableId's hash; None where there is none (DynamoDB Local's tables have an empty one)."""
    return _short(change.table_id) if change.table_id else None


def _lasting(difference: Difference) -> Risk:
    """The risk that a difference has until it is done.

    With a table that is only being made nothing is at risk; once it is made, what is left of its settings (CreateTable
    does not take them all) is a change of a live table, and must not need a second review.
    """
    own = [setting for setting in SETTINGS if difference.path == (setting.name,)]
    if difference.effect is not Effect.CREATE or not own:
        return difference.risk
    try:
        later = own[0].risk(own[0].initial, difference.desired)
    except (KeyError, TypeError, AttributeError):  # a plan file may hold any value
        return difference.risk
    return Risk.highest([difference.risk, later])


def _index(difference: Difference) -> str | None:
    """For an index that goes, 64 bits over its live key and projection."""
    goes = difference.risk is Risk.DESTRUCTIVE and _index_name(difference) and isinstance(difference.actual, dict)
    if not goes:
        return None
    return _short([difference.actual.get(member) for member in ("KeySchema", "AttributeDefinitions", "Projection")])


def _deletes_table(difference: Difference) -> bool:
    return difference.effect is Effect.RECREATE or (difference.effect is Effect.DELETE and not difference.path)


def _index_name(difference: Difference) -> str | None:
    match difference.path:
        case ("GlobalSecondaryIndexes", name):
            return name
        case _:
            return None


def _name(table: str) -> str:
    return digest(table)[:12]


def _short(value: Value) -> str:
    return digest(value)[:16]


# A table in a record: its name's hash, flags, the TableId's hash where it is known, then for each kind of difference
# that it has (safe, disruptive, destructive, an index that goes) their number and their ids. 3,000 differences of
# 1,000 tables with TableIds stay under 60,000 characters; JSON would need twice as many.
_KINDS = ((Risk.SAFE, False), (Risk.DISRUPTIVE, False), (Risk.DESTRUCTIVE, False), (Risk.DESTRUCTIVE, True))
_IDENTIFIED, _CLOSED = 1 << 4, 1 << 5
_LONG = 0xFF  # a number of two bytes follows


def _pack(name: str, entry: Entry) -> bytes:
    kinds = [
        [id_ + (reviewed.index or "") for id_, reviewed in entry.differences.items() if _kind(reviewed) == kind]
        for kind in _KINDS
    ]
    flags = sum(1 << number for number, kind in enumerate(kinds) if kind)
    flags |= (_IDENTIFIED if entry.table_id else 0) | (_CLOSED if entry.closed else 0)
    counted = [_number(len(kind)) + bytes.fromhex("".join(sorted(kind))) for kind in kinds if kind]
    return bytes.fromhex(name) + bytes([flags]) + bytes.fromhex(entry.table_id or "") + b"".join(counted)


def _kind(reviewed: Reviewed) -> tuple[Risk, bool]:
    return reviewed.risk, reviewed.index is not None


def _number(value: int) -> bytes:
    return bytes([value]) if value < _LONG else bytes([_LONG]) + value.to_bytes(2)


class _Packed:
    """Reads packed bytes from their start; never beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("the record ends too early")
        self._at += count
        return taken

    def name(self) -> str:
        return self.take(6).hex()

    def hash(self) -> str:
        return self.take(8).hex()

    def number(self) -> int:
        value = self.take(1)[0]
        return value if value < _LONG else int.from_bytes(self.take(2))


def _unpack(packed: _Packed) -> Iterator[tuple[str, Entry]]:
    while packed:
        name, flags = packed.name(), packed.take(1)[0]
        if flags >= _CLOSED << 1:
            raise ValueError("unknown flags")
        table_id = packed.hash() if flags & _IDENTIFIED else None
        differences = [
            (packed.hash(), Reviewed(risk, packed.hash() if index else None))
            for number, (risk, index) in enumerate(_KINDS)
            if flags & 1 << number
            for _ in range(packed.number())
        ]
        yield name, Entry(_once(differences), table_id, bool(flags & _CLOSED))


def _once(pairs: Iterable[tuple[str, _Held]]) -> dict[str, _Held]:
    listed = list(pairs)
    held = dict(listed)
    if len(held) < len(listed):
        raise ValueError("something stands twice in the record")
    return held


def _record(document: dict[str, Any]) -> Record:
    return Record(
        scope=Scope(**{name: _text(document[name], optional=name != "path") for name in Scope.__slots__}),
        head=_text(document["head"]),
        fingerprint=_text(document["fingerprint"], optional=False),
        tables=_once(_unpack(_Packed(base64.b64decode(document["tables"], validate=True)))),
        left=_left(document["left"]),
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(value: Value, *, optional: bool = True) -> Value:
    if not isinstance(value, str) and not (optional and value is None):
        raise ValueError("not a text")
    return value


def _left(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    packed, left = _Packed(base64.b64decode(text, validate=True)), set()
    while packed:
        left.add(packed.name())
    return frozenset(left)


# --- which records count ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the gate sees it.

    Args:
        contained: Whether its merge commit lies in the history of the commit that is applied.
        own: Whether it was merged as the very commit that is applied.
    """

    number: int
    base: str
    merged: bool
    contained: bool
    own: bool = False
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at a pull request.

    Args:
        body: The body of our comment of this KEY; None where there is none.
        untouched: Whether we wrote that comment and nobody else edited it.
        strangers: The scopes of our records there that are of another KEY.
        record: The comment's record, if it may be believed.
    """

    pull_request: PullRequest
    body: str | None = None
    untouched: bool = True
    strangers: tuple[Scope, ...] = ()
    record: Record | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        believed = decode(self.body) if self.body is not None and self.untouched else None
        object.__setattr__(self, "record", believed)  # frozen, and decoded once


def untouched(*, viewer_did_author: bool, author: str | None, editor: str | None) -> bool:
    """Whether we wrote a comment and nobody else edited it."""
    return viewer_did_author and (editor is None or editor == author)


def objection(finding: Finding, scope: Scope, *, branch: str) -> str | None:
    """Why a record does not count; None where it does."""
    pull_request = finding.pull_request
    name = f"pull request #{pull_request.number}"
    if not pull_request.merged:
        return f"{name} is not merged"
    if pull_request.base != branch:
        return f"{name} was merged into another branch"
    if not pull_request.contained:
        return f"{name} is not in this commit's history"
    if finding.body is not None and not finding.untouched:
        return f"the plan in {name} was edited by somebody else"
    return _misfit(finding, scope)


def _misfit(finding: Finding, scope: Scope) -> str | None:
    name, kept = f"pull request #{finding.pull_request.number}", finding.record
    if finding.body is not None and kept is None:
        return f"the plan in {name} has no record that can be read"
    if kept is None or kept.scope.differs(scope):
        others = [kept.scope] if kept else finding.strangers
        return f"{name} has no plan of ours for exactly this{_nearest(scope, others)}"
    return None


def ends_walk(finding: Finding, scope: Scope, *, branch: str) -> bool:
    """Whether older records are not to be looked at: a comment of ours that does not count hides what was used up."""
    return finding.body is not None and objection(finding, scope, branch=branch) is not None


def _nearest(scope: Scope, others: Iterable[Scope]) -> str:
    parts = min((scope.differs(other) for other in others), key=len, default=())
    return f": our nearest plan there differs in {', '.join(f'`{part}`' for part in parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class Review:
    """A record that counts, and the pull request that it belongs to (None for a plan file)."""

    record: Record
    pull_request: PullRequest | None = None

    @property
    def labelled(self) -> bool:
        """Whether the label names this record's destructive differences."""
        return self.pull_request is not None and self.pull_request.labelled


@dataclass(frozen=True, slots=True)
class Reviews:
    """All that was reviewed, newest first, and what is to be said of a difference that it does not explain.

    Args:
        because: Why there is nothing more; None where what there is does not hold the difference.
        absent: What is said of a difference that nothing here names.
    """

    counted: tuple[Review, ...] = ()
    reason: FailureReason = FailureReason.PLAN_CHANGED
    because: str | None = None
    hint: str | None = None
    absent: str = "no reviewed plan names it"

    def open_entries(self, table: str) -> Iterator[tuple[Review, Entry]]:
        """The entries that still stand for a table: closed in one record, it is closed in all older ones."""
        for review in self.counted:
            if review.record.closes(table):
                return
            entry = review.record.entry(table)
            if entry:
                yield review, entry


def reviews(findings: Sequence[Finding], scope: Scope, *, branch: str) -> Reviews:
    """What counts among the findings: the commit's own pull request first, then older ones, newest first."""
    objections = [(finding, objection(finding, scope, branch=branch)) for finding in findings]
    counted = tuple(
        Review(finding.record, finding.pull_request)
        for finding, objected in objections
        if objected is None and finding.record
    )
    own = [(finding, objected) for finding, objected in objections if finding.pull_request.own]
    if not own:
        return Reviews(
            counted,
            FailureReason.NOT_MERGED,
            "this commit has no merged pull request of its own",
            "Merge the change by a pull request that was planned; to adopt tables for the first time, run once "
            "with `approval: none`.",
        )
    if all(objected for _, objected in own):
        return Reviews(
            counted,
            FailureReason.PLAN_MISSING,
            own[0][1],
            "Open a pull request that plans this change, or approve a plan as a file (`out`, then `reviewed`).",
        )
    return Reviews(counted, hint="Plan again in a new pull request and merge that.")


def plan_file(reviewed: Plan, *, account: str | None, region: str | None, endpoint: str | None) -> Reviews:
    """A plan document as the one thing that was reviewed; of another account, region or endpoint nothing was."""
    here = {"account": account, "region": region, "endpoint": endpoint}
    parts = [name for name, value in here.items() if getattr(reviewed, name) != value]
    hint = "Plan again, review that document, and apply it."
    if parts:
        return Reviews(absent=f"the reviewed plan is of another {' and '.join(parts)}", hint=hint)
    return Reviews((Review(record(reviewed, Scope(), head=None)),), hint=hint)


# --- the decision ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides what may run.

    Args:
        reviews: What was reviewed; None with `approval: none`, where only what is destructive must be named.
        patterns: The patterns of `allow-destructive`.
    """

    reviews: Reviews | None = None
    patterns: tuple[str, ...] = ()

    def may_run(self, change: TableChange, step: Step) -> Refusal | None:
        """Why a step may not run; None where it may. Asked before each step, on what was just observed."""
        served = _served(change, step)
        deletes = step.operation == "DeleteTable"
        unexplained = [(d, why) for d in served if (why := self._unexplained(change, d, deletes=deletes))]
        if unexplained:
            return self._not_reviewed(change, [d for d, _ in unexplained], why=unexplained[0][1])
        unnamed = [difference for difference in served if not self._named(change, difference)]
        if unnamed:
            return _not_named(change, unnamed, label=self._has_labels)
        return always_refused(change)

    def unreviewed(self, change: TableChange) -> tuple[str, ...]:
        """The ids of a table's differences that no open record explains; the report marks them."""
        return tuple(d.id for d in to_do(change) if self._unexplained(change, d, deletes=False))

    def named(self, plan: Plan) -> frozenset[str]:
        """The ids of a plan's destructive differences that are named."""
        lost = [(c, d) for c in plan.tables for d in to_do(c) if d.risk is Risk.DESTRUCTIVE]
        return frozenset(difference.id for change, difference in lost if self._named(change, difference))

    def wants_more(self, plan: Plan) -> bool:
        """Whether older records could still explain or name something."""
        return any(
            self._unexplained(change, difference, deletes=False) or not self._named(change, difference)
            for change in plan.tables
            for difference in to_do(change)
        )

    @property
    def _has_labels(self) -> bool:
        return self.reviews is not None and any(review.pull_request for review in self.reviews.counted)

    def _unexplained(self, change: TableChange, difference: Difference, *, deletes: bool) -> str | None:
        """Why no open record explains a difference, in words; None where one does."""
        if self.reviews is None:
            return None
        used_up = any(review.record.closes(change.table) for review in self.reviews.counted)
        why = "what was approved for this table is used up" if used_up else self.reviews.absent
        for _, entry in self.reviews.open_entries(change.table):
            objected = _mismatch(entry, change, difference=difference, deletes=deletes)
            if objected is None:
                return None
            why = objected or why
        return why

    def _named(self, change: TableChange, difference: Difference) -> bool:
        if difference.risk is not Risk.DESTRUCTIVE or covered(difference, self.patterns):
            return True
        return self.reviews is not None and any(
            review.labelled and _mismatch(entry, change, difference=difference, deletes=False) is None
            for review, entry in self.reviews.open_entries(change.table)
        )

    def _not_reviewed(self, change: TableChange, differences: list[Difference], *, why: str) -> Refusal:
        reviews = self.reviews or Reviews()
        because = f"; {reviews.because}" if reviews.because else ""
        message = f"{change.table}: not reviewed as it would run now: {_settings(differences)} ({why}{because})."
        return Refusal(reviews.reason, message, reviews.hint)


def covered(difference: Difference, patterns: Iterable[str]) -> bool:
    """Whether a pattern names the difference: its table and all of it, or `table/index`; globs allowed."""
    index = _index_name(difference)
    for pattern in patterns:
        table, slash, rest = pattern.partition("/")
        if fnmatchcase(difference.table, table) and (not slash or (index is not None and fnmatchcase(index, rest))):
            return True
    return False


def words(difference: Difference) -> str:
    """The pattern that names exactly this difference's table, or its index."""
    index = _index_name(difference)
    return f"{difference.table}/{index}" if index and not _deletes_table(difference) else difference.table


def always_refused(change: TableChange) -> Refusal | None:
    """The refusal of what is refused always, named or not (DESIGN 5)."""
    if change.refusal is None:
        return None
    return Refusal(FailureReason.DESTRUCTIVE_BLOCKED, f"{change.table}: {change.refusal}")


def _served(change: TableChange, step: Step) -> tuple[Difference, ...]:
    """What a step serves; a step that does not say so, or names what is not there, serves all of the table."""
    served = change.served_by(step)
    known = {difference.id for difference in served}
    return served if served and known == set(step.differences) else change.differences


def to_do(change: TableChange) -> tuple[Difference, ...]:
    """The differences of a table that steps serve: what is reviewed and approved."""
    if not change.changes:
        return ()
    return tuple(difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED)


def _mismatch(entry: Entry, change: TableChange, *, difference: Difference, deletes: bool) -> str | None:
    """Why an open entry does not explain a difference: "" where it does not name it, None where it explains it."""
    reviewed = entry.reviewed(difference)
    if reviewed is None:
        return ""
    if reviewed.risk.rank < difference.risk.rank:
        return f"it was reviewed as {reviewed.risk.value} and is {difference.risk.value} now"
    if deletes or difference.risk is Risk.DESTRUCTIVE or _deletes_table(difference):
        if change.table_id is None or entry.table_id != _identity(change):
            return "another table stands behind this name than the one reviewed"
        if _index(difference) not in {None, reviewed.index}:
            return "another index stands behind this name than the one reviewed"
    return None


def _not_named(change: TableChange, differences: list[Difference], *, label: bool) -> Refusal:
    patterns = ", ".join(sorted({f"`{words(difference)}`" for difference in differences}))
    or_label = f", or the label `{LABEL}` to the pull request that planned it" if label else ""
    return Refusal(
        FailureReason.DESTRUCTIVE_BLOCKED,
        f"{change.table}: nobody named what is lost for good by this change of {_settings(differences)}.",
        f"Add {patterns} to `allow-destructive`{or_label}.",
    )


def _settings(differences: Iterable[Difference]) -> str:
    """Settings in words. Names inside a setting (tag keys) are strangers' text and stay out, but for an index's."""
    names = {_index_name(d) or (d.path[0] if d.path else "the table itself") for d in differences}
    return ", ".join(sorted(names))


# --- the plan's own verdict ------------------------------------------------------------------------------------------


def label_must_go(replaced: Record | None, current: Record) -> bool:
    """Whether the label was given for other destructive differences than those of the record to be written."""
    known = _destructive(replaced) if replaced else set()
    return not _destructive(current) <= known


def _destructive(record: Record) -> set[tuple[str, str | None, str, str | None]]:
    return {
        (name, entry.table_id, id_, reviewed.index)
        for name, entry in record.tables.items()
        for id_, reviewed in entry.differences.items()
        if reviewed.risk is Risk.DESTRUCTIVE
    }


def unnamed(plan: Plan, patterns: Collection[str], *, labelled: bool) -> tuple[Difference, ...]:
    """The destructive differences of a plan that nobody named."""
    if labelled:
        return ()
    return tuple(
        difference
        for change in plan.tables
        for difference in to_do(change)
        if difference.risk is Risk.DESTRUCTIVE and not covered(difference, patterns)
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ends: its result, and the reason where it is failed or refused."""

    result: Outcome
    reason: FailureReason | None = None
    refusals: tuple[Refusal, ...] = field(default=())


def verdict(plan: Plan, patterns: Collection[str], *, labelled: bool, recorded: bool) -> Verdict:
    """How a plan ends (DESIGN 8): `recorded` = it wrote a record that a label can name; only then is it red unnamed."""
    errors = [change.error for change in plan.tables if change.error]
    if errors:
        return Verdict(Outcome.FAILED, errors[0].reason)
    blocked = tuple(refusal for change in plan.tables if (refusal := always_refused(change)))
    if recorded:
        blocked += _blocked(plan, patterns, labelled=labelled)
    if blocked:
        return Verdict(Outcome.REFUSED, FailureReason.DESTRUCTIVE_BLOCKED, blocked)
    return Verdict(Outcome.PLANNED if plan.changes else Outcome.NOOP)


def _blocked(plan: Plan, patterns: Collection[str], *, labelled: bool) -> tuple[Refusal, ...]:
    """Unnamed destruction by table, except what is destructive only because nobody may look whether it is empty."""
    left = unnamed(plan, patterns, labelled=labelled)
    by_table = [
        (change, [difference for difference in left if difference.table == change.table])
        for change in plan.tables
        if not change.unproven
    ]
    return tuple(_not_named(change, differences, label=True) for change, differences in by_table if differences)


# --- the tip decides -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tip:
    """What stands at the path (a git object id, None where there is nothing) at the branch's tip and at this commit.

    `commit` is the tip; None where the branch is gone.
    """

    commit: str | None
    definitions: str | None
    ours: str | None


def superseded(tip: Tip) -> str | None:
    """Why this commit's run is not the one that decides; None where it is."""
    if tip.commit is None:
        return "The branch is gone, so nothing was run."
    if tip.definitions != tip.ours:
        return f"The branch has other definitions by now: the run of commit {tip.commit[:12]} is to apply them."
    return None
