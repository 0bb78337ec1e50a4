"""The neighbours of DynamoDB on the same port: STS and KMS, as far as they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.account import AWS_KEY_ALIAS
from tests.simulator.errors import ApiError
from tests.simulator.operations import reads

if TYPE_CHECKING:
    from tests.simulator.account import Account
    from tests.simulator.tables import Json


@reads("GetCallerIdentity", "sts")
def get_caller_identity(account: Account, _: Json) -> Json:
    """Who asks: always the same role of the account."""
    return {
        "Arn": f"arn:aws:sts::{account.id}:assumed-role/deployer/session",
        "UserId": "AROAEXAMPLE:session",
        "Account": account.id,
    }


@reads("DescribeKey", "kms")
def describe_key(account: Account, request: Json) -> Json:
    """A key by id, alias or ARN."""
    key = account.find_key(request["KeyId"])
    if key is None:
        raise ApiError("NotFoundException", f"Key '{request['KeyId']}' does not exist")
    return {
        "KeyMetadata": {
            "AWSAccountId": account.id,
            "KeyId": key.id,
            "Arn": key.arn,
            "Enabled": key.enabled,
            "KeyState": "Enabled" if key.enabled else "Disabled",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeySpec": key.spec,
            "KeyManager": "AWS" if AWS_KEY_ALIAS in key.aliases else "CUSTOMER",
            "MultiRegion": False,
        }
    }
