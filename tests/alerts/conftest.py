"""A mail server and a web server that really listen on 127.0.0.1 and keep what they are sent."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from handpick.settings.load import Settings, load


class Mails(socketserver.StreamRequestHandler):
    """Speaks as much SMTP as a client needs to deliver a mail."""

    server: Any

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.server.caught.append(email.message_from_bytes(text))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


class Hooks(BaseHTTPRequestHandler):
    """Keeps the JSON of every request, and answers with the status that the test has set."""

    server: Any

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.caught.append((self.path, content))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def serve(server: Any) -> Iterator[Any]:
    """Let a server answer in a thread for as long as the test takes."""
    server.caught, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def webhook() -> Iterator[Any]:
    yield from serve(HTTPServer(("127.0.0.1", 0), Hooks))


@pytest.fixture
def mail_server() -> Iterator[Any]:
    yield from serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mails))


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """A function that loads settings with a section `[alerts]`."""

    def make(alerts: str) -> Settings:
        file = tmp_path / "handpick.toml"
        file.write_text(f'[shop]\nname = "Phones"\n\n[lake]\nroot = "lake"\nlanding = "landing"\n\n{alerts}')
        monkeypatch.setenv("HANDPICK_CONFIG", str(file))
        return load()

    return make


def read_text(mail: Message) -> str:
    """The plain text of a mail."""
    part = next(one for one in mail.walk() if one.get_content_type() == "text/plain")
    content: Any = part.get_payload(decode=True)
    return str(content.decode())
