"""What an endpoint may be, and whose it is: AWS's own, or the user's (an emulator, a proxy)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from dynatus_ci.text import code

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
    """Whether the host is under a DNS suffix of AWS; None is boto3's default, so AWS."""
    if url is None:
        return True
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in AWS_SUFFIXES)


def check(url: str) -> None:
    """Refuse what cannot be the address of an endpoint.

    Raises:
        ValueError: Says what is wrong. It never shows a password.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    else:
        if parts.username is not None or parts.password is not None:  # it would be printed
            raise ValueError("an endpoint holds no user name or password; credentials come from boto3's own chain")
        usable = usable and not parts.query and not parts.fragment and " " not in url
    if not usable:
        raise ValueError(f"{code(without_password(url))} is not an address such as `http://dynamodb:8000`")


def without_password(text: str) -> str:
    """A text without the user names and passwords of the addresses in it."""
    return re.sub(r"//[^/\s]*@", "//", text)
