"""Rules of your own on a plan. It prints each broken rule, and exits 1 if there is one.

dynatus plan --out plan.json
python check_plan.py plan.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def broken_rules(plan: dict[str, Any]) -> Iterator[str]:
    """What a plan must not do here. Change these to your own."""
    for change in plan["tables"]:
        table, differences = change["table"], change["differences"]
        desired = {tuple(difference["path"]): difference["desired"] for difference in differences}
        recovery = desired.get(("PointInTimeRecoverySpecification",))

        if change["action"] in {"create", "recreate"} and not desired.get(("DeletionProtectionEnabled",)):
            yield f"{table}: a new table needs :DeletionProtectionEnabled true."
        if change["action"] in {"create", "recreate"} and recovery is None:
            yield f"{table}: a new table needs :PointInTimeRecoverySpecification."
        if recovery and not recovery["PointInTimeRecoveryEnabled"]:
            yield f"{table}: point-in-time recovery stays on."
        if table.startswith("billing-") and any(difference["risk"] == "destructive" for difference in differences):
            yield f"{table}: a billing table loses nothing, whoever approves it."


if __name__ == "__main__":
    found = list(broken_rules(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    print("\n".join(found) or "No rule is broken.")
    sys.exit(1 if found else 0)
