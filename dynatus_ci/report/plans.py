"""A plan as a view: for a review, and for drift. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from dynatus_ci import approval
from dynatus_ci.report import consequences, values, words
from dynatus_ci.report import view as views
from dynatus_ci.report.consequences import Loss
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import Alert, Line, Row, Section, Setting, StepLine, View
from dynatus_ci.schema.indexes import GLOBAL
from dynatus_ci.schema.model import Action, Difference, Effect, Failure, Plan, Step, TableChange

_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.RECREATE: "-/+", Action.DELETE: "-", Action.NOOP: " "}
_ACCOUNT = re.compile(r"(?<!\d)\d{8}(?=\d{4}(?!\d))")
_NAMED_TABLES = 3
_PLANNED: dict[str, str] = {action: f"to {action}" for action in Action if action is not Action.NOOP}
_DRIFTED: dict[str, str] = {
    Action.CREATE: "missing",
    Action.UPDATE: "different",
    Action.RECREATE: "different in the key",
    Action.DELETE: "still there",
}
_ABSENT: dict[str | None, str] = {Action.CREATE: "not in the account", Action.DELETE: "absent in the files"}
_APPROVALS = {
    "none": "Apply runs without a review here (`approval: none`).",
    "reviewed": "Apply runs this plan from its file (`reviewed`), and nothing else.",
}
_RECORDED = "Merging approves this plan. Apply then runs these changes, and nothing else."
_UNRECORDED = (
    "No record of this plan was written. Apply needs it as a file (`out`, then `reviewed`), or `approval: none`."
)


def plan(plan: Plan, context: Context) -> View:
    """A plan, to be reviewed before it runs."""
    changed = _worst_first(plan)
    verdict = _verdict(plan, context)
    return View(
        title=views.title("plan", context, verdict or counts(plan)),
        lead="" if not verdict else counts(plan) if changed or _unread(plan) else _agreeing(plan),
        alerts=tuple(_alerts(plan, context)),
        next=tuple(_next(plan, context)),
        columns=("Table", "Change", "What changes", "Takes"),
        rows=tuple(
            Row(change.table, str(change.action), _what(change), _takes(change.steps), views.MARKS[change.risk])
            for change in changed
        ),
        sections=(*(section(change, context) for change in changed), *_remarks(plan)),
    )


def drift(plan: Plan, context: Context) -> View:
    """A plan, as what the account no longer has of the files."""
    changed, unread = _worst_first(plan), _unread(plan)
    verdict = f"{len(changed)} of {words.plural(len(plan.tables), 'table')}" if changed else "none"
    return View(
        title=views.title("drift", context, "not known" if unread and not changed else verdict),
        lead=_counted(plan, _DRIFTED, unchanged="as the files say") if changed or unread else _agreeing(plan),
        legend="A difference reads: account → files." if changed else "",
        alerts=tuple(_unreadable(plan)),
        next=tuple(_repair(changed, context)),
        columns=("Table", "Drift", "What differs"),
        rows=tuple(Row(c.table, _drifted(c), _ABSENT.get(c.action) or _what(c)) for c in changed),
        sections=(*(_drift_section(change, context) for change in changed), *_remarks(plan)),
    )


def losses(plan: Plan) -> list[Loss]:
    """What is lost by this plan, named or not, except what is refused anyway."""
    return [loss for change in plan.tables if not change.refusal for loss in consequences.destructive(change)]


def counts(plan: Plan) -> str:
    """The tables by what happens to them, as a sentence."""
    return _counted(plan, _PLANNED, unchanged="unchanged")


def section(change: TableChange, context: Context) -> Section:
    """A changed table in full."""
    steps = [words.plural(len(change.steps), "step"), _takes(change.steps)] if change.steps else []
    return Section(
        name=change.table,
        sign=_SIGNS[change.action] if change.action else "!",
        mark=views.MARKS[change.risk],
        gist=", ".join([str(change.action), *steps]),
        place=f"{change.file}:{change.line}" if change.file and change.line else change.file or "",
        sides=("After",) if change.action is Action.CREATE else ("Now", "After"),
        settings=_settings(change, context),
        steps=tuple(step_line(step) for step in change.steps),
        notes=change.notes if context.running else consequences.untold(change),
    )


def step_line(step: Step, *, status: str = "", took: float | None = None) -> StepLine:
    """A step as people read it."""
    wait = [f"{words.span(step.cooldown)} after the step before"] if step.cooldown else []
    return StepLine(
        operation=step.operation,
        reason=step.reason,
        waits="; ".join([*wait, *([f"until {step.waits_for}"] if step.waits_for else [])]),
        takes=words.duration(*step.seconds),
        mark=views.MARKS[step.risk],
        status=status,
        took=words.span(took) if took is not None else "",
    )


def failed(table: str, why: Failure) -> str:
    """Why a table could not be read or changed, as a sentence."""
    return f"{words.code(table)}: {why.message.removeprefix(f'{table}: ')}"


def naming(lost: Iterable[Loss], context: Context, *, title: str, aim: str = "To approve") -> Alert:
    """What is lost and not named, and the exact words that name it: an option of the command, or the action's input."""
    named = [(loss.sentence, words.clean(approval.words(loss.difference))) for loss in lost]
    if not context.in_github:
        lines = tuple(Line(sentence, (f"--allow-destructive {pattern}",)) for sentence, pattern in named)
        return Alert("CAUTION", title, lines, ask=f"{aim}, give `dynatus apply`:")
    label = f"put the label {words.code(approval.LABEL)} on {context.label_on}, or " if context.label_on else ""
    return Alert(
        "CAUTION",
        title,
        # An account number in a name is matched by wildcards: GitHub shows none.
        tuple(Line(sentence, (f"  {_ACCOUNT.sub('????????', pattern)}",)) for sentence, pattern in named),
        ask=f"{aim}, {label}add to the action's inputs:",
        language="yaml",
        copy_head=("allow-destructive: |",),
    )


def _worst_first(plan: Plan) -> list[TableChange]:
    """The changed tables, the riskiest first, else by name."""
    return sorted((change for change in plan.tables if change.changes), key=lambda change: -change.risk.rank)


def _unread(plan: Plan) -> int:
    """How many tables could not be read."""
    return sum(bool(change.error) for change in plan.tables)


def _refused(plan: Plan) -> int:
    return sum(bool(change.refusal) for change in plan.tables)


def _unnamed(plan: Plan, context: Context) -> list[Loss]:
    """What is lost for certain, and named by nobody."""
    return [loss for loss in losses(plan) if loss.difference.id not in context.named and not loss.change.unproven]


def _agreeing(plan: Plan) -> str:
    """That nothing is to be done."""
    number = plan.summary()["noop"]
    return f"{words.plural(number, 'table')} agree{'s' if number == 1 else ''} with the files."


def _counted(plan: Plan, named: Mapping[str, str], *, unchanged: str) -> str:
    """How many tables for each action that occurs, and for what is neither change nor action."""
    numbers = plan.summary()
    said = {**named, "error": "not readable", "noop": unchanged}
    return ", ".join(f"{numbers[name]:,} {what}" for name, what in said.items() if numbers[name]) or f"0 {unchanged}"


def _takes(steps: Iterable[Step]) -> str:
    """How long some steps take, one after the other."""
    least = most = 0
    open_ended = False
    for step in steps:
        least += step.seconds[0] + step.cooldown
        most += (step.seconds[1] or 0) + step.cooldown
        open_ended = open_ended or step.seconds[1] is None
    return words.duration(least, None if open_ended else most)


def _settings(change: TableChange, context: Context) -> tuple[Setting, ...]:
    """The differences of a table that something can be done about."""
    # Why a table is replaced comes first; a local index that is the cause is a part of the new table, too.
    ordered = sorted(_real(change), key=lambda difference: not _is_cause(difference))
    found: dict[str, Setting] = {}
    for setting in (setting for difference in ordered for setting in views.settings(difference, context)):
        found.setdefault(setting.label, setting)
    return tuple(found.values())


def _real(change: TableChange) -> list[Difference]:
    return [difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED]


def _verdict(plan: Plan, context: Context) -> str:
    if _unread(plan):
        return f"failed, {words.plural(_unread(plan), 'table')} could not be read"
    if _refused(plan):
        return f"{words.plural(_refused(plan), 'table')} refused"
    lost = len(_unnamed(plan, context))
    if lost and context.label_on:
        return f"blocked by {words.plural(lost, 'destructive change')}"
    return "" if plan.changes else "no changes"


def _alerts(plan: Plan, context: Context) -> Iterator[Alert]:
    yield from _unreadable(plan)
    refused = tuple(Line(f"{words.code(c.table)}: {c.refusal}") for c in plan.tables if c.refusal)
    if refused:
        yield Alert("CAUTION", "Refused, whoever approves it", refused)
    blocking = _unnamed(plan, context)
    if blocking:
        yield naming(blocking, context, title=f"{words.plural(len(blocking), 'destructive change')}, not approved")
    yield from _known_losses(plan, context)
    disturbed = tuple(Line(sentence) for change in plan.tables for sentence in consequences.disruptive(change))
    if disturbed:
        yield Alert("WARNING", f"{words.plural(len(disturbed), 'disruptive change')}", disturbed)


def _known_losses(plan: Plan, context: Context) -> Iterator[Alert]:
    """What is lost and named, and what is lost only if a table turns out to hold items."""
    named = tuple(Line(loss.sentence) for loss in losses(plan) if loss.difference.id in context.named)
    if named:
        yield Alert("CAUTION", f"{words.plural(len(named), 'destructive change')}, approved", named)
    perhaps = [loss for loss in losses(plan) if loss.change.unproven and loss.difference.id not in context.named]
    if perhaps:
        title = f"{words.plural(len(perhaps), 'table')} deleted only if empty, unless approved"
        yield naming(perhaps, context, title=title, aim="To approve it with items")


def _unreadable(plan: Plan) -> Iterator[Alert]:
    lines = tuple(Line(failed(change.table, change.error)) for change in plan.tables if change.error)
    if lines:
        yield Alert("CAUTION", "Could not be read", lines)


def _next(plan: Plan, context: Context) -> Iterator[str]:
    if context.label_removed:
        label = words.code(approval.LABEL)
        yield f"The label {label} was taken off: what is destructive has changed since it was put on."
    if _unread(plan) or _refused(plan):
        yield f"Plan again when {'every table can be read' if _unread(plan) else 'nothing is refused any more'}."
    elif not plan.changes or context.mode == "apply":
        return
    elif context.baseline:
        yield "Compared with other definitions, not with AWS. This approves nothing."
    elif not context.in_github:
        options = " with what is named above" if _unnamed(plan, context) else ""
        yield f"Run `dynatus apply`{options} to carry this out."
    elif _unnamed(plan, context) and context.label_on:
        yield "This check stays red until what is destructive is approved. Merging then approves the plan."
    else:
        yield _APPROVALS.get(context.approval) or (_RECORDED if context.record else _UNRECORDED)


def _what(change: TableChange) -> str:
    """What changes, in words; of a table that is replaced, only why."""
    if change.action is Action.DELETE:
        return "table and items"
    real = _real(change)
    causes = [_cause(difference) for difference in real if _is_cause(difference)]
    if causes:
        return ", ".join(causes)
    new = change.action is Action.CREATE
    index, *owned = (_owned(setting, real, named=not new) for setting in (GLOBAL, "Replicas", "Tags"))
    # Inside an index a setting has the name that it has outside.
    paths = (d.path[2:] or d.path[:1] for d in real)
    found = dict.fromkeys(values.name(path) for path in paths if path and path[0] not in values.MEMBERS)
    return ", ".join(filter(None, ["new table" if new else "", index, *found, *owned]))


def _is_cause(difference: Difference) -> bool:
    """Whether it is why a table is replaced."""
    return difference.effect is Effect.RECREATE and difference.path != ()


def _cause(difference: Difference) -> str:
    """Why a table is replaced: its old and its new key, or a local index."""
    return f"{values.name(difference.path)} {values.change(difference)}".rstrip()


def _owned(setting: str, differences: Iterable[Difference], *, named: bool) -> str:
    """The members of a setting that come, go or change whole: the only one by name (an index always), else counted."""
    paths = [d.path for d in differences if d.path[:1] == (setting,) and not d.path[2:]]
    if len(paths) == 1 and (named or setting == GLOBAL):
        return values.name(paths[0])
    return words.plural(len(paths), values.MEMBERS[setting]) if paths else ""


def _remarks(plan: Plan) -> Iterator[Section]:
    """What there is to say about unchanged tables, together."""
    found = [(c.table, note) for c in plan.tables if c.action is Action.NOOP for note in c.notes]
    if found:
        notes = tuple(f"{words.code(table)}: {note}" for table, note in found)
        yield Section(name="", gist="Notes on unchanged tables", notes=notes)


def _drifted(change: TableChange) -> str:
    return _DRIFTED[change.action] if change.action else ""


def _drift_section(change: TableChange, context: Context) -> Section:
    # A table with another key differs by that alone: its other differences are those of a new table.
    causes = tuple(filter(_is_cause, change.differences))
    compared = replace(change, differences=causes) if change.action is Action.RECREATE else change
    shown = section(compared, context)
    number = "" if change.action in _ABSENT else f", {words.plural(len(shown.settings), 'difference')}"
    return replace(
        shown,
        sign="~",
        mark="",
        gist=f"{_drifted(change)}{number}",
        sides=("Files",) if change.action is Action.CREATE else ("Account", "Files"),
        settings=tuple(replace(setting, risk="safe") for setting in shown.settings),
        steps=(),
        notes=() if consequences.replaced(change) else change.notes,
    )


def _repair(changed: list[TableChange], context: Context) -> Iterator[str]:
    if not changed:
        return
    there = [shlex.quote(words.clean(change.table)) for change in changed if change.action is not Action.CREATE]
    if there:
        command = " ".join(["dynatus import", *(there if len(there) <= _NAMED_TABLES else ()), "--out DIR"])
        yield f"To keep what the account has, change the files ({words.code(command)} shows how)."
    apply = "plan with `out` and apply with `reviewed`" if context.in_github else "run `dynatus apply`"
    yield f"To put back what the files say, {apply}."
