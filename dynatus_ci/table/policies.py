"""A resource policy: how a file may write it, and its grammar. AWS refuses what breaks that, whoever the policy names.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from dynatus_ci.table.model import Value
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.cursor import Cursor
from dynatus_ci.table.validation.findings import At, DefinitionPath, Finding
from dynatus_ci.table.validation.shapes import Text, step
from dynatus_ci.table.validation.unknown import Unknown
from dynatus_ci.table.validation.value_types import is_text, kind, listed
from dynatus_ci.text import code, codes, quoted, shorten

DOCUMENT = ("Version", "Id", "Statement")
VERSIONS = ("2012-10-17", "2008-10-17")
STATEMENT = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
EITHER = (("Principal", "NotPrincipal"), ("Action", "NotAction"))
"""Every statement has exactly one of each pair."""
EFFECTS = ("Allow", "Deny")
EXAMPLE = '{:Effect "Allow" :Principal {:AWS "arn:aws:iam::…"} :Action "dynamodb:GetItem" :Resource "*"}'
PSEUDO_PARAMETER = re.compile(r"\$\{AWS::\w+\}")
"""CloudFormation's. IAM's own variables, such as ${aws:username}, have lower case and one colon."""
MOST_DEEP = 64
"""How deep the maps and lists of a policy may be nested."""


# --- how a file may write it -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A resource policy: a map, or JSON text. An empty one means that the table has no policy."""

    def parse(self, value: Value, cursor: Cursor) -> Value:
        if isinstance(value, Mapping):
            wrapped = next((key for key in value if dialects.key_text(key) == "PolicyDocument"), None)
            return _json_object(value, cursor) if wrapped is None else self._unwrapped(value, wrapped, cursor)
        if not is_text(value):
            return cursor.refuse("wrong-type", f"{cursor.member} must be a map or a JSON text, not {kind(value)}.")
        return self._parse(value, cursor) if value.strip() else {}

    def _unwrapped(self, value: Mapping[Any, Any], key: Value, cursor: Cursor) -> Value:
        cursor.written[cursor.path] = (*cursor.written.get(cursor.path, cursor.path[-1:]), step(key))
        message = f"{cursor.member} has no `PolicyDocument`: that is a key of CloudFormation."
        hint = f"Write its value as {cursor.member} itself."
        cursor.refuse("unknown-key", message, hint=hint, at=At.KEY)
        return self.parse(value[key], cursor)

    def _parse(self, text: str, cursor: Cursor) -> Value:
        try:
            policy = json.loads(text, object_pairs_hook=_json_members, parse_constant=_no_json, parse_float=_finite)
        except (ValueError, RecursionError) as why:
            where = f" at character {why.pos + 1}" if isinstance(why, json.JSONDecodeError) else ""
            twice = f": it has {code(quoted(why.name))} twice" if isinstance(why, _Twice) else ""
            return cursor.refuse("bad-json", f"The text of {cursor.member} cannot be read as JSON{where}{twice}.")
        if not isinstance(policy, dict) or _deeper_than(MOST_DEEP, policy):
            message = f"{cursor.member} must be a JSON object, nested at most {MOST_DEEP} deep."
            return cursor.refuse("bad-json", message)
        return policy


class _Twice(ValueError):
    """A JSON object names a member twice."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _json_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. No member may be in it twice: Python would keep the last one without a word."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _Twice(name)
        members[name] = value
    return members


def _no_json(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's parser accepts."""
    raise ValueError(name)


def _finite(text: str) -> float:
    """A number with a fraction or an exponent. Python would read a too large one as Infinity."""
    number = float(text)
    return number if math.isfinite(number) else _no_json(text)


def _deeper_than(most: int, value: Value) -> bool:
    level = [value]
    for _ in range(most):
        level = [inner for item in level for inner in _nested(item)]
    return bool(level)


def _nested(value: Value) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _json(value: Value, cursor: Cursor) -> Value:
    """A value of a policy that is a map, as JSON data."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Mapping):
        return _json_object(value, cursor)
    items = listed(value)
    if items is not None:
        return [_json(item, cursor.inside(number)) for number, item in enumerate(items)]
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return Text().parse(value, cursor)


def _json_object(value: Mapping[Any, Any], cursor: Cursor) -> Value:
    parsed: dict[str, Any] = {}
    for key, item in value.items():
        name, inner = dialects.key_text(key), cursor.inside(step(key))
        if name is None:
            return cursor.refuse("bad-key", f"A key of {cursor.member} is {kind(key)}.", hint="Write it as a string.")
        if name in parsed:
            return inner.refuse("duplicate-key", f"{code(quoted(name))} is here twice.", at=At.KEY)
        parsed[name] = _json(item, inner)
    return parsed


# --- its grammar -----------------------------------------------------------------------------------------------------


def findings(policy: Mapping[str, Any], path: DefinitionPath) -> Iterator[Finding]:
    """What is wrong with a policy that is not empty."""
    functions = tuple(_functions(policy, path))
    if functions:
        yield from functions
        return
    yield from _unknown_elements(policy, DOCUMENT, path)
    version = policy.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        message = f"The policy's `Version` must be {code(quoted(VERSIONS[0]))} or {code(quoted(VERSIONS[1]))}."
        yield Finding((*path, "Version"), "policy", message)
    statement = policy.get("Statement")
    statements = statement if isinstance(statement, list) else [statement]
    if not statement:
        at, where = (At.VALUE, (*path, "Statement")) if "Statement" in policy else (At.OPENER, path)
        yield Finding(where, "policy", "The policy has no `Statement`.", f"Add one: {code(EXAMPLE)}.", at)
        return
    for number, each in enumerate(statements):
        where = (*path, "Statement", number) if isinstance(statement, list) else (*path, "Statement")
        yield from _statement(each, where)


def _functions(value: Any, path: DefinitionPath) -> Iterator[Finding]:  # JSON
    """Functions and pseudo parameters of CloudFormation, at any depth: AWS would take them as they are."""
    name = dialects.function(value)
    if name:
        message = f"The policy has CloudFormation's function {code(shorten(name))}, which dynatus does not evaluate."
        yield Finding(path, "cloudformation-function", message, "Write the value itself.")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _functions(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _functions(inner, (*path, number))
    elif isinstance(value, str) and (parameter := PSEUDO_PARAMETER.search(value)):
        message = f"The policy has CloudFormation's {code(parameter[0])}, which dynatus does not fill in."
        yield Finding(path, "cloudformation-function", message, "Write the value itself.")


def _statement(statement: Any, path: DefinitionPath) -> Iterator[Finding]:  # JSON
    if not isinstance(statement, Mapping):
        yield Finding(path, "policy", "A `Statement` must be a map.", f"Write {code(EXAMPLE)}.")
        return
    yield from _unknown_elements(statement, STATEMENT, path)
    effect = statement.get("Effect")
    if effect is None:
        yield Finding(path, "policy", "This statement has no `Effect`.", 'Add `"Allow"` or `"Deny"`.', At.OPENER)
    elif str(effect).capitalize() not in EFFECTS:
        message = f'The `Effect` of a statement is `"Allow"` or `"Deny"`, not {code(quoted(str(effect)))}.'
        yield Finding((*path, "Effect"), "policy", message)
    for pair in EITHER:
        written = [name for name in pair if statement.get(name)]
        if not written:
            yield Finding(path, "policy", f"This statement has neither `{pair[0]}` nor `{pair[1]}`.", at=At.OPENER)
        if len(written) > 1:
            message = f"This statement has both `{pair[0]}` and `{pair[1]}`."
            yield Finding((*path, pair[1]), "policy", message, "Leave one out.", At.KEY)


def _unknown_elements(holder: Mapping[str, Any], elements: tuple[str, ...], path: DefinitionPath) -> Iterator[Finding]:
    for name in holder:
        if name not in elements:
            reading = dialects.read_key(name, elements, None)
            hint = f"Did you mean `{reading.member}`?" if reading.member else f"Its elements are {codes(elements)}."
            yield Finding((*path, name), "policy", f"A policy has no element {code(quoted(name))} here.", hint, At.KEY)
