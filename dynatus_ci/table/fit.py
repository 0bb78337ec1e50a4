"""Do the live items fit? The questions that a change of a table asks of its items, and what their answers mean.

A question is data: a part of the table, a reason, and tests of attributes that become the filter of a Scan.
`aws.asking` asks the questions of a plan. `aws.copier` answers those of a copy as it reads all items.

docs/dynamodb.md#items-and-new-indexes

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from dynatus_ci.errors import FailureReason, Refusal
from dynatus_ci.table.aspects import keys
from dynatus_ci.table.aspects.ttl import TimeToLive
from dynatus_ci.table.item_checks import OF_KEYS, Check, Extent, Misfit
from dynatus_ci.table.items import KeyAttribute, key_names, may_repeat, unproven
from dynatus_ci.table.model import GLOBAL, Action, Difference, Effect, Path, Table, TableChange, Value
from dynatus_ci.table.origins import copy_from, keep_items
from dynatus_ci.text import all_of, by_number, code, codes, option, plural, series

OLDEST_SECONDS = 5 * 365 * 86_400
"""Items whose time is past for longer than five years do not expire."""
MILLISECONDS = 100_000_000_000
"""A time above this (the year 5138) was most likely written in milliseconds."""
MOST_TESTS = 50
"""So many tests make one filter: AWS takes 300 operators and functions, and a test has at most five with its OR."""
DENIED = "access to Scan is denied"
NOT_READ = "nothing could be read in time"
KINDS = {"S": "a string", "N": "a number", "B": "binary"}


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """A test of one attribute of an item. It is true if the attribute does not fit.

    Args:
        attribute: The attribute.
        misfit: What would be wrong with it.
        kind: The type that it should have: S, N or B.
        most: The most bytes that it may have; for a time, the seconds since 1970 that are now.
    """

    attribute: str
    misfit: Misfit
    kind: str = "N"
    most: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """How many items do not fit one part of a table for one reason. An item counts where one of the tests holds.

    Whether items have the same key (DUPLICATE) is no matter of one item: there the tests only name the attributes.
    `unless` are the tests of the same part's reasons before this one: so no item counts for two reasons of one part.
    """

    path: Path
    reason: Misfit
    tests: tuple[AttributeTest, ...]
    unless: tuple[AttributeTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions to the items of one table: of the one that changes, or of the one that it is to be filled from."""

    table: Table
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter expression with its names and values, as Scan takes them."""

    expression: str
    names: Mapping[str, str]
    values: Mapping[str, Value]

    def parameters(self) -> dict[str, Value]:
        """The parameters of Scan."""
        return {
            "FilterExpression": self.expression,
            "ExpressionAttributeNames": dict(self.names),
            **({"ExpressionAttributeValues": dict(self.values)} if self.values else {}),
        }


@dataclass(frozen=True, slots=True)
class Answers:
    """What the items of a table answered.

    Args:
        read: How much of the table was read.
        items: How many items were read.
        misfits: Question → how many of these do not fit.
        keys: Question → the keys of some of these, where somebody asked for them. They go to a terminal only.
        denied: Whether nothing was read because Scan is denied.
    """

    read: Extent
    items: int = 0
    misfits: Mapping[Question, int] = field(default_factory=dict)
    keys: Mapping[Question, tuple[Mapping[str, Value], ...]] = field(default_factory=dict, repr=False)
    denied: bool = False


# --- from a change to questions --------------------------------------------------------------------------------------


def of_actual(change: TableChange, *, now: float) -> Asked | None:
    """What the change of an actual table asks of its items; None where it asks nothing, or is refused anyway.

    Args:
        change: What the table needs.
        now: Seconds since 1970.
    """
    actual, desired = change.actual, change.desired
    if change.refusal or change.action is not Action.UPDATE or actual is None or desired is None:
        return None
    if actual.transitions.get(()) == "CREATING":
        return None  # nobody can read its items yet
    differences = (d for d in change.differences if d.effect is not Effect.UNSUPPORTED and d.desired is not None)
    found = tuple(question for difference in differences for question in _of(difference, actual, desired, int(now)))
    return Asked(actual, found) if found else None


def _of(difference: Difference, actual: Table, desired: Table, now: int) -> Iterator[Question]:
    path = difference.path
    if path[:1] == (GLOBAL,) and len(path) == 2:
        yield from about_keys([key for key in unproven(actual, desired) if key.owner == path])
    elif path == (TimeToLive.name,) and difference.desired["Enabled"]:
        for reason in (Misfit.EXPIRED, Misfit.NOT_A_NUMBER, Misfit.MILLISECONDS):
            yield Question(path, reason, (AttributeTest(difference.desired["AttributeName"], reason, most=now),))


def is_unknown(change: TableChange) -> bool:
    """Whether it is not known if the items fit: nobody asks them for a change that is refused anyway."""
    return bool(change.refusal and not change.checks and change.action not in {Action.NOOP, Action.DELETE})


def of_copy(change: TableChange, *, whole: bool) -> Asked | None:
    """What a change asks of the items that are to be copied into the table; None where it asks nothing.

    Args:
        change: What the table needs.
        whole: Whether all items are read. Only then one knows whether two of them have the same key.
    """
    source, target = change.source, change.desired
    if change.refusal or source is None or target is None:
        return None
    repeats = key_names(target) if whole and may_repeat(source, target) else ()
    found = tuple(about_copy(path_of_copy(target), unproven(source, target), repeats))
    return Asked(source, found) if found else None


def path_of_copy(target: Table) -> Path:
    """The path of the difference by which items are copied into a table."""
    return keep_items.PATH if target.manages(keep_items.NAME) else copy_from.PATH


def about_copy(of: Path, attributes: Iterable[KeyAttribute], repeats: Sequence[str]) -> Iterator[Question]:
    """What a copy asks of the items.

    Args:
        of: The path of the copy's difference: the paths of its questions begin with it.
        attributes: The key attributes that the items may not fit.
        repeats: The attributes of the new key, if two items may have the same one.
    """
    found = [replace(question, path=(*of, *question.path)) for question in about_keys(attributes)]
    of_key = (*of, *keys.KEY)
    yield from (question for question in found if question.path == of_key)
    if repeats:
        tests = tuple(AttributeTest(name, Misfit.DUPLICATE) for name in repeats)
        yield Question(of_key, Misfit.DUPLICATE, tests)
    yield from (question for question in found if question.path != of_key)


def about_keys(attributes: Iterable[KeyAttribute]) -> Iterator[Question]:
    """What the keys of a table and its indexes ask of the items, in the order of their owners.

    Args:
        attributes: The attributes that the items may not fit (`items.unproven`).
    """
    for owner, same in groupby(attributes, lambda attribute: attribute.owner):
        tests = [test for attribute in same for test in _key_tests(attribute)]
        before: tuple[AttributeTest, ...] = ()
        for reason in OF_KEYS:
            own = tuple(test for test in tests if test.misfit is reason)
            # One attribute alone has one fault at most.
            unless = before if len({test.attribute for test in (*own, *before)}) > 1 else ()
            if own:
                yield Question(owner, reason, own, unless)
            before += own


def _key_tests(key: KeyAttribute) -> Iterator[AttributeTest]:
    if not key.only_length:
        if key.needed:
            yield AttributeTest(key.name, Misfit.MISSING, key.kind)
        yield AttributeTest(key.name, Misfit.TYPE, key.kind)
        if key.kind != "N":
            yield AttributeTest(key.name, Misfit.EMPTY, key.kind)
    if key.kind != "N":
        yield AttributeTest(key.name, Misfit.LENGTH, key.kind, key.longest)


# --- from questions to filters ---------------------------------------------------------------------------------------


def grouped(asked: Iterable[Question]) -> list[tuple[Question, ...]]:
    """The questions in groups, each of which fits into one filter."""
    groups: list[list[Question]] = [[]]
    for question in asked:
        if groups[-1] and len(_tests([*groups[-1], question])) > MOST_TESTS:
            groups.append([])
        groups[-1].append(question)
    return [tuple(group) for group in groups if group]


def any_of(asked: Sequence[Question]) -> Filter:
    """The filter of the items that do not fit for one of these reasons."""
    return _filter(_tests(asked), ())


def only(question: Question) -> Filter:
    """The filter of the items that do not fit for this reason."""
    return _filter(question.tests, question.unless)


def _tests(asked: Sequence[Question]) -> tuple[AttributeTest, ...]:
    return tuple(dict.fromkeys(test for question in asked for test in question.tests))


def _filter(tests: Sequence[AttributeTest], unless: Sequence[AttributeTest]) -> Filter:
    attributes = list(dict.fromkeys(test.attribute for test in (*tests, *unless)))
    places = {attribute: f"#a{number}" for number, attribute in enumerate(attributes)}
    values: dict[str, Value] = {}

    def either(some: Sequence[AttributeTest]) -> str:
        texts = []
        for test in some:
            text, used = _TEXTS[test.misfit](test)
            texts.append(text.replace("#", places[test.attribute]))
            values.update(used)
        return " OR ".join(texts)

    expression = either(tests)
    if unless:
        expression = f"({expression}) AND NOT ({either(unless)})"
    return Filter(expression, {place: attribute for attribute, place in places.items()}, values)


def _other_type(test: AttributeTest) -> tuple[str, dict[str, Value]]:
    return f"attribute_exists(#) AND NOT attribute_type(#, :{test.kind})", {f":{test.kind}": {"S": test.kind}}


def _empty(test: AttributeTest) -> tuple[str, dict[str, Value]]:
    return f"# = :empty{test.kind}", {f":empty{test.kind}": {"S": ""} if test.kind == "S" else {"B": b""}}


def _too_long(test: AttributeTest) -> tuple[str, dict[str, Value]]:
    values = {f":{test.kind}": {"S": test.kind}, f":most{test.most}": {"N": str(test.most)}}
    return f"attribute_type(#, :{test.kind}) AND size(#) > :most{test.most}", values


def _expired(test: AttributeTest) -> tuple[str, dict[str, Value]]:
    values = {":now": {"N": str(test.most)}, ":oldest": {"N": str(test.most - OLDEST_SECONDS)}}
    return "# < :now AND # > :oldest", values


def _milliseconds(_: AttributeTest) -> tuple[str, dict[str, Value]]:
    return "# > :milliseconds", {":milliseconds": {"N": str(MILLISECONDS)}}


def _missing(_: AttributeTest) -> tuple[str, dict[str, Value]]:
    return "attribute_not_exists(#)", {}


_TEXTS: Mapping[Misfit, Callable[[AttributeTest], tuple[str, dict[str, Value]]]] = {
    Misfit.MISSING: _missing,
    Misfit.TYPE: _other_type,
    Misfit.EMPTY: _empty,
    Misfit.LENGTH: _too_long,
    Misfit.EXPIRED: _expired,
    Misfit.NOT_A_NUMBER: _other_type,
    Misfit.MILLISECONDS: _milliseconds,
}
"""What a test says in a filter, `#` for its attribute, and the values that it uses.

A comparison of two types is false in DynamoDB, and no error.
"""


# --- from answers to findings ----------------------------------------------------------------------------------------


def checks(asked: Sequence[Question], answers: Answers) -> tuple[Check, ...]:
    """One check for each part and reason that has misfits, and one for each part that has none."""
    found: list[Check] = []
    for path, same in groupby(asked, lambda question: question.path):
        if answers.denied:
            found.append(Check(path, Misfit.DENIED, Extent.NONE, note=DENIED))
            continue
        wrong = [
            Check(path, question.reason, answers.read, answers.items, count, words(question))
            for question in same
            if (count := answers.misfits.get(question, 0))
        ]
        found += wrong or [Check(path, None, answers.read, answers.items)]
    return tuple(found)


def judged(change: TableChange, found: tuple[Check, ...]) -> TableChange:
    """The change with what was found out, refused where an item does not fit."""
    wrong = [check for check in found if check.refuses]
    checked = replace(change, checks=found)
    if not wrong or change.refusal:
        return checked
    return replace(checked, refusal=refusal(wrong))


def refusal(wrong: Iterable[Check]) -> Refusal:
    """Why the table must not be changed."""
    wrong = list(wrong)
    found = " ".join(findings(wrong))
    # Of what is copied apply asks all items whatever the input says: an item that does not fit would be lost.
    ignored = "" if any(map(_is_copied, wrong)) else f", or set {option('check')} to `none`"
    text = f"{found} Correct them (`dynatus check --show-keys` names some){ignored}."
    return Refusal(text, FailureReason.ITEMS_DO_NOT_FIT)


def findings(found: Iterable[Check]) -> Iterator[str]:
    """What was found out about the items, and what follows from it.

    A sentence or more for each part of the table with misfits, and one for all parts that fit.
    """
    fitting: dict[tuple[str, Extent, int], list[str]] = {}
    for path, group in groupby(found, lambda check: check.path):
        first, *_ = same = list(group)
        if first.reason is None and first.read is not Extent.NONE:
            fitting.setdefault((_which(first), first.read, first.items), []).append(part(path))
        else:
            yield _finding(path, same)
    for (which, read, count), parts in fitting.items():
        yield _fit(which, read, count, parts)


def _which(check: Check) -> str:
    """Which items were read, after the word `items`."""
    return f"{' to copy' if _is_copied(check) else ''}{' in a sample' if check.read is Extent.SAMPLE else ''}"


def _fit(which: str, read: Extent, count: int, parts: Sequence[str]) -> str:
    """That all items fit, as a sentence."""
    if not count and read is Extent.ALL:
        return f"There are no items{which}, so there is nothing to check."
    items = all_of(count, "item") if read is Extent.ALL else plural(count, "item")
    return f"{items}{which} {by_number(count, 'fits', 'fit')} {series(parts)}."


def _finding(path: Path, same: Sequence[Check]) -> str:
    first, misfits = same[0], sum(check.misfits for check in same)
    items = f"{plural(first.items, 'item')}{_which(first)}"
    if first.reason is Misfit.DENIED or first.read is Extent.NONE:
        return f"It was not checked whether the items fit {part(path)}: {first.note or NOT_READ}."
    if path == (TimeToLive.name,):
        others = "".join(f"; in {check.misfits:,} {check.note}" for check in same[1:])
        return f"In {first.misfits:,} of {items} {first.note}{others}."
    why = str(first.note) if not same[1:] else "; ".join(f"in {c.misfits:,} of them {c.note}" for c in same)
    fit = by_number(misfits, "does not fit", "do not fit")
    return f"{misfits:,} of {items} {fit} {part(path)}: {why}.{_then(path, misfits)}"


def _then(path: Path, misfits: int) -> str:
    if path[:1] == (GLOBAL,):
        them = by_number(misfits, "it", "them")
        return f" AWS would leave {them} out of the index, and refuse every later write of {them}."
    return f" {by_number(misfits, 'It', 'They')} cannot be copied."


def part(path: Path) -> str:
    """A part of a table in a sentence."""
    if path[:1] in _COPIES:
        return part(path[1:])
    if path[:1] in {(GLOBAL,), (keys.LOCAL,)} and len(path) > 1:
        return f"index {code(path[1])}"
    return "time to live" if path == (TimeToLive.name,) else "the key"


def _is_copied(check: Check) -> bool:
    """Whether it is about items that are to be copied into the table."""
    return check.path[:1] in _COPIES


_COPIES = frozenset({copy_from.PATH, keep_items.PATH})


def words(question: Question) -> str:
    """What is wrong with the items of a question, as a phrase."""
    if question.reason is Misfit.DUPLICATE:
        return f"another item has the same {codes(test.attribute for test in question.tests)}"
    return " or ".join(_WORDS[test.misfit](code(test.attribute), test) for test in question.tests)


_WORDS: Mapping[Misfit, Callable[[str, AttributeTest], str]] = {
    Misfit.MISSING: lambda name, _: f"{name} is missing",
    Misfit.TYPE: lambda name, test: f"{name} is not {KINDS[test.kind]}",
    Misfit.EMPTY: lambda name, _: f"{name} is empty",
    Misfit.LENGTH: lambda name, test: f"{name} is longer than {test.most:,} bytes",
    Misfit.EXPIRED: lambda name, _: f"{name} is in the past, so AWS deletes them within days",
    Misfit.NOT_A_NUMBER: lambda name, _: f"{name} is not a number, so they never expire",
    Misfit.MILLISECONDS: lambda name, _: f"{name} looks like milliseconds and AWS reads seconds, so they never expire",
}
