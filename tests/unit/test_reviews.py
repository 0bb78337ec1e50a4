"""Which records a run reads, in which order, and what is written back, over real HTTP against the stub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dynatus_ci import approval
from dynatus_ci.approval import Scope
from dynatus_ci.errors import FailureReason, GitHubError
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.reviews import Trail
from dynatus_ci.schema.model import Action, Difference, Effect, Plan, TableChange
from tests import github_stub
from tests.github_stub import Fault, GitHubStub
from tests.scene import HASTE

SCOPE = Scope(account="9012", region="eu-west-1", path="tables")
SHA = "5" * 40


@pytest.fixture
def github() -> Iterator[GitHubStub]:
    with github_stub.serving(GitHubStub()) as stub:
        stub.history[SHA, "tables"] = []
        yield stub


def trail(github: GitHubStub) -> Trail:
    pulls = PullRequests(
        token=github_stub.TOKEN, repository=github.repository, api_url=github.url + github.prefix, pace=HASTE
    )
    return Trail(pulls, scope=SCOPE, sha=SHA, branch="main", path="tables")


def record(*tables: str, scope: Scope = SCOPE) -> str:
    """A comment's body with a record that names these tables."""
    changes = tuple(
        TableChange(name, Action.CREATE, differences=(Difference(name, (), None, {}, Effect.CREATE),))
        for name in tables
    )
    return approval.compose("text", scope=scope, record=approval.record(Plan(changes), scope, head=None))


def reviewed(
    github: GitHubStub, number: int, *, day: int, commits: tuple[str, ...], merge: str | None = None, base: str = "main"
) -> None:
    """A merged pull request with our record of a table that is called after it."""
    github.add_pull(number, base=base)
    github.add_comment(number, record(f"table-{number}"))
    merge = merge or commits[0]
    github.merge(number, merge, commits=tuple(commit for commit in commits if commit != merge))
    github.pulls[number]["merged_at"] = f"2026-08-{day:02}T12:00:00Z"
    github.history[SHA, "tables"] += commits
    github.ancestors.setdefault(SHA, set()).add(merge)


def numbers(read: Trail) -> list[int]:
    read.read_own()
    while read.read_next():
        pass
    return [review.pull_request.number for review in read.reviews.counted if review.pull_request]


def test_the_own_one_comes_first_then_others_by_their_merge_whatever_their_commits_dates(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    reviewed(github, 3, day=2, commits=("3" * 40,))
    reviewed(github, 4, day=8, commits=("4" * 40,))
    assert numbers(trail(github)) == [7, 4, 3]


def test_a_merged_branch_shows_up_as_its_own_commits(github: GitHubStub) -> None:
    reviewed(github, 3, day=2, commits=("a" * 40, "b" * 40), merge="c" * 40)
    assert numbers(trail(github)) == [3]


def test_one_that_was_merged_elsewhere_or_not_at_all_is_passed_over(github: GitHubStub) -> None:
    reviewed(github, 2, day=1, commits=("2" * 40,))
    reviewed(github, 3, day=2, commits=("3" * 40,), base="next")
    reviewed(github, 4, day=3, commits=("4" * 40,))
    github.pulls[4] |= {"merged_at": None, "state": "open"}
    assert numbers(trail(github)) == [2]


def test_one_that_is_not_in_the_history_ends_the_walk(github: GitHubStub) -> None:
    reviewed(github, 2, day=1, commits=("2" * 40,))
    reviewed(github, 3, day=2, commits=("a" * 40,), merge="c" * 40)
    github.ancestors[SHA].remove("c" * 40)
    assert numbers(trail(github)) == []


def test_one_without_a_comment_of_ours_is_passed_over(github: GitHubStub) -> None:
    reviewed(github, 2, day=1, commits=("2" * 40,))
    reviewed(github, 3, day=2, commits=("3" * 40,))
    for comment in github.comments.values():
        if comment["issue_url"] == "/issues/3":
            comment["user"] = {"login": "mallory"}
    assert numbers(trail(github)) == [2]


def test_one_that_somebody_edited_is_not_believed_and_ends_the_walk(github: GitHubStub) -> None:
    reviewed(github, 2, day=1, commits=("2" * 40,))
    reviewed(github, 3, day=2, commits=("3" * 40,))
    edited = next(each for each in github.comments.values() if each["issue_url"] == "/issues/3")
    github.editors[edited["id"]] = "mallory"
    assert numbers(trail(github)) == []


def test_the_oldest_of_several_of_ours_is_the_one(github: GitHubStub) -> None:
    reviewed(github, 2, day=1, commits=("2" * 40,))
    github.add_comment(2, record("another"))
    read = trail(github)
    assert numbers(read) == [2]
    assert read.reviews.counted[0].record.entry("table-2") is not None


def test_no_more_than_twenty_records_are_read(github: GitHubStub) -> None:
    for number in range(1, 30):
        reviewed(github, number, day=number, commits=(f"{number:040}",))
    assert numbers(trail(github)) == list(range(29, 9, -1))


def test_a_record_behind_many_pull_requests_without_one_is_found(github: GitHubStub) -> None:
    for number in range(1, 60):
        reviewed(github, number, day=number, commits=(f"{number:040}",))
    github.comments = {id_: one for id_, one in github.comments.items() if one["issue_url"] == "/issues/1"}
    assert numbers(trail(github)) == [1]


def test_nothing_older_is_asked_for_before_it_is_wanted(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    reviewed(github, 3, day=2, commits=("3" * 40,))
    trail(github).read_own()
    assert not [call for call in github.calls if "/issues/3/" in call]


def test_the_nearest_of_our_other_records_is_named(github: GitHubStub) -> None:
    github.add_pull(7)
    github.merge(7, SHA)
    github.add_comment(7, record("t", scope=Scope(account="9012", region="us-east-1", path="tables", environment="x")))
    github.add_comment(7, record("t", scope=Scope(account="9012", region="us-east-1", path="tables")))
    read = trail(github)
    read.read_own()
    assert read.reviews.reason is FailureReason.PLAN_MISSING
    assert "differs in `region`" in (read.reviews.because or "")


def test_what_has_converged_is_closed_in_every_record_that_was_read(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    reviewed(github, 3, day=2, commits=("3" * 40,))
    read = trail(github)
    numbers(read)
    read.close("the result", agreeing=["table-3", "table-7"], others=["other"])
    newest, older = (approval.decode(github.bodies(number)[0]) for number in (7, 3))
    assert newest is not None
    assert older is not None
    assert all(each.closes(name) for each in (newest, older) for name in ("table-3", "table-7"))
    assert not newest.closes("other")
    assert "the result" in github.bodies(7)[0]
    assert "text" in github.bodies(3)[0]


def test_telling_keeps_the_record_and_closing_again_writes_nothing(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    read = trail(github)
    read.read_own()
    read.tell("running")
    assert github.bodies(7)[0].split("\n")[-1] == record("table-7").split("\n")[-1]
    read.close("done", agreeing=["table-7"], others=[])
    asked = len(github.calls)
    assert not read.find_open(agreeing=["table-7"], others=[])
    read.close(None, agreeing=["table-7"], others=[])
    assert len(github.calls) == asked


def closes(github: GitHubStub, number: int, table: str) -> bool:
    """Whether the record at a pull request says that a table is used up."""
    kept = approval.decode(github.bodies(number)[0])
    assert kept is not None
    return kept.closes(table)


def test_what_another_run_closed_meanwhile_stays_closed(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    slow, quick = trail(github), trail(github)
    for read in (slow, quick):
        read.read_own()
    quick.close("done", agreeing=["table-7"], others=[])
    slow.tell("running")
    assert closes(github, 7, "table-7")
    assert slow.reviews.counted[0].record.closes("table-7")


@pytest.mark.parametrize("deleted", [False, True])
def test_a_comment_that_was_edited_or_deleted_meanwhile_is_left_alone(github: GitHubStub, *, deleted: bool) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    read = trail(github)
    read.read_own()
    (id_,) = github.comments
    if deleted:
        del github.comments[id_]
    else:
        github.editors[id_] = "mallory"
    with pytest.raises(GitHubError, match="#7 was edited or deleted"):
        read.tell("running")
    read.close("done", agreeing=["table-7"], others=[])
    assert not [call for call in github.calls if call.startswith("PATCH")]
    assert read.reviews.counted == ()


def test_records_are_read_until_one_has_closed_what_agrees(github: GitHubStub) -> None:
    commits = {7: SHA, 5: "a" * 40, 4: "b" * 40, 3: "c" * 40}
    for number, commit in commits.items():
        reviewed(github, number, day=number, commits=(commit,))
    before = trail(github)
    numbers(before)
    before.close(None, agreeing=["table-4", "table-3"], others=["table-7", "table-5"])
    read = trail(github)
    read.read_own()
    assert read.find_open(agreeing=["table-7", "table-5", "table-4"], others=[])
    read.close("done", agreeing=["table-7", "table-5", "table-4"], others=[])
    assert [closes(github, number, f"table-{number}") for number in commits] == [True] * 4
    again = trail(github)
    again.read_own()
    asked = len(github.calls)
    assert not again.find_open(agreeing=["table-7", "table-5", "table-4"], others=[])
    assert len(github.calls) == asked


@pytest.mark.parametrize(("lost", "closed"), [(7, [False, True]), (3, [False, False])])
def test_what_is_newer_than_a_record_that_was_not_taken_stays_open(
    github: GitHubStub, lost: int, closed: list[bool]
) -> None:
    """A re-run must find the one that is open still."""
    reviewed(github, 7, day=9, commits=(SHA,))
    reviewed(github, 3, day=2, commits=("3" * 40,))
    (id_,) = [id_ for id_, comment in github.comments.items() if comment["issue_url"] == f"/issues/{lost}"]
    github.faults.append(Fault(f"PATCH .*/{id_}", status=404))
    read = trail(github)
    numbers(read)
    with pytest.raises(GitHubError):
        read.close("done", agreeing=["table-3", "table-7"], others=[])
    assert [closes(github, number, f"table-{number}") for number in (7, 3)] == closed


def test_a_comment_kept_with_windows_line_ends_counts(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, commits=(SHA,))
    for comment in github.comments.values():
        comment["body"] = comment["body"].replace("\n", "\r\n")
    read = trail(github)
    assert numbers(read) == [7]
    read.close(None, agreeing=["table-7"], others=[])
    closed = approval.decode(github.bodies(7)[0])
    assert closed is not None
    assert closed.closes("table-7")
