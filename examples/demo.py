"""The life of three tables in a minute, on a DynamoDB inside this process (moto's server).

Run it with `make demo`. It needs no Docker and no AWS account, and it reaches none.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import logging
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from moto.server import ThreadedMotoServer

from dynatus_ci import cli, report
from dynatus_ci.report import ReportContext
from dynatus_ci.table.plans import Plan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

EXAMPLES = Path(__file__).parent / "tables"
COMMENT = Path("demo-comment.md")
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
KEY_CHANGE = {
    ':KeyType "HASH"}]': f':KeyType "HASH"}}\n{" " * 27}{{:AttributeName "device" :KeyType "RANGE"}}]',
    ':AttributeType "S"}]': f':AttributeType "S"}}\n{" " * 27}{{:AttributeName "device" :AttributeType "S"}}]',
}
KEY_CHANGE_WITH_ITEMS = {
    '"user_id" :KeyType "HASH"}]': f"""\
"user_id" :KeyType "HASH"}}
{" " * 26}{{:AttributeName "email" :KeyType "RANGE"}}]
 :KeepItems              true""",
}
USERS = {"ada": "ada@example.com", "alan": "alan@example.com", "grace": "grace@example.com"}


def say(text: str) -> None:
    """Tell the story between the commands."""
    print(f"\n\x1b[1m{text}\x1b[0m" if COLOUR else f"\n{text}", flush=True)


def run(*arguments: str, last_lines: int | None = None, with_text: str = "") -> int:
    """Run the command as a person would type it.

    Args:
        arguments: What is typed after `dynatus`.
        last_lines: Show what `| tail` would show.
        with_text: Show what `| grep` would show.
    """
    piped = f" | tail -n {last_lines}" if last_lines else f" | grep '{with_text}'" if with_text else ""
    typed = f"$ dynatus {shlex.join(arguments)}{piped}"
    print(f"\x1b[36m{typed}\x1b[0m" if COLOUR else typed, flush=True)
    if not piped:
        return cli.main(arguments)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(io.StringIO()):
        status = cli.main(arguments)
    lines = shown.getvalue().rstrip().splitlines()[-(last_lines or 0) :]
    print("\n".join(line for line in lines if with_text in line))
    return status


@contextlib.contextmanager
def embedded_dynamodb() -> Iterator[str]:
    """The endpoint of a DynamoDB in this process. No variable leads to an account any more."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's server would log every call
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    os.environ |= {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
    try:
        yield endpoint
    finally:
        server.stop()


def edit(file: Path, changes: Mapping[str, str]) -> None:
    """Change a file, and show the change."""
    new = old = file.read_text(encoding="utf-8")
    for before, after in changes.items():
        new = new.replace(before, after)
    file.write_text(new, encoding="utf-8")
    for line in list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))[3:]:
        print(f"  \x1b[{32 if line[0] == '+' else 31}m{line}\x1b[0m" if COLOUR else f"  {line}")


def show_users(dynamodb: DynamoDBClient) -> int:
    """Print the key and the items of the table of users; how many there are."""
    key = " and ".join(
        part["AttributeName"] for part in dynamodb.describe_table(TableName="users")["Table"]["KeySchema"]
    )
    found = dynamodb.scan(TableName="users")["Items"]
    names = ", ".join(sorted(item["user_id"]["S"] for item in found))
    print(f"  The key of users is {key}. It has {len(found)} items: {names}.")
    return len(found)


def write_comment(tables: str) -> None:
    """Write what the action would write on the pull request."""
    with contextlib.redirect_stdout(io.StringIO()):
        cli.main(["plan", tables, "--out", "plan.json"])
    plan = Plan.from_dict(json.loads(Path("plan.json").read_text(encoding="utf-8")))
    context = ReportContext(
        path=tables, approval="reviewed-plan", record=True, label_on="this pull request", in_github=True
    )
    COMMENT.write_text(report.markdown(report.plan(plan, context)), encoding="utf-8")


def story(tables: str) -> list[int]:
    """The exit statuses of the commands, in order. One is the number of items that were lost."""
    dynamodb = boto3.client("dynamodb")
    say("1. Three tables are created from three files.")
    statuses = [run("apply", tables, "--yes", last_lines=1)]
    dynamodb.put_item(TableName="sessions", Item={"session_id": {"S": "s-1"}, "user": {"S": "u-1"}})

    say("2. Somebody changes the key of a table that holds items. The plan says what that costs.")
    edit(Path(tables, "sessions.edn"), KEY_CHANGE)
    statuses.append(run("plan", tables))
    write_comment(tables)

    say("3. Nobody approved it, so apply refuses, and the table stays as it is.")
    statuses.append(run("apply", tables, "--yes", last_lines=2))

    say("4. Approved by name, it runs: first the backup, then the change.")
    statuses.append(run("apply", tables, "--yes", "--allow-destructive", "sessions", last_lines=10))

    say("5. Another table gets another key, with :KeepItems true. Its items are copied, compared and copied back.")
    for user, email in USERS.items():
        dynamodb.put_item(TableName="users", Item={"user_id": {"S": user}, "email": {"S": email}})
    show_users(dynamodb)
    edit(Path(tables, "users.edn"), KEY_CHANGE_WITH_ITEMS)
    statuses.append(run("apply", tables, "--yes", "--allow-destructive", "users", with_text="items of users"))
    statuses.append(len(USERS) - show_users(dynamodb))

    say("6. Somebody changes a tag by hand. Drift finds it, and apply puts it back.")
    arn = dynamodb.describe_table(TableName="users")["Table"]["TableArn"]
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "somebody else"}])
    statuses.append(run("drift", tables, last_lines=8))
    statuses.append(run("apply", tables, "--yes", last_lines=1))

    say("7. Files and tables agree.")
    statuses.append(run("plan", tables, "--detailed-exitcode"))
    return statuses


def main() -> int:
    """Tell the story; 0 where every command ended as the story says."""
    with embedded_dynamodb(), tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLES, Path(folder, "tables"))
        with contextlib.chdir(folder):
            statuses = story("tables")
        shutil.copy(Path(folder, COMMENT), COMMENT)
    print(f"\nThe pull request would get this comment for step 2: {COMMENT}")
    return 0 if statuses == [0, 0, 1, 0, 0, 0, 2, 0, 0] else 1


if __name__ == "__main__":
    sys.exit(main())
