"""The place in S3 that `:Through` names: a bucket, and a folder in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.table.aspects.keys import LOCAL
from dynatus_ci.table.model import Path, Table
from dynatus_ci.table.validation import dialects
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.unknown import known
from dynatus_ci.text import code, quoted

NAME = "Through"
URL = r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.'()=/-]*))?"
"""A bucket and a folder: the characters that S3 calls safe, without the wildcard of IAM, and `=`.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""
LONGEST_FOLDER = 512
"""Characters. AWS takes 1,024 with the table's name and its own folders."""


def bucket(desired: Table) -> str:
    """The bucket's name."""
    return _parts(desired)[0]


def folder(desired: Table) -> str:
    """The prefix of the table's exports: no other table's exports are there."""
    return "/".join(part for part in (_parts(desired)[1], desired.name) if part)


def _parts(desired: Table) -> tuple[str, str]:
    match = re.fullmatch(URL, desired.at((NAME,)))
    return (match[1], (match[2] or "").strip("/")) if match else ("", "")


def folder_of_data(prefix: str, arn: str) -> str:
    """The prefix of an export's data."""
    return f"{prefix}/AWSDynamoDB/{arn.rpartition('/')[2]}/data/"


def findings(definition: Mapping[str, Any], where: Path) -> Iterator[Finding]:
    """What is wrong with the place, or with a table that is to be imported from there.

    Args:
        definition: The body from `members.check`.
        where: The path of the place in it.
    """
    url = known(known(definition, where[0]), where[1])
    if url is None:
        return
    match = re.fullmatch(URL, url)
    if match is None:
        message = f"{code(quoted(url))} is no place in S3."
        hint = dialects.placeholder_hint(url) or (
            "Write `s3://BUCKET/FOLDER`. A folder may have letters, digits and `!_.'()=/-`."
        )
        yield Finding(where, "s3-place", message, hint)
    elif len(match[2] or "") > LONGEST_FOLDER:
        yield Finding(where, "s3-place", f"The folder has more than {LONGEST_FOLDER} characters.")
    if known(definition, LOCAL):
        message = "`ImportTable` cannot create local secondary indexes."
        hint = "Leave `:Through` out: then the run copies the items itself."
        yield Finding(where, "local-index-import", message, hint, At.KEY)
