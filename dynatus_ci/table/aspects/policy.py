"""ResourcePolicy of the table: a JSON text or a map, compared as parsed JSON.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-create-table.html
docs/dynamodb.md#resource-policies
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dynatus_ci.table import policies
from dynatus_ci.table.aspects.base import Aspect, Comparison
from dynatus_ci.table.model import Difference, Risk, Step, Value, canonical
from dynatus_ci.table.validation.findings import Finding

MOST_BYTES = 20 * 1024
ROOT = re.compile(r"^arn:[a-z-]+:iam::(\d{12}):root$")
OLD_VERSION = "2008-10-17"
"""What AWS shows where a policy has no Version; it means something else than 2012-10-17."""


class Policy(Aspect):
    """The resource-based policy. An empty map or text means: no policy."""

    name = "ResourcePolicy"
    title = "resource policy"
    shape = policies.PolicyDocument()
    reader = "GetResourcePolicy"
    by_arn = True
    not_found_error = "PolicyNotFoundException"
    writers = ("PutResourcePolicy", "DeleteResourcePolicy")
    in_create = True
    seconds = (1, 3)

    def normalise(self, value: Value) -> Value:
        """The parsed policy in the form that AWS gives back; None for no policy."""
        parsed = json.loads(value) if isinstance(value, str) and value.strip() else value
        return _canonical(parsed) if parsed else None

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """The document follows the grammar of policies, and is at most 20 KiB long."""
        policy = definition.get(self.name)
        if not policy:
            return
        size = len(canonical(policy).encode())
        if size > MOST_BYTES:
            message = f"The policy is {size:,} bytes long; DynamoDB allows {MOST_BYTES:,}."
            yield Finding((self.name,), "policy-size", message)
        yield from policies.findings(policy, (self.name,))

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        return self.normalise(answer.get("Policy"))

    def consequence(self, difference: Difference) -> str:
        return "The resource policy of {table} will be removed. Whoever depends on it loses access."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """Policies are compared as a whole."""
        desired, actual = comparison.desired.at((self.name,)), comparison.actual_at((self.name,))
        if desired != actual:
            yield comparison.difference((self.name,), desired, risk=self.risk(actual, desired))

    def risk(self, actual: Value, desired: Value) -> Risk:
        """Removing the policy is disruptive; adding or changing it is safe."""
        return Risk.SAFE if desired else Risk.DISRUPTIVE

    def reason(self, actual: Value, desired: Value) -> str:
        return "put the resource policy" if desired else "remove the resource policy"

    def parameters(self, value: Value) -> dict[str, Value]:
        """As CreateTable takes it: a text."""
        return {self.name: canonical(value)} if value else {}

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        if comparison.info is None:
            return
        arn = comparison.info.arn
        for difference in differences:
            if difference.desired is None:
                yield self.step("DeleteResourcePolicy", {"ResourceArn": arn}, difference)
            else:
                sent = {"ResourceArn": arn, "Policy": canonical(difference.desired)}
                yield self.step("PutResourcePolicy", sent, difference)


def _canonical(policy: Mapping[str, Any]) -> Value:
    """A policy in one form: AWS gives back another spelling of the same (reference: IAM JSON policy grammar)."""
    statements = policy.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return {"Version": OLD_VERSION, **policy, "Statement": [_statement(statement) for statement in listed]}


def _statement(statement: Value) -> Value:
    if not isinstance(statement, Mapping):
        return statement
    return {name: _ELEMENTS.get(name, _plain)(value) for name, value in statement.items()}


def _plain(value: Value, member: Callable[[Value], Value] = lambda text: text) -> Value:
    """Lists of texts are sets in a policy, and a set of one is its member."""
    if isinstance(value, Mapping):
        return {name: _plain(inner, member) for name, inner in value.items()}
    if isinstance(value, list):
        members = {canonical(each): each for each in (_plain(inner, member) for inner in value)}
        return next(iter(members.values())) if len(members) == 1 else [members[key] for key in sorted(members)]
    return member(value)


def _principal(value: Value) -> Value:
    """An account's root is its number: AWS turns one into the other, here and nowhere else."""
    return _plain(value, lambda one: ROOT.sub(r"\1", one) if isinstance(one, str) else one)


def _condition(value: Value) -> Value:
    """Numbers and booleans may be written as texts."""
    return _plain(value, lambda one: canonical(one) if isinstance(one, bool | int | float) else one)


_ELEMENTS: Mapping[str, Callable[[Value], Value]] = {
    "Effect": lambda effect: str(effect).capitalize(),
    "Principal": _principal,
    "NotPrincipal": _principal,
    "Condition": _condition,
}
