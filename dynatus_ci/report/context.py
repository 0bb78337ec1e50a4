"""What a report needs to know beside the plan or the result: where it is shown, and what was decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Plain facts, all decided by the caller.

    Args:
        mode: The mode, or the command.
        path: Where the definitions are, as the user wrote it.
        environment: Whose tables they are, where there is more than one environment; stands for the account.
        baseline: The definitions that the plan was compared with instead of AWS.
        commit: The commit that was planned or applied; of a pull request its head.
        run_url: The workflow run.
        summary_url: Where the whole report is, for one that had to be cut.
        comment_url: The plan that was reviewed.
        approval: `reviewed-plan`, `none`, or `reviewed` for a plan file.
        record: Whether the plan's record was written, so that apply can follow it.
        label_on: What to put the label on, in words, to name destructive differences; empty where it names none.
        label_removed: Whether this plan took the label off.
        named: Ids of differences that are named, by `allow-destructive` or the label; what is not destructive may be
            among them, and needs no name.
        unreviewed: Ids of the differences that nobody reviewed.
        superseded: Why another commit's run is to apply instead of this one.
        running: Whether the apply is still under way: the report is about its plan, and the backups made so far.
        in_github: Whether GitHub shows the report: account numbers go, and advice is about the workflow.
        notes: Sentences about the run as a whole.
    """

    mode: str = "plan"
    path: str = "resources/dynamo"
    environment: str | None = None
    baseline: str | None = None
    commit: str | None = None
    run_url: str | None = None
    summary_url: str | None = None
    comment_url: str | None = None
    approval: str = "none"
    record: bool = False
    label_on: str = ""
    label_removed: bool = False
    named: frozenset[str] = frozenset()
    unreviewed: frozenset[str] = frozenset()
    superseded: str | None = None
    running: bool = False
    in_github: bool = False
    notes: tuple[str, ...] = ()
