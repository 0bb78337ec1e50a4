"""Comments, labels, merges and history, over real HTTP against a small GitHub of our own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dynatus_ci.errors import GitHubError, NotAllowed
from dynatus_ci.github import pull_request
from dynatus_ci.github.answers import Actor, AuthoredComment, Comment, GitObject, PullRequest, Tip, Unwritten
from dynatus_ci.github.pull_request import PullRequests
from dynatus_ci.github.transport import Pace
from tests import github_stub
from tests.github_stub import BOT, Answer, Fault, GitHubStub

MARKER = "<!-- dynatus-ci:0123456789abcdef0123456789abcdef -->"
OTHER = "<!-- dynatus-ci:ffffffffffffffffffffffffffffffff -->"
BODY = f"{MARKER}\nthe plan"
HEAD, MERGE = "a" * 40, "b" * 40
HASTE = Pace(
    timeout=5, backoff=0, between_requests=0, between_writes=0, after_doubt=0, merge_lag=(0, 0, 0, 0), longest_wait=60
)


@pytest.fixture
def github() -> Iterator[GitHubStub]:
    stub = GitHubStub()
    stub.add_pull(7, head=HEAD)
    with github_stub.serving(stub):
        yield stub


def client(stub: GitHubStub, token: str = github_stub.TOKEN) -> PullRequests:
    return PullRequests(token=token, repository=stub.repository, api_url=stub.url + stub.prefix, pace=HASTE)


def write(pulls: PullRequests, body: str = BODY, head: str | None = HEAD) -> Comment | Unwritten:
    existing = pulls.find_comment(7, MARKER)
    return pulls.write_plan(7, marker=MARKER, body=body, head_sha=head, existing=existing)


# ---- finding and writing ---------------------------------------------------------------------------------------------


def test_one_comment_is_edited_not_multiplied(github: GitHubStub) -> None:
    first = write(client(github))
    second = write(client(github), body=f"{MARKER}\nanother plan")
    assert isinstance(first, Comment)
    assert isinstance(second, Comment)
    assert (first.id, first.author, first.url) == (second.id, BOT, second.url)
    assert github.bodies(7) == [f"{MARKER}\nanother plan"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("same", "same"),
        ("two\r\nlines\r\n", "two\nlines"),
        (
            "see https://github.com/o/r/actions/runs/1/attempts/1 there",
            "see https://github.com/o/r/actions/runs/22/attempts/3 there",
        ),
        ("see https://github.com/o/r/actions/runs/1", "see https://github.com/o/r/actions/runs/2"),
    ],
)
def test_an_unchanged_text_is_not_written(github: GitHubStub, before: str, after: str) -> None:
    github.add_comment(7, f"{MARKER}\n{before}")
    pulls = client(github)
    write(pulls, body=f"{MARKER}\n{after}")
    assert github.bodies(7) == [f"{MARKER}\n{before}"]
    existing = pulls.find_comment(7, MARKER)
    pulls.write_comment(7, marker=MARKER, body=f"{MARKER}\n{after}", existing=existing, rewrite=True)
    assert github.bodies(7) == [f"{MARKER}\n{after}"]


def test_a_first_plan_needs_four_requests(github: GitHubStub) -> None:
    write(client(github))
    assert github.calls == [
        "GET /repos/octocat/hello-world/issues/7/comments",
        "GET /repos/octocat/hello-world/pulls/7",
        "POST /repos/octocat/hello-world/issues/7/comments",
        "GET /repos/octocat/hello-world/issues/7/comments",
    ]


@pytest.mark.parametrize(("head", "left"), [(HEAD, BODY), ("c" * 40, f"{MARKER}\nof the other run")])
def test_of_two_first_plans_at_once_one_comment_stays_and_never_the_older_heads(
    github: GitHubStub, monkeypatch: pytest.MonkeyPatch, head: str, left: str
) -> None:
    answer = github.answer

    def overtaken(method: str, *, target: str, token: str, body: Any) -> Answer:
        if method == "POST" and target.endswith("/comments"):
            github.add_comment(7, f"{MARKER}\nof the other run")
            github.pulls[7]["head"]["sha"] = head
        return answer(method, target=target, token=token, body=body)

    monkeypatch.setattr(github, "answer", overtaken)
    write(client(github))
    assert github.bodies(7) == [left]


def test_a_marker_that_somebody_else_posted_first_is_not_ours(github: GitHubStub) -> None:
    github.add_comment(7, BODY, login="octocat")
    github.add_comment(7, BODY, login=None)  # a deleted account
    github.add_comment(7, f"> {BODY}")
    github.add_comment(7, f"quoting\n{MARKER}")
    before = github.bodies(7)
    write(client(github), body=f"{MARKER}\nours")
    assert github.bodies(7) == [*before, f"{MARKER}\nours"]


def test_ours_is_found_on_the_third_page(github: GitHubStub) -> None:
    for number in range(240):
        github.add_comment(7, f"remark {number}", login="octocat")
    ours = github.add_comment(7, BODY)
    for number in range(9):
        github.add_comment(7, f"late remark {number}", login=None)
    found = client(github).find_comment(7, MARKER)
    assert found is not None
    assert found.id == ours["id"]
    assert github.calls.count("GET /repos/octocat/hello-world/issues/7/comments") == 3


def test_of_several_of_ours_the_oldest_is_taken(github: GitHubStub) -> None:
    oldest = github.add_comment(7, f"{MARKER}\nold")
    github.add_comment(7, f"{MARKER}\nnew")
    write(client(github))
    assert github.bodies(7) == [BODY, f"{MARKER}\nnew"]
    assert github.comments[oldest["id"]]["body"] == BODY


def test_comments_of_every_key_are_listed_and_told_apart(github: GitHubStub) -> None:
    github.add_comment(7, f"{OTHER}\r\nstaging")
    github.add_comment(7, f"{MARKER} and more\nnot quite")
    github.add_comment(7, f"{MARKER}\nproduction")
    pulls = client(github)
    found = [comment.first_line for comment in pulls.our_comments(7, starting="<!-- dynatus-ci:")]
    assert found == [OTHER, f"{MARKER} and more", MARKER]
    ours = pulls.find_comment(7, MARKER)
    assert ours is not None
    assert ours.body == f"{MARKER}\nproduction"


def test_a_persons_token_finds_that_persons_comment(github: GitHubStub) -> None:
    github.add_comment(7, BODY)
    mine = github.add_comment(7, BODY, login="octocat")
    found = client(github, github_stub.PERSON_TOKEN).find_comment(7, MARKER)
    assert found is not None
    assert found.id == mine["id"]


def test_where_there_is_no_graphql_a_persons_token_is_known_all_the_same(github: GitHubStub) -> None:
    github.faults.append(Fault("POST /graphql", status=404))
    mine = github.add_comment(7, BODY, login="octocat")
    found = client(github, github_stub.PERSON_TOKEN).find_comment(7, MARKER)
    assert found is not None
    assert found.id == mine["id"]


def test_an_enterprise_server_is_asked_under_its_prefix() -> None:
    stub = GitHubStub(prefix="/api/v3")
    stub.add_pull(7, head=HEAD)
    with github_stub.serving(stub):
        pulls = PullRequests(
            token=github_stub.TOKEN, repository=stub.repository, api_url=f"{stub.url}/api/v3/", pace=HASTE
        )
        for number in range(150):
            stub.add_comment(7, f"remark {number}", login="octocat")
        write(pulls)
        ours = pulls.find_comment(7, MARKER)
        assert ours is not None
        assert authored_comment(pulls, ours).comment.body == BODY
    assert "POST /api/graphql" in stub.calls
    assert "POST /api/v3/repos/octocat/hello-world/issues/7/comments" in stub.calls


# ---- out of order, closed --------------------------------------------------------------------------------------------


def test_an_older_run_never_overwrites_a_newer_head(github: GitHubStub) -> None:
    newer = "c" * 40
    github.pulls[7]["head"]["sha"] = newer
    write(client(github), body=f"{MARKER}\nnew", head=newer)
    assert write(client(github), body=f"{MARKER}\nold", head=HEAD) is Unwritten.OUTDATED
    assert github.bodies(7) == [f"{MARKER}\nnew"]


def test_a_plan_without_a_head_of_its_own_is_written(github: GitHubStub) -> None:
    assert isinstance(write(client(github), head=None), Comment)


def test_a_plan_is_never_written_to_a_closed_pull_request(github: GitHubStub) -> None:
    github.pulls[7]["state"] = "closed"
    assert write(client(github)) is Unwritten.CLOSED
    assert github.bodies(7) == []


def test_a_result_is_written_to_a_merged_pull_request(github: GitHubStub) -> None:
    write(client(github))
    github.merge(7, MERGE)
    pulls = client(github)
    ours = pulls.find_comment(7, MARKER)
    assert ours is not None
    assert pulls.edit_comment(ours, f"{MARKER}\nthe result").body == f"{MARKER}\nthe result"


# ---- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropped", [False, True])
def test_a_comment_that_was_stored_although_the_answer_was_lost_is_not_posted_twice(
    github: GitHubStub, *, dropped: bool
) -> None:
    github.faults.append(Fault("POST .*/comments", status=502, stored=True, dropped=dropped))
    assert isinstance(write(client(github)), Comment)
    assert github.bodies(7) == [BODY]


def test_a_comment_that_was_not_stored_is_posted_once_more(github: GitHubStub) -> None:
    github.faults.append(Fault("POST .*/comments", status=502))
    assert isinstance(write(client(github)), Comment)
    assert github.bodies(7) == [BODY]


def test_a_post_is_tried_twice_at_most(github: GitHubStub) -> None:
    github.faults.append(Fault("POST .*/comments", status=502, times=9))
    with pytest.raises(GitHubError, match=r"could not comment on pull request #7.*502"):
        write(client(github))
    assert sum(call.startswith("POST /repos") for call in github.calls) == 2
    assert github.bodies(7) == []


def test_reads_and_edits_are_repeated(github: GitHubStub) -> None:
    github.add_comment(7, f"{MARKER}\nold")
    github.faults += [Fault(call, status=503, times=2) for call in ("GET .*", "PATCH .*", "POST /graphql")]
    write(client(github))
    assert github.bodies(7) == [BODY]


def test_a_failure_that_stays_is_an_error_of_ours(github: GitHubStub) -> None:
    github.faults.append(Fault("GET .*", status=503, times=99))
    with pytest.raises(GitHubError, match=r"did not answer, so dynatus could not read the comments"):
        client(github).find_comment(7, MARKER)


def test_nobody_at_the_address_is_an_error_of_ours() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        pulls = PullRequests(
            token="t", repository="o/r", api_url=f"http://127.0.0.1:{unused.getsockname()[1]}", pace=HASTE
        )
        with pytest.raises(GitHubError, match="did not answer"):
            pulls.pull_request(7)


def test_a_fork_may_read_and_is_told_which_permission_writing_needs(github: GitHubStub) -> None:
    pulls = client(github, github_stub.READ_ONLY_TOKEN)
    with pytest.raises(NotAllowed, match="Resource not accessible by integration") as caught:
        write(pulls)
    assert caught.value.permission == "pull-requests: write"
    assert "pull-requests: write" in str(caught.value)
    assert sum(call.startswith("POST /repos") for call in github.calls) == 1


def test_a_token_that_may_not_read_is_told_so(github: GitHubStub) -> None:
    forbidden = {"message": "Resource not accessible by integration"}
    github.faults.append(Fault("GET .*/pulls/7", status=403, body=forbidden))
    with pytest.raises(NotAllowed) as caught:
        client(github).pull_request(7)
    assert caught.value.permission == "pull-requests: read"


def test_graphql_says_what_is_forbidden_in_its_own_way(github: GitHubStub) -> None:
    errors = [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]
    github.faults.append(Fault("POST /graphql", status=200, body={"data": None, "errors": errors}))
    with pytest.raises(NotAllowed, match="Resource not accessible"):
        client(github).tip(ref="refs/heads/main", commit=MERGE, path="resources/dynamo")


def test_a_wait_of_two_hours_is_an_error_at_once(github: GitHubStub) -> None:
    slow = {"message": "You have exceeded a secondary rate limit."}
    github.faults.append(Fault(".*", status=403, body=slow, headers={"Retry-After": "7200"}, times=99))
    pulls = client(github)
    with pytest.raises(GitHubError, match="rate limit is used up; run the job again in 7200 seconds") as caught:
        pulls.pull_request(7)
    assert not isinstance(caught.value, NotAllowed)
    assert len(github.calls) == 1
    with pytest.raises(GitHubError, match="7200 seconds"):
        pulls.write_comment(7, marker=MARKER, body=BODY, existing=None)
    assert len(github.calls) == 2


def test_a_short_wait_is_waited_for(github: GitHubStub) -> None:
    slow = {"message": "You have exceeded a secondary rate limit."}
    for call in ("GET .*", "POST .*/comments"):
        github.faults.append(Fault(call, status=403, body=slow, headers={"Retry-After": "0"}))
    assert isinstance(write(client(github)), Comment)
    assert github.bodies(7) == [BODY]


def test_a_token_that_is_not_accepted_is_named(github: GitHubStub) -> None:
    with pytest.raises(GitHubError, match="github-token was not accepted") as caught:
        client(github, "expired").pull_request(7)
    assert "expired" not in str(caught.value)


def test_a_pull_request_that_is_not_there_may_also_be_a_missing_permission(github: GitHubStub) -> None:
    with pytest.raises(GitHubError, match=r"#8.*\(404\).*pull-requests: read"):
        client(github).pull_request(8)


@pytest.mark.parametrize(
    ("call", "write_it"),
    [
        ("POST .*/comments", lambda pulls, _: pulls.write_comment(7, marker=OTHER, body=OTHER, existing=None)),
        ("PATCH .*", lambda pulls, ours: pulls.edit_comment(ours, BODY)),
        ("DELETE .*", lambda pulls, _: pulls.remove_label(7, "dynatus:allow-destructive")),
    ],
)
def test_a_write_to_a_renamed_repository_is_no_success(
    github: GitHubStub, call: str, write_it: Callable[[PullRequests, Comment | None], object]
) -> None:
    github.add_comment(7, f"{MARKER}\nold")
    pulls = client(github)
    ours = pulls.find_comment(7, MARKER)
    moved = {"message": "Moved Permanently", "url": f"{github.url}/repositories/1/issues/7/comments"}
    github.faults.append(Fault(call, status=307, body=moved, headers={"Location": moved["url"]}))
    with pytest.raises(GitHubError, match="renamed or transferred"):
        write_it(pulls, ours)


def test_an_answer_that_is_no_answer_of_github_is_an_error_of_ours(github: GitHubStub) -> None:
    github.faults += [Fault("GET .*/comments", status=200, body={"hello": "proxy"})]
    with pytest.raises(GitHubError, match="not what its API describes"):
        client(github).find_comment(7, MARKER)
    github.faults += [Fault("GET .*/pulls/7", status=200, body={"hello": "proxy"})]
    with pytest.raises(GitHubError, match="not what its API describes"):
        client(github).pull_request(7)


def test_the_next_page_is_asked_for_at_the_same_host_whatever_the_link_says(github: GitHubStub) -> None:
    for number in range(100):
        github.add_comment(7, f"remark {number}", login="octocat")
    github.add_comment(7, BODY)
    path = "/repos/octocat/hello-world/issues/7/comments?per_page=100&page=2"
    page = list(github.comments.values())[:100]
    elsewhere = {"Link": f'<http://elsewhere.invalid:1234{path}>; rel="next", <http://x/>; rel="last"'}
    github.faults.append(Fault("GET .*/comments", status=200, body=page, headers=elsewhere))
    assert client(github).find_comment(7, MARKER) is not None


def test_a_redirect_to_another_host_is_not_followed(github: GitHubStub) -> None:
    elsewhere = {"Location": "http://elsewhere.invalid/repositories/1"}
    github.faults.append(Fault("GET .*", status=301, headers=elsewhere))
    with pytest.raises(GitHubError, match=r"redirected from host .* to elsewhere\.invalid.*GITHUB_API_URL"):
        client(github).pull_request(7)


def test_reads_of_a_renamed_repository_go_on_under_its_number(github: GitHubStub) -> None:
    github.add_comment(7, BODY)
    new = {"Location": f"{github.url}/repos/octocat/hello-world/issues/7/comments?per_page=100"}
    pulls = PullRequests(token=github_stub.TOKEN, repository="octocat/old-name", api_url=github.url, pace=HASTE)
    github.faults.append(Fault("GET /repos/octocat/old-name/.*", status=301, headers=new))
    assert pulls.find_comment(7, MARKER) is not None


def test_pygithub_prints_nothing(github: GitHubStub, capfd: pytest.CaptureFixture[str]) -> None:
    github.faults.append(Fault("GET .*", status=502))
    write(client(github))
    assert logging.getLogger("github").handlers == []
    assert capfd.readouterr() == ("", "")


# ---- who wrote it ----------------------------------------------------------------------------------------------------


def authored_comment(pulls: PullRequests, comment: Comment) -> AuthoredComment:
    (found,) = pulls.authored_comments([comment.node_id]).values()
    return found


def test_a_comments_text_comes_with_its_author_and_editor(github: GitHubStub) -> None:
    pulls = client(github)
    write(pulls)
    ours = pulls.find_comment(7, MARKER)
    assert ours is not None
    found = authored_comment(pulls, ours)
    assert (found.edited, found.editor, found.comment) == (False, None, replace(ours, author="github-actions"))
    write(pulls, body=f"{MARKER}\nedited by us")
    found = authored_comment(pulls, ours)
    assert (found.viewer_did_author, found.edited) == (True, True)
    assert found.author == found.editor == Actor(type="Bot", id="Bot_github-actions[bot]")
    github.editors[ours.id] = "github-actions"
    github.comments[ours.id]["body"] = f"{MARKER}\nforged"
    found = authored_comment(pulls, ours)
    assert (found.editor, found.comment.body) == (Actor(type="User", id="User_github-actions"), f"{MARKER}\nforged")
    github.editors[ours.id] = None
    assert (authored_comment(pulls, ours).edited, authored_comment(pulls, ours).editor) == (True, None)


def test_somebody_elses_comment_is_told_apart(github: GitHubStub) -> None:
    github.add_comment(7, BODY)
    pulls = client(github)
    theirs = pulls.find_comment(7, MARKER)
    assert theirs is not None
    github.comments[theirs.id]["user"] = None
    found = authored_comment(pulls, theirs)
    assert (found.viewer_did_author, found.author, found.editor) == (False, None, None)


def test_a_comment_that_is_gone_is_left_out(github: GitHubStub) -> None:
    gone, there, also_gone = (github.add_comment(7, BODY)["id"] for _ in range(3))
    del github.comments[gone], github.comments[also_gone]
    found = client(github).authored_comments([f"IC_{id_}" for id_ in (gone, there, also_gone)])
    assert list(found) == [f"IC_{there}"]


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"nodes": [None]}, "errors": [{"type": "SERVICE_UNAVAILABLE", "path": ["nodes", 0], "message": "no"}]},
        {"data": {"nodes": [{"id": "IC_1"}]}, "errors": [{"type": "NOT_FOUND", "path": ["nodes", 0, "author"]}]},
        {"data": None},
        {"data": {"nodes": [{"id": "IC_1", "body": 3}]}},
        {"data": []},
        {"hello": "proxy"},
        [],
    ],
)
def test_a_part_of_an_answer_or_odd_json_is_an_error_of_ours(github: GitHubStub, answer: Any) -> None:
    github.faults.append(Fault("POST /graphql", status=200, body=answer))
    with pytest.raises(GitHubError, match="could not read comments"):
        client(github).authored_comments(["IC_1"])


# ---- labels ----------------------------------------------------------------------------------------------------------


def test_a_label_is_taken_off_once_and_no_other(github: GitHubStub) -> None:
    github.add_pull(8, labels=("bug", "dynatus:allow-destructive"))
    pulls = client(github)
    assert pulls.pull_request(8).labels == ("bug", "dynatus:allow-destructive")
    pulls.remove_label(8, "dynatus:allow-destructive")
    pulls.remove_label(8, "dynatus:allow-destructive")
    assert pulls.pull_request(8).labels == ("bug",)


def test_a_label_that_the_token_may_not_take_off_is_not_taken_for_gone(github: GitHubStub) -> None:
    github.add_pull(8, labels=("dynatus:allow-destructive",))
    with pytest.raises(NotAllowed):
        client(github, github_stub.READ_ONLY_TOKEN).remove_label(8, "dynatus:allow-destructive")


# ---- merges and history ----------------------------------------------------------------------------------------------


def test_a_pull_request_is_a_plain_value(github: GitHubStub) -> None:
    github.merge(7, MERGE)
    assert client(github).pull_request(7) == PullRequest(
        number=7,
        state="closed",
        merged_at="2026-08-01T12:00:00Z",
        merge_commit_sha=MERGE,
        base_ref="main",
        head_sha=HEAD,
        labels=(),
    )


def numbers(pulls: tuple[PullRequest, ...]) -> list[int]:
    return [each.number for each in pulls]


def test_the_pull_request_of_a_merge_is_found_when_github_knows_it(github: GitHubStub) -> None:
    github.merge(7, MERGE)
    github.lag[MERGE] = 3
    assert numbers(client(github).merged_as(MERGE)) == [7]


def test_a_direct_push_has_no_pull_request(github: GitHubStub) -> None:
    assert client(github).merged_as(MERGE) == ()
    assert len(github.calls) == len(HASTE.merge_lag)


def test_a_branch_deletion_is_not_asked_about(github: GitHubStub) -> None:
    assert client(github).merged_as("0" * 40) == ()
    assert github.calls == []


def test_only_what_was_merged_as_this_commit_counts(github: GitHubStub) -> None:
    github.merge(7, MERGE, commits=("c" * 40,))  # a commit inside the merge is not the merge
    github.add_pull(8)["merge_commit_sha"] = MERGE  # open: its test merge
    github.commit_pulls[MERGE].append(8)
    github.add_pull(9)["base"]["repo"]["full_name"] = "upstream/hello-world"  # a fork's commits are shared
    github.merge(9, MERGE)
    pulls = client(github)
    assert numbers(pulls.merged_as(MERGE)) == [7]
    assert pulls.merged_as("c" * 40) == ()


def test_several_pull_requests_of_one_commit_are_all_given(github: GitHubStub) -> None:
    github.add_pull(8)
    github.merge(7, MERGE)
    github.merge(8, MERGE)
    assert numbers(client(github).merged_as(MERGE)) == [7, 8]


def test_a_commit_that_github_has_not_indexed_is_asked_for_again(github: GitHubStub) -> None:
    github.merge(7, MERGE)
    github.faults.append(Fault("GET .*/commits/.*", status=409))
    assert numbers(client(github).merged_as(MERGE)) == [7]


def test_what_was_merged_is_listed_by_its_last_update_with_the_ids_of_our_comments(
    github: GitHubStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_request, "PAGE", 2)
    github.history[MERGE, None] = [MERGE, HEAD]
    for number, day in ((1, 3), (2, 9), (3, 5)):
        github.add_pull(number, labels=("dynatus:allow-destructive",))
        github.merge(number, f"{number:040}", at=f"2026-08-{day:02}T12:00:00Z")
    github.add_pull(4, base="release")
    github.merge(4, HEAD)
    github.add_comment(2, "a remark", login="octocat")
    ours = [github.add_comment(2, text)["node_id"] for text in (BODY, "another")]
    pulls = client(github)
    first = pulls.merged(branch="main", commit=MERGE)
    assert [each.pull_request.number for each in first.listed] == [2, 3]
    assert (first.commits, first.newest) == ((MERGE, HEAD), ())
    assert first.listed[0].our_comments == tuple(ours)
    assert first.listed[0].pull_request.labels == ("dynatus:allow-destructive",)
    github.pulls[1]["updated_at"] = "2026-09-01T12:00:00Z"
    second = pulls.merged(branch="main", commit=MERGE, after=first.more)
    assert [each.pull_request.number for each in second.listed] == []
    assert [each.pull_request.number for each in second.newest] == [1, 2]
    assert second.more is None


def test_a_pull_request_is_read_with_its_comments_by_pages(github: GitHubStub) -> None:
    ids = [github.add_comment(7, f"{number}")["node_id"] for number in range(150)]
    pulls = client(github)
    first = pulls.discussion(7)
    assert (first.pull_request.number, first.pull_request.is_open) == (7, True)
    assert [*first.our_comments, *pulls.discussion(7, after=first.more).our_comments] == ids
    with pytest.raises(GitHubError, match="could not read pull request #8"):
        pulls.discussion(8)


def test_a_repository_that_was_renamed_says_so(github: GitHubStub) -> None:
    github.names = {"octocat/old-name": github.repository}
    pulls = PullRequests(token=github_stub.TOKEN, repository="octocat/old-name", api_url=github.url, pace=HASTE)
    with pytest.raises(GitHubError, match=r"renamed .* is octocat/hello-world now.*Start a new run"):
        pulls.merged(branch="main", commit=MERGE)


def test_the_tip_is_looked_at_with_what_git_has_at_the_path(github: GitHubStub) -> None:
    tree = {"users.edn": "9" * 40}
    github.trees = {"1" * 40: tree, "3" * 40: {}}
    github.objects |= {
        MERGE: MERGE,
        "refs/heads/main": "d" * 40,
        "refs/heads/main:tables": "1" * 40,
        f"{MERGE}:tables": "2" * 40,
        "refs/heads/main:": "3" * 40,
    }
    pulls = client(github)
    tip = pulls.tip(ref="refs/heads/main", commit=MERGE, path="tables")
    assert tip == Tip(
        commit="d" * 40, there=GitObject(type="Tree", oid="1" * 40), here=GitObject(type="Blob", oid="2" * 40)
    )
    assert pulls.blobs("1" * 40) == tree
    root = pulls.tip(ref="refs/heads/main", commit=MERGE, path=".")
    assert (root.there, root.here) == (GitObject(type="Tree", oid="3" * 40), None)
    gone = pulls.tip(ref="refs/heads/gone", commit=MERGE, path="tables")
    assert (gone.commit, gone.there) == (None, None)


def test_a_tree_of_which_only_a_part_is_listed_is_not_known(github: GitHubStub) -> None:
    github.faults.append(Fault("GET .*/git/trees/.*", status=200, body={"tree": [], "truncated": True}))
    assert client(github).blobs("1" * 40) is None


def test_a_repository_or_commit_that_the_token_does_not_see_is_no_branch_that_is_gone(github: GitHubStub) -> None:
    github.objects["refs/heads/main"] = "d" * 40
    elsewhere = PullRequests(token=github_stub.TOKEN, repository="o/hidden", api_url=github.url, pace=HASTE)
    for pulls in (client(github), elsewhere):
        with pytest.raises(GitHubError, match="knows no"):
            pulls.merged(branch="main", commit=MERGE)
        with pytest.raises(GitHubError, match="knows no"):
            pulls.tip(ref="refs/heads/main", commit=MERGE, path="tables")


def test_a_ref_that_stays_behind_the_commit_is_asked_for_so_often_and_no_more(github: GitHubStub) -> None:
    github.objects |= {MERGE: MERGE, "refs/heads/main": HEAD, f"{MERGE}:tables": "2" * 40}
    github.ancestors[MERGE] = {HEAD}
    assert client(github).tip(ref="refs/heads/main", commit=MERGE, path="tables").commit == HEAD
    assert github.calls.count("POST /graphql") == len(HASTE.merge_lag)


def test_whether_a_commit_is_in_the_history_of_another(github: GitHubStub) -> None:
    github.ancestors[MERGE] = {HEAD}
    pulls = client(github)
    assert pulls.contains(commit=MERGE, ancestor=HEAD)
    assert pulls.contains(commit=MERGE, ancestor=MERGE)
    assert not pulls.contains(commit=HEAD, ancestor=MERGE)
    github.faults.append(Fault("GET .*/compare/.*", status=404, body={"message": "Not Found"}))
    assert not pulls.contains(commit=MERGE, ancestor=HEAD)  # a commit that GitHub does not have any more


def test_same_text_looks_past_the_runs_link_only() -> None:
    link = "https://github.com/o/r/actions/runs/{}/attempts/1"
    assert pull_request.same_text(link.format(1), link.format(2))
    assert not pull_request.same_text(f"{link.format(1)} a", f"{link.format(1)} b")
