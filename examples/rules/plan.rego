# The rules of check_plan.py for conftest (https://www.conftest.dev), which runs Rego of Open Policy Agent:
#
#   dynatus plan --out plan.json
#   conftest test plan.json --policy .
package main

deny contains message if {
	some change in input.tables
	change.action in {"create", "recreate"}
	not desired(change, "DeletionProtectionEnabled")
	message := sprintf("%s: a new table needs :DeletionProtectionEnabled true.", [change.table])
}

deny contains message if {
	some change in input.tables
	change.action in {"create", "recreate"}
	not desired(change, "PointInTimeRecoverySpecification")
	message := sprintf("%s: a new table needs :PointInTimeRecoverySpecification.", [change.table])
}

deny contains message if {
	some change in input.tables
	desired(change, "PointInTimeRecoverySpecification").PointInTimeRecoveryEnabled == false
	message := sprintf("%s: point-in-time recovery stays on.", [change.table])
}

deny contains message if {
	some change in input.tables
	startswith(change.table, "billing-")
	some difference in change.differences
	difference.risk == "destructive"
	message := sprintf("%s: a billing table loses nothing, whoever approves it.", [change.table])
}

desired(change, setting) := value if {
	some difference in change.differences
	difference.path == [setting]
	value := difference.desired
	value != null
}
