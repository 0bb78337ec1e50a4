"""Mistakes in a user's setup have their own messages: configuration, credentials, region, a server that is not AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dynatus_ci import cli
from dynatus_ci.aws import configuration
from tests.scene import table

SECRET = "hunter2"


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("", encoding="utf-8")
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "users.edn").write_text(table(), encoding="utf-8")
    return folder


@contextmanager
def answering(body: str, *, status: int = 200) -> Iterator[str]:
    """A server that answers everything with one text."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


CONFIGURATIONS = [
    ({"AWS_PROFILE": "nobody"}, "", "profile (nobody) could not be found"),
    ({"AWS_REGION": "eu west 1"}, "", "eu west 1"),
    ({"AWS_ENDPOINT_URL": f"http://user:{SECRET}@127.0.0.1:9"}, "", "holds no user name or password"),
    ({"AWS_ENDPOINT_URL_DYNAMODB": f"http://user:{SECRET}@127.0.0.1:9"}, "", "holds no user name or password"),
    ({}, f"[default]\nendpoint_url = http://user:{SECRET}@127.0.0.1:9\n", "holds no user name or password"),
    ({"AWS_ENDPOINT_URL_STS": f"http://user:{SECRET}@127.0.0.1:9"}, "", "holds no user name or password"),
    ({"AWS_ENDPOINT_URL": "127.0.0.1:9"}, "", "127.0.0.1:9"),
    ({"AWS_MAX_ATTEMPTS": "many"}, "", "many"),
    ({"AWS_RETRY_MODE": "eager"}, "", "eager"),
    ({}, "[default\n", "config"),
    ({}, "[default]\ncredential_process = /nowhere/program\n", "/nowhere/program"),
    ({}, "[default]\ncredential_process = false\n", "credentials"),
    ({}, "[default]\ncredential_process = echo no JSON\n", "credentials"),
    ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = nobody\n", "nobody"),
    ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}, "", "/nowhere"),
    ({"AWS_ACCESS_KEY_ID": "AKIA"}, "", "AWS_SECRET_ACCESS_KEY"),
]


@pytest.mark.parametrize(("variables", "config", "says"), CONFIGURATIONS)
def test_what_boto3_cannot_use_is_said_as_the_user_s_own(
    definitions: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    config: str,
    says: str,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    definitions.with_name("config").write_text(config, encoding="utf-8")
    assert cli.main(["plan", str(definitions)]) == 1
    said = capsys.readouterr().err
    assert says in said
    assert "bug" not in said
    assert SECRET not in said
    assert "123456789012" not in said


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "null",
        "[]",
        "<html>Sign in</html>",
        json.dumps({"Table": None}),
        json.dumps({"Table": []}),
        json.dumps({"Table": {}}),
        json.dumps({"Table": {"TableName": "users", "TableStatus": "ACTIVE"}}),
        json.dumps({"Table": {"TableName": "users", "KeySchema": "id", "AttributeDefinitions": [1]}}),
    ],
)
def test_an_answer_that_cannot_be_read_is_no_bug(
    definitions: Path, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    with answering(body) as url:
        assert cli.main(["plan", str(definitions), "--endpoint-url", url]) == 1
    printed = capsys.readouterr()
    assert "failed: the response cannot be read" in printed.out
    assert "bug" not in printed.out + printed.err


def test_a_region_that_boto3_does_not_know_may_be_misspelt() -> None:
    assert configuration.region_hint("eu-west-1") is None
    assert configuration.region_hint("eu-wst-1") == "Is `eu-wst-1` a region of AWS? Did you mean `eu-west-1`?"
    assert configuration.region_hint("nowhere") == "Is `nowhere` a region of AWS?"
