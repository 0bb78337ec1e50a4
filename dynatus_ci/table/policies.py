"""The grammar of a resource policy: what AWS refuses about a policy document before it looks at whom it names.

Pure. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Path
from dynatus_ci.text import code, quoted, shorten

DOCUMENT = ("Version", "Id", "Statement")
VERSIONS = ("2012-10-17", "2008-10-17")
STATEMENT = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
EITHER = (("Principal", "NotPrincipal"), ("Action", "NotAction"))
"""Of each pair every statement has exactly one."""
EFFECTS = ("Allow", "Deny")
EXAMPLE = '{:Effect "Allow" :Principal {:AWS "arn:aws:iam::…"} :Action "dynamodb:GetItem" :Resource "*"}'
PSEUDO_PARAMETER = re.compile(r"\$\{AWS::\w+\}")
"""IAM's own variables, such as ${aws:username}, are written in lower case with one colon."""


def findings(policy: Mapping[str, Any], path: Path) -> Iterator[Finding]:
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
    given = policy.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if not given:
        at, where = (At.VALUE, (*path, "Statement")) if "Statement" in policy else (At.OPENER, path)
        yield Finding(where, "policy", "The policy has no `Statement`.", f"Add one: {code(EXAMPLE)}.", at)
        return
    for number, statement in enumerate(statements):
        where = (*path, "Statement", number) if isinstance(given, list) else (*path, "Statement")
        yield from _statement(statement, where)


def _functions(value: Any, path: Path) -> Iterator[Finding]:  # JSON
    """What CloudFormation would have put in, at any depth."""
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
    elif isinstance(value, str) and (found := PSEUDO_PARAMETER.search(value)):
        message = f"The policy has CloudFormation's {code(found[0])}, which dynatus does not fill in."
        yield Finding(path, "cloudformation-function", message, "Write the value itself.")


def _statement(statement: Any, path: Path) -> Iterator[Finding]:  # JSON
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
        there = [name for name in pair if statement.get(name)]
        if not there:
            yield Finding(path, "policy", f"This statement has neither `{pair[0]}` nor `{pair[1]}`.", at=At.OPENER)
        if len(there) > 1:
            message = f"This statement has both `{pair[0]}` and `{pair[1]}`."
            yield Finding((*path, pair[1]), "policy", message, "Leave one out.", At.KEY)


def _unknown_elements(holder: Mapping[str, Any], elements: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for name in holder:
        if name not in elements:
            reading = dialects.read_key(name, elements, None)
            known = ", ".join(map(code, elements))
            hint = f"Did you mean `{reading.member}`?" if reading.member else f"Its elements are {known}."
            yield Finding((*path, name), "policy", f"A policy has no element {code(quoted(name))} here.", hint, At.KEY)
