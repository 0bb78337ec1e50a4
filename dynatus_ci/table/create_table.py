"""The parameters of CreateTable, and how long it takes to create a table and to delete one.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

from __future__ import annotations

from dynatus_ci.table import model
from dynatus_ci.table.aspects import indexes, keys, throughput
from dynatus_ci.table.aspects.base import Comparison
from dynatus_ci.table.model import GLOBAL, Value

SECONDS = (2, 22)
"""[least, most] until a new table is ACTIVE."""
SECONDS_TO_DELETE = (4, 6)
"""[least, most] until a deleted table is gone."""


def bare(comparison: Comparison) -> dict[str, Value]:
    """Those that every table has: key, indexes and capacity."""
    key, local = comparison.desired.at(("KeySchema",)), comparison.desired.at((keys.LOCAL,)) or {}
    limits = model.finite_limits(comparison.desired.at(("OnDemandThroughput",)))
    capacity = comparison.desired.at(("ProvisionedThroughput",))
    created = [indexes.parameters(name, index) for name, index in comparison.desired.indexes().items()]
    return {
        "TableName": comparison.name,
        "AttributeDefinitions": comparison.desired.at(("AttributeDefinitions",)),
        "KeySchema": key["KeySchema"],
        "BillingMode": comparison.desired.at(("BillingMode",)),
        **({"ProvisionedThroughput": capacity} if capacity else {}),
        **({"OnDemandThroughput": limits} if limits and throughput.keeps_limits(comparison, limits) else {}),
        **({keys.LOCAL: [keys.local_parameters(*index) for index in local.items()]} if local else {}),
        **({GLOBAL: created} if created else {}),
    }
