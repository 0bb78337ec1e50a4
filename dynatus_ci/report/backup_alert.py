"""The backups that an apply made before it deleted tables, and those that the report of an earlier one names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from dynatus_ci.report.layout import Alert, AlertLine, ReportContext
from dynatus_ci.table.outcome import Result
from dynatus_ci.table.plans import Plan
from dynatus_ci.text import code, visible

_EARLIER = "A backup that an earlier run made: "
# Only lines that begin with our own words count: elsewhere a stranger's value may look like a backup.
_NAMED = re.compile(rf"^(?:>   --backup-arn |- {_EARLIER}`)(arn:\S+:table/[\w.-]+/backup/[\w-]+)`?$", re.MULTILINE)


def alert(result: Result, context: ReportContext) -> Iterator[Alert]:
    """The backups that this run made, with the command that restores each under another name."""
    lines = tuple(
        AlertLine(
            f"{code(table.table)}: {code(table.backup)}",
            (_restore(table.table, table.backup, result.plan, context=context),),
        )
        for table in result.tables
        if table.backup
    )
    hidden_account = any("${ACCOUNT}" in copied for line in lines for copied in line.copy)
    head = ("ACCOUNT=$(aws sts get-caller-identity --query Account --output text)",) if hidden_account else ()
    if lines:
        yield Alert("IMPORTANT", "Backups", lines, ask="To restore:", language="sh", copy_head=head)


def _restore(table: str, backup: str, plan: Plan, *, context: ReportContext) -> str:
    arn = shlex.quote(visible(backup))
    if context.in_github and not arn.startswith("'"):
        arn = re.sub(r":\d{12}:", ":${ACCOUNT}:", arn)
    options = {"region": plan.region, "endpoint-url": plan.endpoint, "target-table-name": f"{table}-restored"}
    arguments = [f"--{name} {shlex.quote(visible(value))}" for name, value in options.items() if value]
    return " \\\n  ".join(["aws dynamodb restore-table-from-backup", *arguments, f"--backup-arn {arn}"])


def earlier(comment: str) -> tuple[str, ...]:
    """The backups that a comment names, as notes: the report of the next run takes its place, and must name them, too.

    Its text is all that later runs have of them. The record has no room for them, and no account number in ARNs.

    Args:
        comment: The text of a comment that only dynatus has written.
    """
    # The same backup may stand there twice: `${ACCOUNT}` takes the place of the account's number in commands.
    named = {arn.partition(":table/")[2]: arn for arn in _NAMED.findall(comment)}
    return tuple(f"{_EARLIER}{code(arn)}" for arn in named.values())
