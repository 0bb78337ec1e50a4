"""Which CloudFormation stack owns a table. CloudFormation knows it by the table's name; tags do not tell.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
"""

from __future__ import annotations

from dataclasses import dataclass

from dynatus_ci.aws.call_errors import CallFailed
from dynatus_ci.aws.client import Aws
from dynatus_ci.errors import InvalidInput
from dynatus_ci.text import code

_OF_DYNAMODB = "AWS::DynamoDB::"
_RELEASED = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})
"""CloudFormation shows a deleted stack for 90 days, with the resources that it deleted or retained."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A resource of a CloudFormation stack."""

    stack: str
    resource: str
    type: str

    def __str__(self) -> str:
        return f"the CloudFormation stack {self.stack} (resource {self.resource}, {self.type})"


def owner(aws: Aws, table: str) -> Owner | None:
    """The stack that owns a table; None where no stack does.

    Raises:
        CallFailed: CloudFormation did not answer, or access is denied.
        InvalidInput: The endpoint is not AWS's, and has no CloudFormation.
    """
    try:
        answer = aws.read_service("cloudformation", "DescribeStackResources", PhysicalResourceId=table)
    except CallFailed as failed:
        if failed.code == "ValidationError" and "does not exist" in str(failed):
            return None
        if aws.endpoint:
            message = f"{code(aws.endpoint)} cannot say which CloudFormation stack owns the table: {code(failed.code)}."
            raise InvalidInput(message, hint="Leave out `--owner` there.") from failed
        raise
    # The response holds every resource of the stack. A function and a table may have the same name.
    named = [
        resource
        for resource in answer["StackResources"]
        if resource.get("PhysicalResourceId") == table and resource["ResourceStatus"] not in _RELEASED
    ]
    named.sort(key=lambda resource: not resource["ResourceType"].startswith(_OF_DYNAMODB))
    return next((Owner(it["StackName"], it["LogicalResourceId"], it["ResourceType"]) for it in named), None)
