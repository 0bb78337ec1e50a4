"""A plan as a view: for a review, and for drift. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from dynatus_ci import approval
from dynatus_ci.report import consequences, text, values
from dynatus_ci.report import view as views
from dynatus_ci.report.consequences import Loss
from dynatus_ci.report.context import Context
from dynatus_ci.report.view import Alert, Line, Row, Section, StepLine, View
from dynatus_ci.schema.indexes import GLOBAL
from dynatus_ci.schema.model import Action, Difference, Effect, Failure, Plan, Risk, Step, TableChange

SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.RECREATE: "-/+", Action.DELETE: "-", Action.NOOP: " "}
_ACCOUNT = re.compile(r"(?<!\d)\d{8}(?=\d{4}(?!\d))")
_NAMED_TABLES = 3
_DRIFTED = {
    Action.CREATE: "missing",
    Action.UPDATE: "different",
    Action.RECREATE: "different in the key",
    Action.DELETE: "still there",
}
_ABSENT = {Action.CREATE: "not in the account", Action.DELETE: "absent in the files"}


def view(plan: Plan, context: Context) -> View:
    """A plan, to be reviewed before it runs."""
    changed = worst_first(plan)
    verdict = _verdict(plan, context)
    return View(
        title=f"DynamoDB plan{of(context)}: {verdict or counts(plan)}",
        lead="" if not verdict else counts(plan) if plan.changes or errors(plan) else agreeing(plan),
        alerts=tuple(_alerts(plan, context)),
        next=tuple(_next(plan, context)),
        columns=("Table", "Change", "What changes", "Takes"),
        rows=tuple(row(change) for change in changed),
        sections=(*(section(change, context) for change in changed), *_remarks(plan)),
        notes=(*plan.notes, *context.notes),
        facts=views.facts(plan, context),
        rest_url=text.link(context.summary_url or ""),
    )


def drift(plan: Plan, context: Context) -> View:
    """A plan, as what the account no longer has of the files."""
    changed = worst_first(plan)
    verdict = f"{len(changed)} of {text.plural(len(plan.tables), 'table')}" if changed else "none"
    return View(
        title=f"DynamoDB drift{of(context)}: {'not known' if errors(plan) and not changed else verdict}",
        lead=_drift_counts(plan) if changed or errors(plan) else agreeing(plan),
        alerts=tuple(_unreadable(plan)),
        next=tuple(_repair(changed, context)),
        columns=("Table", "Drift", "What differs"),
        rows=tuple(_drift_row(change) for change in changed),
        sections=(*(_drift_section(change, context) for change in changed), *_remarks(plan)),
        notes=(*plan.notes, *context.notes),
        facts=views.facts(plan, context),
        rest_url=text.link(context.summary_url or ""),
    )


def worst_first(plan: Plan) -> list[TableChange]:
    """The changed tables, the riskiest first, else by name."""
    return sorted((change for change in plan.tables if change.changes), key=lambda change: -change.risk.rank)


def of(context: Context) -> str:
    """Whose tables, for a title; empty where there is one environment only."""
    return f" for {text.code(context.environment)}" if context.environment else ""


def errors(plan: Plan) -> list[TableChange]:
    """The tables that could not be read."""
    return [change for change in plan.tables if change.error]


def losses(plan: Plan) -> list[Loss]:
    """What is lost by this plan, named or not, except what is refused anyway."""
    return [loss for change in plan.tables if not change.refusal for loss in consequences.destructive(change)]


def unnamed(plan: Plan, context: Context) -> list[Loss]:
    """What is lost for certain, and named by nobody."""
    return [loss for loss in losses(plan) if loss.difference.id not in context.named and not loss.change.unproven]


def counts(plan: Plan) -> str:
    """The tables by what happens to them, as a sentence."""
    return _counted(plan, {a.value: f"to {a.value}" for a in Action if a is not Action.NOOP}, unchanged="unchanged")


def agreeing(plan: Plan) -> str:
    """That nothing is to be done."""
    number = plan.summary()["noop"]
    return f"{text.plural(number, 'table')} agree{'s' if number == 1 else ''} with the files."


def row(change: TableChange) -> Row:
    """A changed table in the overview."""
    return Row(
        table=change.table,
        state=change.action.value if change.action else "error",
        mark=views.MARKS[change.risk],
        what=_what(change),
        takes=takes(change.steps),
    )


def section(change: TableChange, context: Context) -> Section:
    """A changed table in full."""
    about = [text.plural(len(change.steps), "step")] if change.steps else []
    action = change.action.value if change.action else "error"
    return Section(
        name=change.table,
        sign=SIGNS[change.action] if change.action else "!",
        mark=views.MARKS[change.risk],
        gist=", ".join([action, *about, *([takes(change.steps)] if change.steps else [])]),
        place=views.place(change.file, change.line),
        sides=("After",) if change.action is Action.CREATE else ("Now", "After"),
        settings=settings(change, context),
        steps=tuple(step_line(step) for step in change.steps),
        notes=change.notes if context.running else consequences.untold(change),
    )


def settings(change: TableChange, context: Context) -> tuple[views.Setting, ...]:
    """The differences of a table that something can be done about."""
    real = [difference for difference in change.differences if difference.effect is not Effect.UNSUPPORTED]
    # Why a table is replaced comes first; a local index that is the cause is a part of the new table, too.
    ordered = sorted(real, key=lambda difference: not _is_cause(difference))
    found: dict[str, views.Setting] = {}
    for setting in (setting for difference in ordered for setting in views.settings(difference, context)):
        found.setdefault(setting.label, setting)
    return tuple(found.values())


def step_line(step: Step, *, status: str = "", took: float | None = None) -> StepLine:
    """A step as people read it."""
    wait = [f"{text.span(step.cooldown)} after the step before"] if step.cooldown else []
    return StepLine(
        operation=step.operation,
        reason=step.reason,
        waits="; ".join([*wait, *([f"until {step.waits_for}"] if step.waits_for else [])]),
        takes=text.duration(*step.seconds),
        mark=views.MARKS[step.risk],
        risk="" if step.risk is Risk.SAFE else step.risk.value,
        status=status,
        took=text.span(took) if took is not None else "",
    )


def takes(steps: Iterable[Step]) -> str:
    """How long some steps take, one after the other."""
    least = most = 0
    open_ended = False
    for step in steps:
        least += step.seconds[0] + step.cooldown
        most += (step.seconds[1] or 0) + step.cooldown
        open_ended = open_ended or step.seconds[1] is None
    return text.duration(least, None if open_ended else most)


def error_line(name: str, failure: Failure) -> Line:
    """Why a table could not be read or changed, and the permission that would help."""
    said = failure.message.removeprefix(f"{name}: ")
    during = f" ({text.code(failure.operation)})" if failure.operation and failure.operation not in said else ""
    missing = failure.missing_permission
    allow = f" Allow the role {text.code(missing)}." if missing and missing not in said else ""
    return Line(f"{text.code(name)}: {said}{during}{allow}")


def naming(lost: Iterable[Loss], context: Context, *, title: str, aim: str = "To approve") -> Alert:
    """What is lost and not named, and the exact words that name it: an option of the command, or the action's input."""
    if not context.in_github:
        lines = tuple(Line(loss.sentence, (f"--allow-destructive {_words(loss)}",)) for loss in lost)
        return Alert("CAUTION", title, lines, ask=f"{aim}, give `dynatus apply`:")
    label = f"put the label {text.code(approval.LABEL)} on this pull request, or " if context.label_offered else ""
    return Alert(
        "CAUTION",
        title,
        # An account number in a name is matched by wildcards: GitHub shows none.
        tuple(Line(loss.sentence, (f"  {_ACCOUNT.sub('????????', _words(loss))}",)) for loss in lost),
        ask=f"{aim}, {label}add to the action's inputs:",
        language="yaml",
        copy_head=("allow-destructive: |",),
    )


def _words(loss: Loss) -> str:
    return text.clean(approval.words(loss.difference))


def _verdict(plan: Plan, context: Context) -> str:
    if errors(plan):
        return f"failed, {text.plural(len(errors(plan)), 'table')} could not be read"
    if any(change.refusal for change in plan.tables):
        return f"{text.plural(sum(bool(change.refusal) for change in plan.tables), 'table')} refused"
    lost = len(unnamed(plan, context))
    if lost and context.label_offered:
        return f"blocked by {text.plural(lost, 'destructive change')}"
    return "" if plan.changes else "no changes"


def _alerts(plan: Plan, context: Context) -> Iterator[Alert]:
    yield from _unreadable(plan)
    refused = tuple(Line(f"{text.code(c.table)}: {c.refusal}") for c in plan.tables if c.refusal)
    if refused:
        yield Alert("CAUTION", "Refused, whoever approves it", refused)
    blocking = unnamed(plan, context)
    if blocking:
        yield naming(blocking, context, title=f"{text.plural(len(blocking), 'destructive change')}, not approved")
    yield from _known_losses(plan, context)
    disturbed = tuple(Line(sentence) for change in plan.tables for sentence in consequences.disruptive(change))
    if disturbed:
        yield Alert("WARNING", f"{text.plural(len(disturbed), 'disruptive change')}", disturbed)


def _known_losses(plan: Plan, context: Context) -> Iterator[Alert]:
    """What is lost and named, and what is lost only if a table turns out to hold items."""
    named = tuple(Line(loss.sentence) for loss in losses(plan) if loss.difference.id in context.named)
    if named:
        yield Alert("CAUTION", f"{text.plural(len(named), 'destructive change')}, approved", named)
    perhaps = [loss for loss in losses(plan) if loss.change.unproven and loss.difference.id not in context.named]
    if perhaps:
        title = f"{text.plural(len(perhaps), 'table')} deleted only if empty, unless approved"
        yield naming(perhaps, context, title=title, aim="To approve it with items")


def _unreadable(plan: Plan) -> Iterator[Alert]:
    lines = tuple(error_line(change.table, change.error) for change in plan.tables if change.error)
    if lines:
        yield Alert("CAUTION", "Could not be read", lines)


def _next(plan: Plan, context: Context) -> Iterator[str]:
    if context.label_removed:
        label = text.code(approval.LABEL)
        yield f"The label {label} was taken off: what is destructive has changed since it was put on."
    if errors(plan) or any(change.refusal for change in plan.tables):
        cure = "every table can be read" if errors(plan) else "nothing is refused any more"
        yield f"Plan again when {cure}."
    elif not plan.changes or context.mode == "apply":
        return
    elif context.baseline:
        yield "Compared with other definitions, not with AWS. This approves nothing."
    elif not context.in_github:
        options = " with what is named above" if unnamed(plan, context) else ""
        yield f"Run `dynatus apply`{options} to carry this out."
    elif unnamed(plan, context) and context.label_offered:
        yield "This check stays red until what is destructive is approved. Merging then approves the plan."
    else:
        yield _approval(context)


def _approval(context: Context) -> str:
    if context.approval == "none":
        return "Apply runs without a review here (`approval: none`)."
    if context.approval == "reviewed":
        return "Apply runs this plan from its file (`reviewed`), and nothing else."
    if context.record:
        return "Merging approves this plan. Apply then runs these changes, and nothing else."
    return "No record of this plan was written. Apply needs it as a file (`out`, then `reviewed`), or `approval: none`."


def _what(change: TableChange) -> str:
    """What changes, in words; of a table that is replaced, only why."""
    if change.action is Action.DELETE:
        return "table and items"
    real = [d for d in change.differences if d.effect is not Effect.UNSUPPORTED]
    causes = [_cause(difference) for difference in real if _is_cause(difference)]
    if causes:
        return ", ".join(causes)
    new = change.action is Action.CREATE
    index, *owned = (_owned(setting, real, named=not new) for setting in (GLOBAL, "Replicas", "Tags"))
    # Inside an index a setting has the name that it has outside.
    paths = (d.path[2:] or d.path[:1] for d in real)
    found = dict.fromkeys(values.name(path) for path in paths if path and path[0] not in values.OWNERS)
    return ", ".join(filter(None, ["new table" if new else "", index, *found, *owned]))


def _is_cause(difference: Difference) -> bool:
    """Whether it is why a table is replaced."""
    return difference.effect is Effect.RECREATE and difference.path != ()


def _cause(difference: Difference) -> str:
    """Why a table is replaced: its old and its new key, or a local index."""
    before, after = values.sides(difference) or ({}, {})
    both = [text.code(side[difference.path]) for side in (before, after) if difference.path in side]
    return f"{values.name(difference.path)} {' → '.join(both)}" if len(both) > 1 else values.name(difference.path)


def _owned(setting: str, differences: Iterable[Difference], *, named: bool) -> str:
    """The members of a setting that come, go or change whole: the only one by name (an index always), else counted."""
    paths = [d.path for d in differences if d.path[:1] == (setting,) and not d.path[2:]]
    if len(paths) == 1 and (named or setting == GLOBAL):
        return values.name(paths[0])
    return text.plural(len(paths), values.OWNERS[setting]) if paths else ""


def _remarks(plan: Plan) -> Iterator[Section]:
    """What there is to say about unchanged tables, together."""
    found = [(c.table, note) for c in plan.tables if c.action is Action.NOOP for note in c.notes]
    if found:
        notes = tuple(f"{text.code(table)}: {note}" for table, note in found)
        yield Section(name="", sign=" ", mark="", gist="Notes on unchanged tables", notes=notes)


def _drift_counts(plan: Plan) -> str:
    return _counted(plan, {action.value: words for action, words in _DRIFTED.items()}, unchanged="as the files say")


def _counted(plan: Plan, words: dict[str, str], *, unchanged: str) -> str:
    """How many tables for each action that occurs, and for what is neither change nor action."""
    numbers = plan.summary()
    named = {**words, "error": "not readable", "noop": unchanged}
    return ", ".join(f"{numbers[name]:,} {said}" for name, said in named.items() if numbers[name]) or f"0 {unchanged}"


def _drift_row(change: TableChange) -> Row:
    what = _ABSENT.get(change.action) or _what(change) if change.action else ""
    return Row(table=change.table, state=_state(change), mark="", what=what, takes="")


def _state(change: TableChange) -> str:
    return _DRIFTED[change.action] if change.action else ""


def _drift_section(change: TableChange, context: Context) -> Section:
    differing = settings(_compared(change), context)
    number = "" if change.action in _ABSENT else f", {text.plural(len(differing), 'difference')}"
    return Section(
        name=change.table,
        sign="~",
        mark="",
        gist=f"{_state(change)}{number}",
        place=views.place(change.file, change.line),
        sides=("Files",) if change.action is Action.CREATE else ("Account", "Files"),
        settings=tuple(replace(setting, mark="", risk="") for setting in differing),
        notes=() if consequences.replaced(change) else change.notes,
    )


def _compared(change: TableChange) -> TableChange:
    """A table with another key by that alone: its other differences are those of a new table."""
    if change.action is not Action.RECREATE:
        return change
    return replace(change, differences=tuple(filter(_is_cause, change.differences)))


def _repair(changed: list[TableChange], context: Context) -> Iterator[str]:
    if not changed:
        return
    there = [shlex.quote(text.clean(change.table)) for change in changed if change.action is not Action.CREATE]
    if there:
        command = " ".join(["dynatus import", *(there if len(there) <= _NAMED_TABLES else ()), "--out DIR"])
        yield f"To keep what the account has, change the files ({text.code(command)} shows how)."
    apply = "plan with `out` and apply with `reviewed`" if context.in_github else "run `dynatus apply`"
    yield f"To put back what the files say, {apply}."
