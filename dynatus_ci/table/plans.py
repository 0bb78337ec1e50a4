"""The plan of all tables, and its document: it is written, and read back.

docs/architecture.md#documents
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dynatus_ci.errors import FailureReason, InvalidInput, Refusal
from dynatus_ci.table import document_shape
from dynatus_ci.table.item_checks import Check
from dynatus_ci.table.model import Action, Difference, Effect, Failure, Risk, Step, TableChange, Usage, digest
from dynatus_ci.text import code

FORMAT = 1
"""The format of the documents of plans and results."""
PLAN_AGAIN = "Make the plan again: a plan document must stay as it was written."


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen to every table, in name order.

    `account` is None at an endpoint without STS and with a baseline; `endpoint` is None for AWS's own.
    `notes` are about the whole plan and not part of the document; `unlisted` counts the noop tables that were left out.
    """

    tables: tuple[TableChange, ...] = ()
    account: str | None = None
    region: str | None = None
    endpoint: str | None = None
    notes: tuple[str, ...] = ()
    unlisted: int = 0

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All differences, in the order of the tables."""
        return tuple(difference for table in self.tables for difference in table.differences)

    @property
    def changes(self) -> bool:
        """Whether something would be done."""
        return any(table.changes for table in self.tables)

    @property
    def fingerprint(self) -> str:
        """A name of what is to be approved; equal for two runs over the same state."""
        approved = [[d.id, d.risk.value] for d in self.differences if d.effect is not Effect.UNSUPPORTED]
        return "sha256:" + digest([self.region, self.endpoint, approved])

    def summary(self) -> dict[str, int]:
        """Tables by action, and differences by risk."""
        actions = Counter(table.action.value if table.action else "error" for table in self.tables)
        actions[Action.NOOP.value] += self.unlisted
        risks = [difference.risk for difference in self.differences]
        return {
            **{name: actions[name] for name in ("create", "update", "recreate", "delete", "noop", "error")},
            "destructive": risks.count(Risk.DESTRUCTIVE),
            "disruptive": risks.count(Risk.DISRUPTIVE),
        }

    def without_noops(self) -> Plan:
        """The same plan with only the tables that change or could not be read."""
        tables = tuple(table for table in self.tables if table.action is not Action.NOOP)
        return replace(self, tables=tables, unlisted=self.unlisted + len(self.tables) - len(tables))

    def to_dict(self) -> dict[str, Any]:
        """The plan as a document (docs/architecture.md#documents); `from_dict` reads it back."""
        return {
            "format": FORMAT,
            "account": self.account,
            "region": self.region,
            "endpoint": self.endpoint,
            "summary": self.summary(),
            "fingerprint": self.fingerprint,
            "tables": [table.to_dict() for table in self.tables],
        }

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> Plan:
        """Read a plan document back.

        Raises:
            InvalidInput: It is not a plan document of this format, or its ids or fingerprint do not fit its content.
        """
        form = document_shape.form(document)
        if form is not None and form != FORMAT:
            message = f"This plan document has format {code(str(form))}; this release reads {FORMAT}."
            raise InvalidInput(message, hint="Plan again with this release.")
        if fault := document_shape.fault(document):
            raise InvalidInput(f"This is not a plan document of dynatus. {fault}", hint=PLAN_AGAIN)
        try:
            plan = _plan(document)
        except ValueError as broken:
            raise InvalidInput(f"The plan document was changed: {broken}.", hint=PLAN_AGAIN) from broken
        if document["fingerprint"] != plan.fingerprint:
            message = "The plan document was changed: its fingerprint does not fit its content."
            raise InvalidInput(message, hint=PLAN_AGAIN)
        return plan


def _plan(document: Mapping[str, Any]) -> Plan:
    tables = tuple(_change(table) for table in document["tables"])
    return Plan(
        tables=tables,
        unlisted=document["summary"]["noop"] - sum(table.action is Action.NOOP for table in tables),
        account=document["account"],
        region=document["region"],
        endpoint=document["endpoint"],
    )


def _change(document: Mapping[str, Any]) -> TableChange:
    error = document["error"]
    refusal = document.get("refusal")  # plans of release 0.1.0 have none
    return TableChange(
        table=document["table"],
        action=Action(document["action"]) if document["action"] else None,
        file=document["file"],
        line=document["line"],
        table_id=document["table_id"],
        differences=tuple(_difference(document["table"], difference) for difference in document["differences"]),
        steps=tuple(_step(step) for step in document["steps"]),
        notes=tuple(document["notes"]),
        error=Failure(**error) if error else None,
        refusal=Refusal(refusal["message"], FailureReason(refusal["reason"])) if refusal else None,
        checks=tuple(map(Check.from_dict, document.get("checks", ()))),  # an older document has none
    )


def _difference(table: str, document: Mapping[str, Any]) -> Difference:
    usage = document.get("usage")  # plans of release 0.1.0 have none
    difference = Difference(
        table=table,
        path=tuple(document["path"]),
        actual=document["actual"],
        desired=document["desired"],
        effect=Effect(document["effect"]),
        risk=Risk(document["risk"]),
        usage=Usage(**usage) if usage else None,
    )
    if difference.id != document["id"]:
        raise ValueError(f"the difference {code(document['id'])} does not fit its id")
    return difference


def _step(document: Mapping[str, Any]) -> Step:
    match document["seconds"]:
        case [int(least), most]:
            pass
        case _:
            raise ValueError("the seconds of a step must be [least, most]")
    return Step(
        operation=document["operation"],
        parameters=document["parameters"],
        reason=document["reason"],
        differences=tuple(document["differences"]),
        waits_for=document["waits_for"],
        risk=Risk(document["risk"]),
        seconds=(least, most),
    )
