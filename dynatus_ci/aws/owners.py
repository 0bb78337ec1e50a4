"""Which CloudFormation stack owns a table. Tags do not say it; CloudFormation does, by the table's name.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
"""

from __future__ import annotations

from dataclasses import dataclass

from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import Aws
from dynatus_ci.errors import InvalidInput

_OF_DYNAMODB = "AWS::DynamoDB::"
_LET_GO = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})
"""A stack shows for 90 days what it had, also what it kept when it was deleted."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A resource of a CloudFormation stack."""

    stack: str
    resource: str
    type: str

    def __str__(self) -> str:
        return f"the CloudFormation stack {self.stack} (resource {self.resource}, {self.type})"


def owner(aws: Aws, table: str) -> Owner | None:
    """The stack that owns a table; None where CloudFormation says that no stack does.

    Raises:
        CallFailed: CloudFormation may not be asked. Then nobody knows.
        InvalidInput: The endpoint is not AWS's, and has no CloudFormation.
    """
    try:
        answer = aws.read_service("cloudformation", "DescribeStackResources", PhysicalResourceId=table)
    except CallFailed as failed:
        if failed.code == "ValidationError" and "does not exist" in str(failed):
            return None
        if aws.endpoint:
            message = f"{aws.endpoint} does not say which CloudFormation stack owns the table ({failed.code})."
            raise InvalidInput(message, hint="Leave --owner out there.") from failed
        raise
    # The answer holds every resource of the stack. A function and a table may have the same name.
    named = [
        resource
        for resource in answer["StackResources"]
        if resource.get("PhysicalResourceId") == table and resource["ResourceStatus"] not in _LET_GO
    ]
    named.sort(key=lambda resource: not resource["ResourceType"].startswith(_OF_DYNAMODB))
    return next((Owner(it["StackName"], it["LogicalResourceId"], it["ResourceType"]) for it in named), None)
