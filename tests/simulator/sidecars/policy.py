"""Resource policies of tables: canonical text, revisions, a cooldown after each change, reads that lag.

docs/dynamodb.md#resource-policies
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.simulator import errors
from tests.simulator.clock import iso
from tests.simulator.durations import POLICY_COOLDOWN
from tests.simulator.operations import reads, writes
from tests.simulator.tables import Policy

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

MAX_BYTES = 20480
NO_POLICY = "NO_POLICY"
_ORDER: Final = ("Version", "Id", "Statement", "Sid", "Effect", "Principal", "Action", "Resource", "Condition")


def canonical(document: str) -> str:
    """The document as AWS keeps it: minified, members in its order, lists of one action or resource as that one."""
    if len(document.encode()) > MAX_BYTES:
        raise errors.invalid(f"Maximum policy size of {MAX_BYTES} bytes exceeded")
    try:
        parsed = json.loads(document)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise errors.invalid("Invalid policy document: This policy contains invalid Json")
    statements = parsed.get("Statement")
    if not statements:
        raise errors.invalid("Invalid policy document: Could not parse the policy: Statement is empty!")
    statements = statements if isinstance(statements, list) else [statements]
    if not all(isinstance(statement, dict) for statement in statements):
        raise errors.invalid("Invalid policy document: Syntax error in a statement")
    return _minified(parsed | {"Statement": [_statement(statement) for statement in statements]})


def check_principals(account: Account, document: str) -> None:
    """Refuse who was made a moment ago, as IAM tells other services late."""
    if any(arn in document and account.now < known for arn, known in account.new_principals.items()):
        raise errors.invalid("Invalid principal in policy document.")


def _minified(value: Json) -> str:
    names = sorted(value, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    return json.dumps({name: value[name] for name in names}, separators=(",", ":"))


def _statement(statement: Json) -> Json:
    changed: Json = {"Effect": str(statement.get("Effect")).capitalize()}
    for name in ("Action", "Resource"):
        value = statement.get(name)
        if isinstance(value, list) and len(value) == 1:
            changed[name] = value[0]
    principal = statement.get("Principal")
    if isinstance(principal, dict) and "AWS" in principal:
        changed["Principal"] = principal | {"AWS": _principals(principal["AWS"])}
    shown: Json = json.loads(_minified(statement | changed))
    return shown


def _principals(given: str | list[str]) -> str | list[str]:
    names = [given] if isinstance(given, str) else given
    arns = dict.fromkeys(f"arn:aws:iam::{name}:root" if name.isdigit() else name for name in names)
    return next(iter(arns)) if len(arns) == 1 else list(arns)


def revision(account: Account, document: str) -> Policy:
    """A policy as of now."""
    return Policy(document, str(int(account.now * 1000)))


@writes("PutResourcePolicy")
def put_resource_policy(account: Account, request: Json) -> Json:
    """Set the policy; the same one again changes nothing and keeps its revision."""
    table = account.by_arn(request["ResourceArn"])
    document = canonical(request["Policy"])
    check_principals(account, document)
    _check_revision(table, request)
    live = table.policies.now
    if live is None or live.document != document:
        _check_cooldown(account, table)
        live = revision(account, document)
        _set(account, table, live)
    return {"RevisionId": live.revision}


@writes("DeleteResourcePolicy")
def delete_resource_policy(account: Account, request: Json) -> Json:
    """Remove the policy; none to remove is no error."""
    table = account.by_arn(request["ResourceArn"])
    _check_revision(table, request)
    live = table.policies.now
    if live is None:
        return {}
    _check_cooldown(account, table)
    _set(account, table, None)
    return {"RevisionId": live.revision}


def _check_revision(table: Table, request: Json) -> None:
    live = table.policies.now.revision if table.policies.now else NO_POLICY
    if request.get("ExpectedRevisionId", live) != live:
        raise errors.ApiError("PolicyNotFoundException", "The ExpectedRevisionId did not match the current revision.")


def _check_cooldown(account: Account, table: Table) -> None:
    policies = table.policies
    if account.now < policies.pending_until:
        raise errors.in_use(f"Table is pending previous resource-based policy update: {table.name}")
    if policies.changed is not None and account.now < policies.changed + POLICY_COOLDOWN:
        what = f"Resource-based policy for table {table.name}"
        raise errors.too_soon(what, int(POLICY_COOLDOWN * 1000), iso(policies.changed + POLICY_COOLDOWN))


def _set(account: Account, table: Table, policy: Policy | None) -> None:
    policies = table.policies
    policies.now, policies.changed = policy, account.now
    policies.pending_until = account.now + account.duration("policy pending", table.name)

    def show() -> None:
        policies.seen = policies.now

    account.later(account.duration("policy lag", table.name) if account.lag else 0, show)


@reads("GetResourcePolicy")
def get_resource_policy(account: Account, request: Json) -> Json:
    """The policy as readers see it by now."""
    seen = account.by_arn(request["ResourceArn"]).policies.seen
    if seen is None:
        raise errors.ApiError(
            "PolicyNotFoundException",
            f"Resource-based policy not found for the provided ResourceArn: {request['ResourceArn']}",
        )
    shown = {"Version": "2008-10-17"} | json.loads(
        seen.document
    )  # shown so, and yet not equal to a policy that says so
    return {"Policy": _minified(shown), "RevisionId": seen.revision}
