"""Whose an endpoint is: AWS's own, or one of the user's (an emulator, a proxy). Imports nothing heavy."""

from __future__ import annotations

from urllib.parse import urlsplit

AWS_SUFFIXES = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
"""DNS suffixes of AWS's partitions (botocore's partitions.json; a test holds the two together)."""


def is_aws_endpoint(url: str | None) -> bool:
    """Whether the host is under a DNS suffix of AWS; None is boto3's own choice, so AWS's."""
    if url is None:
        return True
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in AWS_SUFFIXES)
