"""Plays a history on the simulator and the GitHub stub, and compares every run with what the ledger says.

Plan and apply are the action in this process, GitHub is the stub, the account is the simulator; the branches are those
of `tests/branches.py`. A run that does something else than the ledger says is a `Disagreement`, whose text is the story
of the history so far: each event, what there was to do, how it ended, and what is left of every record.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests import github_stub
from tests.branches import NOTHING_IN_GIT, Branches, Commit, blob_name, tree_name
from tests.github_stub import GitHubStub
from tests.histories import (
    START,
    Apply,
    ByHand,
    Edit,
    Event,
    Hand,
    History,
    Label,
    Plan,
    Trouble,
    move_on,
    prefix,
)
from tests.ledger import GOES, Answer, Definition, Difference, Files, Ledger, TableInfo, Verdict, Wanted
from tests.rehearsal import people, run_of, to_do
from tests.scene import BRANCH, NO_INDEXES, PATH, PROCESS, TTL, Ran, Scene, table, tags
from tests.simulator import Clock, Simulator

LABEL: Final = "dynatus:allow-destructive"
DAY: Final = 86_400
MOST_REQUESTS, MOST_REQUESTS_IDLE = 60, 10


class Disagreement(AssertionError):
    """A run that did not do what the ledger says. `events` counts the events that were played before it."""

    def __init__(self, story: str, *, events: int) -> None:
        super().__init__(story)
        self.events = events


# --- a history comes true --------------------------------------------------------------------------------------------


class Player:
    """Plays the events of a history, and compares every run with what the ledger says of it."""

    def __init__(self, scene: Scene, history: History) -> None:
        self.scene = scene
        self.history = history
        self.branches = Branches(START, generated=history.generated)
        self.ledger = Ledger()
        self.story: list[str] = []
        self.answers: Counter[Answer] = Counter()
        self._comments: dict[tuple[int, str], int] = {}
        self._looks: dict[int, tuple[list[str], list[str]]] = {}
        self._set_up()
        self._show()

    def play(self) -> None:
        """Play all of it."""
        for number, event in enumerate(self.history.events, 1):
            self.story.append(f"{number:3}. {event}")
            move_on(self.branches, event)
            self._show()
            try:
                self._happen(event)
            except Disagreement:
                raise
            except Exception as error:
                error.add_note("\n".join(self.story))
                raise
            self._touch()

    def _happen(self, event: Event) -> None:
        match event:
            case Plan():
                self._plan(event)
            case Apply():
                self._apply(event)
            case ByHand(name, what):
                for environment in self.history.environments:
                    self._by_hand(prefix(environment) + name, what)
            case _:
                people(self.ledger, event, tip=self.branches.tip.sha)
                self._meddle(event)

    def _meddle(self, event: Event) -> None:
        """Change labels and comments at GitHub."""
        match event:
            case Label(number, on):
                self.scene.github.pulls[number]["labels"] = [{"name": LABEL}] if on else []
            case Edit(number, environment) if id_ := self._comments.get((number, environment)):
                self.scene.github.editors[id_] = "mallory"  # saved again: that is enough for it not to count
            case _:
                pass

    # Runs.
    def _plan(self, event: Plan) -> None:
        """Plan on the merge of the branch and main, and compare the label and the ending."""
        files = self.branches.result(event.number)
        assert files is not None
        self._check_out(files)
        known = set(self.scene.github.comments)
        shown = self._to_do(files, event.environment)
        stays, red = self.ledger.planned(event.number, event.environment, shown)
        ran = self.scene.plan(event.number, **_inputs(event.environment))
        for new in set(self.scene.github.comments) - known:
            self._comments[event.number, event.environment] = new
        anything = any(todo for _, todo in shown.values())
        self._tell(f"{_said(shown)} | {_ending(ran)}{', label on' if stays else ''}")
        self._expect(self.scene.labels(event.number) == ([LABEL] if stays else []), "the label: " + str(stays))
        ending = (1, "refused", "destructive-blocked") if red else (0, "planned" if anything else "noop", "")
        self._expect(ran.ending == ending, f"the plan ends as {ending}")

    def _apply(self, event: Apply) -> None:
        """Apply, and compare what ran with the verdicts; then the ledger learns how it ended."""
        commit = self.branches.pushed[-1 if event.of is None else event.of]
        run = run_of(self.branches, commit, event, self._to_do(commit.files, event.environment))
        verdicts = self.ledger.judge(run)
        self._check_out(commit.files)
        asked = len(self.scene.github.calls)
        self.scene.account.start_over()
        ran = self._ran(event, commit)
        touched = {call.table.removesuffix(".dynatus-probe") for call in self.scene.account.journal.writes()}
        self._pass_time()
        left = {name: todo for name, (_, todo) in self._to_do(commit.files, event.environment).items()}
        killed = not ran.outputs.get("result") or ran.status < 0
        self._tell(
            f"{_said(run.to_do)} | {'killed' if killed else _ending(ran)}; written: {sorted(touched) or 'nothing'}"
        )
        if run.idle or not run.at_tip:
            self._expect(not touched, "nothing runs")
            if not killed and not event.trouble:
                self._expect(ran.outputs["result"] == ("noop" if run.idle else "superseded"), "noop or superseded")
        else:
            self._compare(event, verdicts, ran, touched=touched, left=left)
        requests = len(self.scene.github.calls) - asked
        most = MOST_REQUESTS_IDLE if run.idle else MOST_REQUESTS
        self._expect(requests <= most, f"at most {most} requests to GitHub, not {requests}")
        if not killed:
            came = f"event {len(self.story)}"
            self.ledger.ran(run, left=left, event=came, sure=ran.outputs["failure-reason"] != "cancelled")

    def _compare(
        self,
        event: Apply,
        verdicts: dict[str, Verdict],
        ran: Ran,
        *,
        touched: set[str],
        left: dict[str, list[Difference]],
    ) -> None:
        """What ran of what the ledger says."""
        for name, verdict in verdicts.items():
            done = not left[name]
            self.answers[verdict.answer] += 1
            said = f"{name} {verdict.answer.value}: {'; '.join(verdict.why)}"
            if verdict.answer in {Answer.REFUSED, Answer.NOTHING, Answer.SUPERSEDED}:
                self._expect(name not in touched, said)
            elif verdict.answer is Answer.RUNS and not event.trouble:
                self._expect(done, said)
            elif not event.trouble:
                self._expect(done or name not in touched, said)
        if ran.outputs.get("failure-reason") == "cancelled" or ran.status < 0:
            return
        answers = {verdict.answer for verdict in verdicts.values()}
        refused = {verdict.reason for verdict in verdicts.values() if verdict.answer is Answer.REFUSED}
        if not refused and Answer.EITHER not in answers:
            self._expect(ran.outputs["result"] != "refused", "nothing is refused")
        if not event.trouble and Answer.EITHER not in answers:
            result = "refused" if refused else "applied"
            self._expect(ran.outputs["result"] == result, f"the run ends as {result}")
            self._expect(ran.outputs["failure-reason"] in (refused or {""}), f"the reason is one of {refused}")

    def _ran(self, event: Apply, commit: Commit) -> Ran:
        """A run of apply, with what goes wrong in it."""
        inputs, faults = _inputs(event.environment), self.scene.account.faults
        if event.named:
            inputs["allow_destructive"] = "*"
        match event.trouble:
            case Trouble("killed", call=call):
                return self.scene.kill_at(call, commit.sha, **inputs)
            case Trouble("cancelled", call=call):
                faults.before(call, lambda: os.kill(os.getpid(), signal.SIGINT))
            case Trouble("denied", operation=operation):
                faults.deny(operation)
            case None:
                pass
        try:
            return self.scene.apply(commit.sha, **inputs)
        finally:
            faults.clear()

    def _to_do(self, files: Files, environment: str) -> dict[str, tuple[str | None, list[Difference]]]:
        return to_do(files, environment, self._look)

    # The account.
    def _look(self, name: str) -> TableInfo | None:
        """A table as it is now."""
        held = self.scene.account.tables.get(name)
        if held is None:
            return None
        index = held.indexes.get("by-mail")
        return TableInfo(
            id=held.id,
            key=held.key_schema[0]["AttributeName"],
            index=index.projection["ProjectionType"] if index else None,
            tag=held.tags.now.get("team"),
            expires=held.time_to_live.status in {"ENABLED", "ENABLING"},
            items=bool(held.items.by_key),
        )

    def _set_up(self) -> None:
        for environment in self.history.environments:
            for name, wanted in START.items():
                assert isinstance(wanted, Wanted)
                self._create(prefix(environment) + name, wanted)
                if name == "users":
                    self._by_hand(prefix(environment) + name, "puts an item in")

    def _create(self, name: str, wanted: Wanted) -> None:
        index: dict[str, Any] = {"GlobalSecondaryIndexes": [_index(wanted.index)]} if wanted.index else {}
        tag: dict[str, Any] = {"Tags": [{"Key": "team", "Value": wanted.tag}]} if wanted.tag else {}
        keys = [wanted.key, *(["mail"] if wanted.index else [])]
        self.scene.account.client().create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": wanted.key, "KeyType": "HASH"}],
            **index,
            **tag,
        )
        self._pass_time()

    def _by_hand(self, name: str, what: Hand) -> None:
        """Somebody changes a table, if it is there and that can be done."""
        client, live = self.scene.account.client(), self._look(name)
        if live is None:
            return
        match what:
            case "puts an item in":
                client.put_item(TableName=name, Item={live.key: {"S": "1"}, "mail": {"S": "m"}})
            case "takes the items out":
                if live.items:
                    client.delete_item(TableName=name, Key={live.key: {"S": "1"}})
            case "makes the table anew":
                client.delete_table(TableName=name)
                self._pass_time()
                self._create(name, Wanted(live.key, live.index, live.tag))
            case "makes the index anew, with other projected attributes" | "takes the index off":
                self._index_by_hand(name, live, again=what.startswith("makes"))
            case _:
                tag: Any = {"Key": "team", "Value": what[-1]}
                client.tag_resource(ResourceArn=self.scene.account.arn(name), Tags=[tag])
        self._pass_time()

    def _index_by_hand(self, name: str, live: TableInfo, *, again: bool) -> None:
        client = self.scene.account.client()
        if live.index:
            client.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-mail"}}])
            self._pass_time()
        if again:
            made: Any = {"Create": _index("KEYS_ONLY" if live.index == "ALL" else "ALL")}
            keys = [{"AttributeName": key, "AttributeType": "S"} for key in (live.key, "mail")]
            client.update_table(TableName=name, AttributeDefinitions=keys, GlobalSecondaryIndexUpdates=[made])  # type: ignore[arg-type]

    def _pass_time(self) -> None:
        """Let changes of the account end, and cooldowns pass."""
        self.scene.account.clock.advance(2 * DAY)
        self.scene.account.settle()

    # The repository, as GitHub and the workspace show it.
    def _check_out(self, files: Files) -> None:
        everything: dict[str, str | None] = dict.fromkeys(START)
        self.scene.write(**everything | _texts(files))

    def _show(self) -> None:
        """Let GitHub know the branches."""
        stub = self.scene.github
        for commit in self.branches.pushed:
            self._show_commit(commit)
        stub.objects |= {BRANCH: self.branches.tip.sha, f"{BRANCH}:{PATH}": self._tree(self.branches.tip)}
        for number, pull in self.branches.pulls.items():
            shown = stub.pulls.get(number) or stub.add_pull(number)
            shown["head"]["sha"] = pull.head.sha
            if pull.merge and shown["merged_at"] is None:
                stub.merge(number, pull.merge.sha, commits=tuple(each.sha for each in pull.brought), at=self._now)

    def _show_commit(self, commit: Commit) -> None:
        stub = self.scene.github
        if commit.sha in stub.objects:
            return
        history = [each.sha for each in commit.history()]
        stub.objects |= {commit.sha: commit.sha, f"{commit.sha}:{PATH}": self._tree(commit)}
        stub.ancestors[commit.sha] = set(history[1:])
        stub.history[commit.sha, None] = history

    def _tree(self, commit: Commit) -> str:
        """What git calls the folder with the definitions; GitHub knows what is in it."""
        files = {f"{name}.edn": text for name, text in _texts(commit.files).items()}
        files = NOTHING_IN_GIT if self.history.generated else files
        name = tree_name(files)
        self.scene.github.trees[name] = {file: blob_name(text) for file, text in files.items()}
        return name

    def _touch(self) -> None:
        """Mark a pull request as updated, as GitHub does when its comments or labels change."""
        for number, pull in self.scene.github.pulls.items():
            looks = (self.scene.github.bodies(number), self.scene.labels(number))
            if looks != self._looks.setdefault(number, ([], [])):
                self._looks[number] = looks
                pull["updated_at"] = self._now

    @property
    def _now(self) -> str:
        return f"2026-08-01T12:{len(self.story):02}:00Z"

    # What is said of it.
    def _tell(self, text: str) -> None:
        self.story[-1] += f"\n       {text}"

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            text = "\n".join([*self.story, "", f"The ledger expects: {what}", "", *self._records()])
            raise Disagreement(text, events=len(self.story))

    def _records(self) -> Iterator[str]:
        for pull in self.ledger.pulls.values():
            state = "merged" if pull.merge else "open"
            yield f"#{pull.number}: {state}{', label on' if pull.labelled else ''}"
            for environment, record in pull.records.items():
                yield f"   record{f' for {environment}' if environment else ''}{', edited' if record.edited else ''}"
                for name, difference in record.names():
                    closed = record.closed.get((name, difference))
                    doubt = ", closed or not" if (name, difference) in record.doubtful else ""
                    yield f"      {name}: {difference}{f', closed by {closed}' if closed else doubt}"


def _inputs(environment: str) -> dict[str, str]:
    if not environment:
        return {}
    return {"environment": environment, "table_prefix": prefix(environment)}


def _ending(ran: Ran) -> str:
    return ", ".join(str(part) for part in ran.ending if part != "")


def _said(to_do: Mapping[str, tuple[str | None, list[Difference]]]) -> str:
    told = [f"{name}: {each.name} ({each.risk.name.lower()})" for name, (_, todo) in to_do.items() for each in todo]
    return ", ".join(told) or "nothing to do"


def _texts(files: Files) -> dict[str, str]:
    return {name: _text(name, definition) for name, definition in files.items()}


def _text(name: str, definition: Definition) -> str:
    """A definition as EDN."""
    if definition == GOES:
        return f'{{:TableName "{name}" :Absent true}}'
    assert isinstance(definition, Wanted)
    settings = dict(NO_INDEXES)
    if definition.index:
        keys = " ".join(f'{{:AttributeName "{key}" :AttributeType "S"}}' for key in (definition.key, "mail"))
        settings["AttributeDefinitions"] = f"[{keys}]"
        settings["GlobalSecondaryIndexes"] = (
            '[{:IndexName "by-mail" :KeySchema [{:AttributeName "mail" :KeyType "HASH"}]'
            f' :Projection {{:ProjectionType "{definition.index}"}}}}]'
        )
    settings |= tags(**({"team": definition.tag} if definition.tag else {}))
    settings |= TTL if definition.expires else {}
    return table(name, key=definition.key, **settings)


def _index(projection: str | None) -> dict[str, Any]:
    return {
        "IndexName": "by-mail",
        "KeySchema": [{"AttributeName": "mail", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": projection},
    }


def play(history: History) -> Counter[Answer]:
    """Play a history in a new repository and account, and count the ledger's answers.

    Raises:
        Disagreement: A run did not do what the ledger says.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(clock=Clock(scale=10 * 3600)) as account,
        github_stub.serving(GitHubStub()) as github,
    ):
        player = Player(Scene(Path(folder, "workspace"), github, account, door=PROCESS), history)
        player.play()
        return player.answers
