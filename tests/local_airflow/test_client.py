"""The client of a busy Airflow: read requests are retried, changes are not, and an error is one line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx
import pytest

from handpick.local_airflow.client import AirflowClient, AirflowNotAnswering


class Busy(BaseHTTPRequestHandler):
    """A server that answers a method's first requests with an error, then with a run that succeeded."""

    errors: ClassVar[dict[str, int]] = {}
    methods: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer with a run, and with no run of this date."""
        self.answer('{"state": "success", "dag_runs": []}')

    def do_POST(self) -> None:
        """Answer with the run that was started."""
        self.answer('{"dag_run_id": "handpick__2026-03-01"}')

    def answer(self, content: str) -> None:
        self.methods.append(self.command)
        is_busy = self.methods.count(self.command) <= self.errors.get(self.command, 0)
        self.send_response(500 if is_busy else 200)
        self.end_headers()
        self.wfile.write(b'{"detail": "Database error"}' if is_busy else content.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def client_of_busy_server(
    patience_seconds: float = 30, **errors: int
) -> Iterator[tuple[AirflowClient, list[str]]]:
    """Yield a client of a server that is too busy at first, and the methods of all requests so far."""
    methods: list[str] = []
    handler = type("Handler", (Busy,), {"errors": errors, "methods": methods})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as http:
            yield AirflowClient(http, patience_seconds), methods
    finally:
        server.shutdown()
        server.server_close()


def test_a_read_request_is_retried_while_airflow_is_busy() -> None:
    with client_of_busy_server(GET=2) as (client, methods):
        assert client.get_run_state("nightly", "one") == "success"
        assert methods == ["GET"] * 3


def test_an_airflow_that_stays_busy_is_an_error_of_one_line() -> None:
    with (
        client_of_busy_server(patience_seconds=0.1, GET=99) as (client, _),
        pytest.raises(AirflowNotAnswering) as raised,
    ):
        client.get_run_state("nightly", "one")
    assert str(raised.value) == (
        "Airflow could not answer GET /api/v2/dags/nightly/dagRuns/one: status 500; see api-server.log"
    )


def test_a_request_that_changes_something_is_not_retried() -> None:
    with client_of_busy_server() as (client, methods):
        assert client.trigger("nightly", date(2026, 3, 1)) == "handpick__2026-03-01"
        assert methods == ["GET", "POST"]
    with client_of_busy_server(POST=2) as (client, methods):
        with pytest.raises(AirflowNotAnswering, match="could not answer POST"):
            client.trigger("nightly", date(2026, 3, 1))
        assert methods == ["GET", "POST"]


def test_an_airflow_that_is_gone_is_an_error_of_one_line() -> None:
    with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as http:
        client = AirflowClient(http, 0.1)
        with pytest.raises(
            AirflowNotAnswering, match=r"^Airflow did not answer GET /api/v2/.*see api-server\.log$"
        ):
            client.get_run_state("nightly", "one")
