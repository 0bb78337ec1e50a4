"""SSESpecification: encryption with a KMS key instead of the key that AWS owns.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSESpecification.html
docs/dynamodb.md#encryption
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dynatus_ci.errors import Refusal
from dynatus_ci.table.aspects.base import Aspect, Comparison, matches
from dynatus_ci.table.model import Difference, Path, Risk, Step, Value
from dynatus_ci.table.validation.findings import At, Finding
from dynatus_ci.table.validation.shapes import Choice, Flag, Structure, Text
from dynatus_ci.text import code

OFF: Value = {"Enabled": False}
MANAGED_KEY = "alias/aws/dynamodb"
"""The alias of the key that AWS manages. Its policy lets everybody in the account use it through DynamoDB."""


class Encryption(Aspect):
    """Server-side encryption. An alias or a key id is compared by the ARN of its key.

    It is never sent again when equal: AWS re-encrypts, and counts it, whenever it is sent.
    """

    name = "SSESpecification"
    title = "encryption"
    shape = Structure(
        {"Enabled": Flag(), "SSEType": Choice(("AES256", "KMS")), "KMSMasterKeyId": Text(1)}, required=("Enabled",)
    )
    phrased = frozenset(shape.members)
    in_create = True
    initial = OFF
    seconds = (20, 30)

    def normalise(self, value: Value) -> Value:
        """Off has one form; on is always by KMS."""
        if not value.get("Enabled"):
            return OFF
        return {"SSEType": "KMS", **value}

    def findings(self, definition: Mapping[str, Any]) -> Iterator[Finding]:
        """A key needs the type KMS, which is the only one that DynamoDB takes; off takes neither."""
        sse = definition.get(self.name) or OFF
        for member in ("SSEType", "KMSMasterKeyId"):
            if member in sse and not sse["Enabled"]:
                message = f"Encryption that is off takes no `:{member}`."
                yield Finding((self.name, member), "encryption", message, "Leave it out.", At.KEY)
        if not sse["Enabled"]:
            return
        if sse.get("SSEType") == "AES256":
            message = "DynamoDB refuses `AES256`: that is its encryption without a KMS key."
            yield Finding((self.name, "SSEType"), "encryption", message, 'Write `"KMS"`, or only `:Enabled false`.')
        if "KMSMasterKeyId" in sse and "SSEType" not in sse:
            message = 'A `:KMSMasterKeyId` needs `:SSEType "KMS"`.'
            yield Finding((self.name,), "encryption", message, "Write it beside the key.", At.OPENER)

    def read(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Value:
        """SSEDescription is absent for the key that AWS owns, and after a disable."""
        sse = description.get("SSEDescription") or {}
        if sse.get("Status") in {None, "DISABLED", "DISABLING"}:
            return OFF
        key = {"KMSMasterKeyId": sse["KMSMasterKeyArn"]} if "KMSMasterKeyArn" in sse else {}
        return {"Enabled": True, "SSEType": sse.get("SSEType", "KMS"), **key}

    def transitions(self, description: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
        """Encryption changes while TableStatus is ACTIVE; only its own status tells."""
        status = (description.get("SSEDescription") or {}).get("Status")
        if status in {"ENABLING", "DISABLING", "UPDATING"}:
            yield (self.name,), status

    def phrase(self, value: Mapping[str, Value]) -> str:
        if not value["Enabled"]:
            return "AWS owned key"
        return f"KMS key {value['KMSMasterKeyId']}" if "KMSMasterKeyId" in value else "AWS managed key"

    def consequence(self, difference: Difference) -> str:
        """A customer's key has its own policy. Other accounts cannot use the key that AWS manages."""
        if not difference.desired["Enabled"]:
            return "{table} goes back to the key that AWS owns{change}."
        if "KMSMasterKeyId" not in difference.desired:
            return "{table} is encrypted with the key that AWS manages{change}. Other accounts lose access."
        return "{table} is encrypted with another key{change}. Readers and writers need access to it."

    def differences(self, comparison: Comparison) -> Iterator[Difference]:
        """Keys are compared as ARNs; a key that cannot be looked up is left alone."""
        path = (self.name,)
        desired = comparison.desired.at(path)
        actual = OFF if comparison.creating else comparison.actual_at(path)
        if not matches(actual, self.as_aws_shows(comparison, desired)):
            yield comparison.difference(path, desired, risk=self.risk(actual, desired))

    def risk(self, actual: Value, desired: Value) -> Risk:
        """Readers and writers need access to the new key. Other accounts cannot use the key that AWS manages."""
        return Risk.DISRUPTIVE

    def refusal(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Refusal | None:
        """DynamoDB uses symmetric keys of the table's region that are enabled.

        A customer's key of a global table goes through other calls, for all regions at once.
        https://github.com/hashicorp/terraform-provider-aws/issues/21726
        """
        desired = [d.desired["KMSMasterKeyId"] for d in differences if "KMSMasterKeyId" in d.desired]
        for key in desired:
            unusable = comparison.facts.unusable_kms_keys.get(key) or _elsewhere(key, comparison.endpoint.region)
            if unusable:
                return Refusal(unusable)
        if not comparison.keeps_replicas() or not desired:
            return None
        return Refusal(
            "The table has replicas, and AWS refuses another customer key for it alone. Change the key of all regions "
            "by hand, then write it here."
        )

    def steps(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[Step]:
        """One call, expected by the key's ARN."""
        for difference in differences:
            yield self.step(
                "UpdateTable",
                comparison.update_table(SSESpecification=difference.desired),
                difference,
                expects={difference.path: self.as_aws_shows(comparison, difference.desired)},
            )

    def follows(self, difference: Difference, step: Step) -> bool:
        """AWS takes no other key while there is a replica."""
        return difference.path[0] == "Replicas" and difference.desired is None

    def reason(self, actual: Value, desired: Value) -> str:
        if not desired["Enabled"]:
            return "go back to the key that AWS owns"
        key = desired.get("KMSMasterKeyId")
        return f"encrypt with {code(key) if key else 'the KMS key that AWS manages'}"

    def unknown_key(self, comparison: Comparison) -> str | None:
        """A key by alias or id, where the actual table has a key to compare it with."""
        key = comparison.desired.at((self.name, "KMSMasterKeyId"))
        compared = key and comparison.actual_at((self.name, "KMSMasterKeyId"))
        return key if compared and not _is_arn(key) and key not in comparison.facts.kms_keys else None

    def unchecked_key(self, comparison: Comparison) -> str | None:
        """A new table's key that nobody has looked up yet."""
        key = comparison.desired.at((self.name, "KMSMasterKeyId"))
        return key if key and key not in comparison.facts.kms_keys else None

    def notes(self, comparison: Comparison, differences: tuple[Difference, ...]) -> Iterator[str]:
        key = comparison.desired.at((self.name, "KMSMasterKeyId"))
        if key and comparison.facts.kms_keys.get(key, key) is None:
            yield (
                f"Cannot verify that the table's KMS key is {code(key)}: `kms:DescribeKey` is not allowed. The key "
                "stays as it is."
            )

    def as_aws_shows(self, comparison: Comparison, desired: Value) -> Value:
        """The key by its ARN, and without it where it could not be looked up."""
        key = desired.get("KMSMasterKeyId")
        if key is None:
            return desired
        arn = key if _is_arn(key) else comparison.facts.kms_keys.get(key)
        rest = {name: value for name, value in desired.items() if name != "KMSMasterKeyId"}
        return {**rest, "KMSMasterKeyId": arn} if arn else rest


def _elsewhere(key: str, region: str) -> str | None:
    """Why a key is refused: its ARN is of another region than the table."""
    where = key.split(":")[3] if key.startswith("arn:") and key.count(":") >= 5 else ""
    if not where or not region or where == region:
        return None
    return (
        f"The KMS key {code(key)} is in {code(where)}. DynamoDB takes keys of the table's region only: {code(region)}."
    )


def _is_arn(key: str) -> bool:
    """Whether a key is named as AWS shows it; an alias has an ARN too."""
    return key.startswith("arn:") and ":key/" in key
