"""The grammar of a resource policy: what AWS refuses about the document itself, whoever it names.

Pure. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Path
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
    statement = policy.get("Statement")
    statements = statement if isinstance(statement, list) else [statement]
    if not statement:
        at, where = (At.VALUE, (*path, "Statement")) if "Statement" in policy else (At.OPENER, path)
        yield Finding(where, "policy", "The policy has no `Statement`.", f"Add one: {code(EXAMPLE)}.", at)
        return
    for number, each in enumerate(statements):
        where = (*path, "Statement", number) if isinstance(statement, list) else (*path, "Statement")
        yield from _statement(each, where)


def _functions(value: Any, path: Path) -> Iterator[Finding]:  # JSON
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
        written = [name for name in pair if statement.get(name)]
        if not written:
            yield Finding(path, "policy", f"This statement has neither `{pair[0]}` nor `{pair[1]}`.", at=At.OPENER)
        if len(written) > 1:
            message = f"This statement has both `{pair[0]}` and `{pair[1]}`."
            yield Finding((*path, pair[1]), "policy", message, "Leave one out.", At.KEY)


def _unknown_elements(holder: Mapping[str, Any], elements: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for name in holder:
        if name not in elements:
            reading = dialects.read_key(name, elements, None)
            hint = f"Did you mean `{reading.member}`?" if reading.member else f"Its elements are {codes(elements)}."
            yield Finding((*path, name), "policy", f"A policy has no element {code(quoted(name))} here.", hint, At.KEY)
