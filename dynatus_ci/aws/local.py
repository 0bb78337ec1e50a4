"""A boto3 client for an emulator, with made-up credentials; nothing of the environment goes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3

from dynatus_ci.aws.client import DUMMY_KEY, DUMMY_REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def client(endpoint_url: str) -> DynamoDBClient:
    """A client of the emulator at a URL; DynamoDB Local takes any key of letters and digits."""
    session = boto3.Session(
        aws_access_key_id=DUMMY_KEY, aws_secret_access_key=DUMMY_KEY, aws_session_token=None, region_name=DUMMY_REGION
    )
    return session.client("dynamodb", endpoint_url=endpoint_url)
