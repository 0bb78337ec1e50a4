"""Encryption at rest (SSESpecification): the key, the cost of sending it again, the quota.

docs/dynamodb.md#encryption
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator import definitions, errors
from tests.simulator.account import AWS_KEY_ALIAS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.account import Account
    from tests.simulator.tables import Json, Table

KMS = "com.amazonaws.services.kms.model"


def resolve(account: Account, specification: Json) -> str | None:
    """The ARN of the key that is meant; None for the key that AWS owns."""
    if not specification.get("Enabled"):
        return None
    wanted = specification.get("KMSMasterKeyId", AWS_KEY_ALIAS)
    key = account.find_key(wanted)
    if key is None:
        raise errors.validation(f"KMS validation error: {KMS}.NotFoundException: Key '{wanted}' does not exist")
    if not key.enabled:
        raise errors.validation(f"KMS key disabled error: {KMS}.DisabledException: {key.arn} is disabled.")
    if key.spec != "SYMMETRIC_DEFAULT":
        raise errors.internal_failure()
    return key.arn


def prepare(account: Account, table: Table, request: Json) -> Callable[[], None]:
    """Check a change of the key; give back what begins it. An alias sent again is a change, and costs one."""
    specification = request["SSESpecification"]
    definitions.check_encryption(specification)
    live = table.encryption
    if live.status == "UPDATING":
        raise errors.in_use(f"Server-Side Encryption is still being updated: {table.name}")
    if not specification.get("Enabled") and live.key is None:
        raise errors.invalid("Table is already encrypted by default")
    if live.key is not None and specification.get("KMSMasterKeyId") == live.key:
        raise errors.invalid(
            "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change "
            "Master Key"
        )
    if table.replicas and "KMSMasterKeyId" in specification:
        raise errors.validation(
            "Customer Managed CMKs on Global Table Version 2019.11.21 replicas cannot be updated through "
            "SSESpecification parameter and can only be updated through ReplicaUpdates parameter"
        )
    key = resolve(account, specification)
    account.check_quota(table, "SSESpecification")

    def done() -> None:
        live.key, live.status = key, "ENABLED" if key else ""

    def begin() -> None:
        account.spend_quota(table, "SSESpecification")
        live.status = "UPDATING"  # the table itself stays ACTIVE
        account.later(account.duration("encryption", table.name), done)

    return begin
