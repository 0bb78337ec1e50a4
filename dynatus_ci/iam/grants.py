"""One permission of a policy, and where the tables are that it is about."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from dynatus_ci.errors import InvalidInput
from dynatus_ci.table import probe
from dynatus_ci.table.aspects.replicas import Replicas
from dynatus_ci.table.model import Table
from dynatus_ci.table.origins import copy_from, keep_items
from dynatus_ci.text import code, quoted

PolicyMode: TypeAlias = Literal["plan", "check", "drift", "apply"]
"""The modes whose policy depends on the definitions. Drift reads what plan reads, and check reads items, too."""
PARTITIONS = {
    "cn-": "aws-cn",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "us-gov-": "aws-us-gov",
}
"""The beginning of a region → its partition, if that is not `aws`. A test compares with botocore's partitions.json."""
KEY = r"(arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:(?=alias/|key/))?(?:(alias/[a-zA-Z0-9/_-]+)|(?:key/)?([a-zA-Z0-9-]+))"
"""A KMS key: its region and account if they are there, and its alias or its id."""
TABLES = "Tables"
TRANSFERS = "ExportsAndImports"
KINESIS_STREAMS = "KinesisDataStreams"
AUTO_SCALING = "AutoScaling"
WITH_ANY_TABLE = frozenset({"Read", "Change"})
"""The purposes that `for_any_table` widens."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource. The condition is canonical JSON."""

    purpose: str
    action: str
    resource: str = "*"
    condition: str = "{}"
    topic: str = TABLES


@dataclass(frozen=True, slots=True)
class PolicyScope:
    """Where the tables are. Parts that are not known are `*`."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, region: str | None, account: str | None) -> PolicyScope:
        """Where the tables of a region and an account are. None for any."""
        found = (name for beginning, name in PARTITIONS.items() if (region or "").startswith(beginning))
        return cls(next(found, "aws"), region or "*", account or "*")

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        return f"arn:{self.partition}:{service}:{self.region if region is None else region}:{self.account}:{resource}"

    def table(self, table: Table, *, region: str | None = None) -> str:
        return self.arn("dynamodb", f"table/{table.name}", region=region)

    def replicas(self, table: Table) -> dict[str, Mapping[str, Any]]:
        """The replicas of the definition in other regions than the table's own."""
        return {name: replica for name, replica in (table.at((Replicas.name,)) or {}).items() if name != self.region}

    def probe(self, table: Table) -> str:
        return self.arn("dynamodb", f"table/{probe.probe_name(table.name)}")

    def staging(self, table: Table) -> str:
        """The table that holds the items while their table is replaced."""
        return self.arn("dynamodb", f"table/{keep_items.staging_name(table.name)}")

    def source(self, table: Table) -> str:
        """The table whose items are copied into this one."""
        return self.arn("dynamodb", f"table/{table.at(copy_from.PATH)}")


def for_any_table(grant: Grant, names: Collection[str], prefix: str) -> Grant:
    """The grant for every table whose name begins with the prefix, if it reads or changes one of the named tables.

    What deletes, fills or replicates a table stays with that table.
    """
    arn, part, rest = grant.resource.partition("table/")
    name = rest.partition("/")[0].removesuffix("-*")  # without its index, and without the end of its alarms
    if grant.purpose not in WITH_ANY_TABLE or name not in names:
        return grant
    return replace(grant, resource=f"{arn}{part}{prefix}*")


def topic_of(aspect: str) -> str:
    """An aspect's name in a Sid."""
    return aspect.removesuffix("Specification")


def key_resource(key: str, scope: PolicyScope, *, region: str | None = None) -> tuple[str, Mapping[str, Any]]:
    """A KMS key as a resource and a condition. A policy can have an alias only as a condition.

    https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
    """
    match = re.fullmatch(KEY, key)
    if match is None:
        raise InvalidInput(f"{code(quoted(key))} is neither the id, the alias nor the ARN of a KMS key.")
    owner, alias, identity = match.groups()
    resource = f"key/{identity or '*'}"
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}} if alias else {}
    return (f"{owner}{resource}" if owner else scope.arn("kms", resource, region=region)), condition


def topic_of_key(key: str) -> str:
    """The topic of a KMS key. Each alias has its own statement, because it is a condition."""
    alias = re.search("alias/(.+)", key)
    return f"KeysOfAlias{words(alias[1])}" if alias else "Keys"


def words(text: str) -> str:
    """A text as part of a Sid, which can have only ASCII letters and digits."""
    return "".join(word[0].upper() + word[1:] for word in re.findall("[A-Za-z0-9]+", text))
