"""Which records a run reads, in which order, and what is written back, over real HTTP against the stub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dynatus_ci import review
from dynatus_ci.errors import FailureReason, GitHubError
from dynatus_ci.github import pull_request
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.review_history import ReviewHistory
from dynatus_ci.review import Record, Scope
from dynatus_ci.table.model import Action, Difference, Effect, TableChange
from dynatus_ci.table.plans import Plan
from tests import github_stub
from tests.github_stub import Fault, GitHubStub
from tests.scene import HASTE, is_used

SCOPE = Scope(account="9012", region="eu-west-1", path="tables")
SHA = "5" * 40


@pytest.fixture
def github() -> Iterator[GitHubStub]:
    with github_stub.serving(GitHubStub()) as stub:
        stub.history[SHA, None] = [SHA]
        yield stub


def history(github: GitHubStub, *, most_requests: int = 60) -> ReviewHistory:
    pulls = PullRequests(
        token=github_stub.TOKEN, repository=github.repository, api_url=github.url + github.prefix, pace=HASTE
    )
    return ReviewHistory(pulls, scope=SCOPE, sha=SHA, branch="main", most_requests=most_requests)


def creation(name: str) -> Difference:
    return Difference(name, (), None, {}, Effect.CREATE)


def record(*tables: str, scope: Scope = SCOPE) -> str:
    """A comment's body with a record that names these tables."""
    changes = tuple(TableChange(name, Action.CREATE, differences=(creation(name),)) for name in tables)
    return review.compose("text", scope=scope, record=review.new_record(Plan(changes), scope, head=None))


def reviewed(github: GitHubStub, number: int, *, day: int, merge: str | None = None, base: str = "main") -> None:
    """A merged pull request with our record of a table that is called after it."""
    merge = merge or f"{number:040}"
    github.add_pull(number, base=base)
    github.add_comment(number, record(f"table-{number}"))
    github.merge(number, merge, at=f"2026-08-{day:02}T12:00:00Z")
    github.ancestors.setdefault(SHA, set()).add(merge)


def numbers(read: ReviewHistory) -> list[int]:
    read.read_own()
    while read.read_next():
        pass
    return [review.pull_request.number for review in read.reviews.counted if review.pull_request]


def kept(github: GitHubStub, number: int) -> Record:
    found = review.decode(github.bodies(number)[0])
    assert found is not None
    return found


def test_the_newest_merge_comes_first_whenever_it_was_opened_or_updated(github: GitHubStub) -> None:
    reviewed(github, 3, day=2)
    reviewed(github, 7, day=9, merge=SHA)
    reviewed(github, 4, day=8)
    github.pulls[3]["updated_at"] = "2026-08-30T12:00:00Z"
    assert numbers(history(github)) == [7, 4, 3]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_the_order_holds_over_all_pages(github: GitHubStub, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(pull_request, "PAGE", size)
    days = {1: 5, 2: 9, 3: 2, 4: 7, 5: 1, 6: 8, 7: 3}
    for number, day in days.items():
        reviewed(github, number, day=day)
    for number in (3, 5):
        github.pulls[number]["updated_at"] = f"2026-09-{number:02}T12:00:00Z"
    assert numbers(history(github)) == sorted(days, key=days.__getitem__, reverse=True)


def test_one_that_is_updated_while_the_pages_are_read_is_not_missed(
    github: GitHubStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_request, "PAGE", 1)
    for number in range(1, 6):
        reviewed(github, number, day=number)
    read = history(github)
    read.read_next()
    github.pulls[3]["updated_at"] = "2026-09-01T12:00:00Z"
    assert numbers(read) == [5, 4, 3, 2, 1]


def test_two_of_the_same_second_are_ordered_by_the_commits(github: GitHubStub) -> None:
    reviewed(github, 3, day=2)
    reviewed(github, 8, day=2)
    github.history[SHA, None] = [SHA, f"{3:040}", f"{8:040}"]
    assert numbers(history(github)) == [3, 8]


def test_the_own_one_is_found_also_where_it_was_merged_long_ago(
    github: GitHubStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_request, "PAGE", 1)
    reviewed(github, 1, day=1, merge=SHA)
    reviewed(github, 2, day=2)
    read = history(github)
    assert numbers(read) == [2, 1]
    assert read.reviews.reason is FailureReason.PLAN_CHANGED


def test_one_that_was_merged_elsewhere_or_not_at_all_is_passed_over(github: GitHubStub) -> None:
    reviewed(github, 2, day=1)
    reviewed(github, 3, day=2, base="next")
    reviewed(github, 4, day=3)
    github.pulls[4] |= {"merged_at": None, "state": "open"}
    assert numbers(history(github)) == [2]


def test_one_that_is_not_in_the_history_approves_nothing_and_nothing_older_does(github: GitHubStub) -> None:
    reviewed(github, 2, day=1)
    reviewed(github, 3, day=2)
    github.ancestors[SHA].remove(f"{3:040}")
    assert numbers(history(github)) == []


def test_one_without_a_comment_of_ours_is_passed_over(github: GitHubStub) -> None:
    reviewed(github, 2, day=1)
    reviewed(github, 3, day=2)
    for comment in github.comments.values():
        if comment["issue_url"] == "/issues/3":
            comment["user"] = {"login": "mallory"}
    assert numbers(history(github)) == [2]


def test_one_that_somebody_edited_is_not_trusted_and_stops_the_history(github: GitHubStub) -> None:
    reviewed(github, 2, day=1)
    reviewed(github, 3, day=2)
    edited = next(each for each in github.comments.values() if each["issue_url"] == "/issues/3")
    github.editors[edited["id"]] = "mallory"
    assert numbers(history(github)) == []


def test_the_log_tells_which_records_count_and_what_ends_the_history(
    github: GitHubStub, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        reviewed(github, number, day=number, merge=SHA if number == 3 else None)
    edited = next(each for each in github.comments.values() if each["issue_url"] == "/issues/2")
    github.editors[edited["id"]] = "mallory"
    with caplog.at_level("INFO", "dynatus_ci.github.review_history"):
        numbers(history(github))
    log = [line.getMessage() for line in caplog.records]
    assert log[0] == "The record at pull request #3 counts."
    assert log[1].startswith("The record at pull request #2 does not count: ")
    assert log[2] == "No record older than that at pull request #2 counts."


def test_the_oldest_of_several_of_ours_is_the_one(github: GitHubStub) -> None:
    reviewed(github, 2, day=1)
    github.add_comment(2, record("another"))
    read = history(github)
    assert numbers(read) == [2]
    assert read.reviews.counted[0].record.entry("table-2") is not None


def test_ours_is_found_behind_hundreds_of_others(github: GitHubStub) -> None:
    reviewed(github, 2, day=1)
    (ours,) = github.comments.values()
    del github.comments[ours["id"]]
    for number in range(250):
        github.add_comment(2, f"a remark {number}", login=["octocat", github_stub.BOT][number % 2])
    github.add_comment(2, ours["body"])
    assert numbers(history(github)) == [2]


def test_a_record_behind_many_pull_requests_without_one_is_found(github: GitHubStub) -> None:
    for number in range(1, 200):
        reviewed(github, number, day=1 + number % 28)
    github.comments = {id_: one for id_, one in github.comments.items() if one["issue_url"] == "/issues/1"}
    assert numbers(history(github)) == [1]


@pytest.mark.parametrize("most", [4, 5, 10, 30])
def test_no_more_is_asked_than_may_be(github: GitHubStub, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """What it does not reach does not count."""
    monkeypatch.setattr(pull_request, "PAGE", 3)
    for number in range(1, 60):
        reviewed(github, number, day=1 + number // 3)
    read = history(github, most_requests=most)
    while read.read_next():
        pass
    read.find_open({})
    read.mark_used({}, text=None)
    assert len(github.calls) <= most
    assert len(read.reviews.counted) < 60


def test_the_texts_of_many_pull_requests_come_in_one_answer(github: GitHubStub) -> None:
    for number in range(1, 30):
        reviewed(github, number, day=number)
    github.history[SHA, None] = [SHA, *(f"{number:040}" for number in range(1, 30))]
    read = history(github)
    while read.read_next():
        pass
    assert len(github.calls) == 2
    assert len(read.reviews.counted) == 29


def test_the_nearest_of_our_other_records_is_named(github: GitHubStub) -> None:
    github.add_pull(7)
    github.merge(7, SHA)
    github.add_comment(7, record("t", scope=Scope(account="9012", region="us-east-1", path="tables", environment="x")))
    github.add_comment(7, record("t", scope=Scope(account="9012", region="us-east-1", path="tables")))
    read = history(github)
    read.read_own()
    assert read.reviews.reason is FailureReason.PLAN_MISSING
    assert "differs in `region`" in (read.reviews.because or "")


def test_a_branch_that_was_renamed_says_so(github: GitHubStub) -> None:
    reviewed(github, 7, day=1, merge=SHA, base="master")
    read = history(github)
    read.read_own()
    assert read.reviews.reason is FailureReason.PLAN_MISSING
    assert "`master`; this run is for `main` (after a rename, plan the change again)" in (read.reviews.because or "")


# ---- what is written back --------------------------------------------------------------------------------------------


def test_what_a_run_has_not_left_to_do_is_closed_in_every_record_that_was_read(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, merge=SHA)
    reviewed(github, 3, day=2)
    read = history(github)
    numbers(read)
    read.set_main([7])
    marked = read.mark_used(review.unfinished([creation("table-3")]), text="the result")
    assert (marked.failed, marked.warnings) == (None, [])
    assert [is_used(kept(github, number), "table-7") for number in (7, 3)] == [True, True]
    assert [is_used(kept(github, number), "table-3") for number in (7, 3)] == [False, False]
    assert "the result" in github.bodies(7)[0]
    assert "text" in github.bodies(3)[0]


def test_telling_keeps_the_record_and_marking_again_writes_nothing(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, merge=SHA)
    read = history(github)
    read.read_own()
    read.write_progress("running")
    assert github.bodies(7)[0].split("\n")[-1] == record("table-7").split("\n")[-1]
    read.mark_used({}, text="done")
    asked = len(github.calls)
    assert not read.find_open({})
    read.mark_used({}, text=None)
    assert len(github.calls) == asked


def test_what_another_run_closed_meanwhile_stays_closed(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, merge=SHA)
    slow, quick = history(github), history(github)
    for read in (slow, quick):
        read.read_own()
    quick.mark_used({}, text="done")
    slow.write_progress("running")
    assert is_used(kept(github, 7), "table-7")
    assert is_used(slow.reviews.counted[0].record, "table-7")


@pytest.mark.parametrize("deleted", [False, True])
def test_a_comment_that_was_edited_or_deleted_meanwhile_is_left_alone(github: GitHubStub, *, deleted: bool) -> None:
    reviewed(github, 7, day=9, merge=SHA)
    read = history(github)
    read.read_own()
    (id_,) = github.comments
    if deleted:
        del github.comments[id_]
    else:
        github.editors[id_] = "mallory"
    with pytest.raises(GitHubError, match="#7 was edited or deleted"):
        read.write_progress("running")
    read.mark_used({}, text="done")
    assert not [call for call in github.calls if call.startswith("PATCH")]
    assert read.reviews.counted == ()


def test_records_are_read_until_one_has_nothing_else_open(github: GitHubStub) -> None:
    merges = {7: SHA, 5: "a" * 40, 4: "b" * 40, 3: "c" * 40}
    for number, merge in merges.items():
        reviewed(github, number, day=number, merge=merge)
    before = history(github)
    numbers(before)
    before.mark_used(review.unfinished([creation("table-7"), creation("table-5")]), text=None)
    left = review.unfinished([creation("table-5")])
    read = history(github)
    read.read_own()
    assert read.find_open(left)
    read.mark_used(left, text="done")
    assert [is_used(kept(github, number), f"table-{number}") for number in merges] == [True, False, True, True]
    again = history(github)
    again.read_own()
    asked = len(github.calls)
    assert not again.find_open(left)
    assert len(github.calls) == asked


@pytest.mark.parametrize(("lost", "failed"), [(7, True), (3, False)])
def test_a_record_that_cannot_be_written_fails_the_run_unless_a_newer_one_holds_the_same(
    github: GitHubStub, lost: int, *, failed: bool
) -> None:
    reviewed(github, 7, day=9, merge=SHA)
    reviewed(github, 3, day=2)
    (id_,) = [id_ for id_, comment in github.comments.items() if comment["issue_url"] == f"/issues/{lost}"]
    github.faults.append(Fault(f"PATCH .*/{id_}", status=404))
    read = history(github)
    numbers(read)
    marked = read.mark_used({}, text="done")
    assert (f"#{lost}" in str(marked.failed)) is failed
    assert [f"#{lost}" in warning for warning in marked.warnings] == ([] if failed else [True])
    assert is_used(kept(github, 10 - lost), "any")
    assert list(history_of_all(github).open_for(creation("table-3"))) == []


def history_of_all(github: GitHubStub) -> review.Reviews:
    read = history(github)
    numbers(read)
    return read.reviews


def test_a_comment_kept_with_windows_line_ends_counts(github: GitHubStub) -> None:
    reviewed(github, 7, day=9, merge=SHA)
    for comment in github.comments.values():
        comment["body"] = comment["body"].replace("\n", "\r\n")
    read = history(github)
    assert numbers(read) == [7]
    read.mark_used({}, text=None)
    assert is_used(kept(github, 7), "table-7")
