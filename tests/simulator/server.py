"""The HTTP port: AWS's JSON protocols and STS's query protocol in, answers and errors out. Knows no rule."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from tests.simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.tables import Json

# X-Amz-Target's prefix → service, version of the JSON protocol, and the prefix of its errors
TARGETS: Final = {
    "DynamoDB_20120810": ("dynamodb", "1.0", "com.amazonaws.dynamodb.v20120810#"),
    "AnyScaleFrontendService": ("application-autoscaling", "1.1", ""),
    "TrentService": ("kms", "1.1", ""),
    "GraniteServiceVersion20100801": ("cloudwatch", "1.0", ""),
}
COMMON: Final = {
    "ValidationException": "com.amazon.coral.validate#",
    "SerializationException": "com.amazon.coral.service#",
    "AccessDeniedException": "com.amazon.coral.service#",
    "UnknownOperationException": "com.amazon.coral.service#",
    "InternalFailure": "com.amazon.coral.service#",
    "ThrottlingException": "com.amazon.coral.availability#",
}
_CALLER: Final = re.compile(r"Credential=([^/]+)/")


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it came over the wire; `caller` is the access key, which nobody checks."""

    service: str
    operation: str
    caller: str
    parameters: Json


class DroppedError(Exception):
    """The connection goes without an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Server"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together: in two packets each call takes 40 ms
    server: _HttpServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = _CALLER.search(self.headers.get("Authorization", ""))
        caller = found[1] if found else ""
        try:
            if "X-Amz-Target" in self.headers:
                self._answer_json(self.headers["X-Amz-Target"], caller, body)
            else:
                self._answer_query(caller, body)
        except DroppedError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        """AWS answers a plain GET with a sign of life, and other paths with nothing."""
        known = self.path == "/"
        self._send(200 if known else 404, "text/plain", b"healthy: dynamodb.eu-west-1.amazonaws.com " if known else b"")

    def _answer_json(self, target: str, caller: str, body: bytes) -> None:
        prefix, _, operation = target.partition(".")
        service, version, errors = TARGETS.get(prefix, ("", "1.0", COMMON["UnknownOperationException"]))
        try:
            status, answer = 200, self.server.answer(Request(service, operation, caller, _parsed(body)))
        except ApiError as error:
            kind = COMMON.get(error.code, errors) if service in {"dynamodb", ""} else ""
            status, answer = error.status, {"__type": kind + error.code, "message": error.message}
        self._send(status, f"application/x-amz-json-{version}", json.dumps(answer).encode())

    def _answer_query(self, caller: str, body: bytes) -> None:
        parameters = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
        action = parameters.get("Action", "")
        try:
            result = self.server.answer(Request("sts", action, caller, {}))
        except ApiError as error:
            code = error.code if error.code != "UnknownOperationException" else "InvalidAction"
            fault = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(error.message)}</Message>"
            text = f"<ErrorResponse><Error>{fault}</Error></ErrorResponse>"
            self._send(error.status, "text/xml", text.encode())
            return
        members = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in result.items())
        text = (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{members}'
            f"</{action}Result></{action}Response>"
        )
        self._send(200, "text/xml", text.encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("x-amzn-RequestId", uuid.uuid4().hex.upper())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the journal tells it better."""


def _parsed(body: bytes) -> Json:
    try:
        parsed: Any = json.loads(body or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ApiError("SerializationException", "Start of structure or map found where not expected.")
    return parsed


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Json], *, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.answer = answer
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news; everything else is a fault of the simulator."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Server:
    """The port and its threads."""

    def __init__(self, answer: Callable[[Request], Json], *, host: str) -> None:
        self._http = _HttpServer(answer, host=host)
        self._host = host
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://{self._host}:{self._http.server_address[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody and free the port."""
        self._http.shutdown()
        self._thread.join()
        for connection in list(self._http.connections):
            with contextlib.suppress(OSError):  # the other side may be gone already
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        deadline = time.monotonic() + 1
        while self._http.connections and time.monotonic() < deadline:
            time.sleep(0.001)
