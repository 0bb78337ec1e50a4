"""DescribeTable's answer with every member that AWS sent. boto3 drops those that its release does not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def show_all(client: Any) -> None:
    """Let a client's DescribeTable show also what its model lacks. Once or many times is the same."""
    client.meta.events.register("response-received.dynamodb.DescribeTable", _complete, unique_id="dynatus-show-all")


def _complete(response_dict: Mapping[str, Any] | None, parsed_response: Any, **_: object) -> None:
    if not response_dict or not isinstance(parsed_response, dict) or "Table" not in parsed_response:
        return
    _add(parsed_response["Table"], json.loads(response_dict["body"])["Table"])


def _add(parsed: Any, sent: Any) -> None:
    """Add what was sent to what was parsed, at any depth."""
    if isinstance(parsed, dict) and isinstance(sent, dict):
        for name, value in sent.items():
            if name in parsed:
                _add(parsed[name], value)
            elif value is not None:
                parsed[name] = value
    elif isinstance(parsed, list) and isinstance(sent, list):
        for one, other in zip(parsed, sent, strict=False):
            _add(one, other)
