"""The start of a connection: what is tried again, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from dynatus_ci.aws import connection

NO_CREDENTIALS = b'{"__type": "com.amazonaws.dynamodb.v20120810#MissingAuthenticationTokenException"}'


class Starting(BaseHTTPRequestHandler):
    """Closes its first two connections without an answer, as a port that Docker maps while the container starts."""

    closed = 0

    def do_POST(self) -> None:
        if Starting.closed < 2:
            Starting.closed += 1
            self.close_connection = True
            return
        self.send_response(400)
        self.send_header("Content-Length", str(len(NO_CREDENTIALS)))
        self.end_headers()
        self.wfile.write(NO_CREDENTIALS)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the standard library's
        del format, args


@pytest.fixture
def starting() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Starting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_endpoint_that_closes_its_connections_while_it_starts_is_waited_for(starting: str) -> None:
    notices: list[str] = []
    aws = connection.connect(endpoint_url=starting, on_notice=notices.append)
    assert (Starting.closed, aws.endpoint) == (2, starting)
    assert notices == [f"{starting} does not answer yet. Trying again for up to 30 s."]
