"""Remote files are landed like local ones; the tests use an FTP server on the loopback interface."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from handpick.errors import InputError
from handpick.night import Night
from handpick.stages import land
from handpick.stages.land.pending_files import find_newest_file_day
from handpick.stages.validate.dry_run import check_inputs

DAY = date(2026, 1, 10)
HEAD = "event_id,user_id,item_id,event_type,occurred_at\n"
ROW = "e{0},u1,p1,view,2026-01-10T02:00:00Z\n"


@pytest.fixture
def ftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """The folder of an FTP server with a password, and its URL."""
    folder = tmp_path / "other-machine"
    (folder / "clicks").mkdir(parents=True)
    authorizer = DummyAuthorizer()
    authorizer.add_user("shop", "very-secret", str(folder))

    class Handler(FTPHandler):
        """A handler class for this server only."""

    Handler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", 0), Handler)
    host, port = server.address
    ends = threading.Event()

    def serve() -> None:
        while not ends.is_set():
            server.serve_forever(timeout=0.05, blocking=False)

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setenv("FSSPEC_FTP_USERNAME", "shop")
    monkeypatch.setenv("FSSPEC_FTP_PASSWORD", "very-secret")
    from fsspec.config import conf, set_conf_env

    monkeypatch.setitem(conf, "ftp", {})
    set_conf_env(conf)
    yield folder, f"ftp://{host}:{port}/clicks"
    ends.set()
    thread.join()
    server.close_all()


def at(url: str) -> dict[str, Any]:
    return {"sources": {"events": {"path": url}}}


def test_files_are_taken_by_name_and_day_and_do_not_stay_here(
    night: Callable[..., Night], bring: Callable[..., Path], ftp: tuple[Path, str]
) -> None:
    folder, url = ftp
    bring()
    (folder / "clicks" / f"a-{DAY}.csv").write_text(HEAD + ROW.format(1))
    (folder / "clicks" / f"b-{DAY + timedelta(days=1)}.csv").write_text(HEAD + ROW.format(2))
    (folder / "clicks" / "notes.md").write_text("not rows")
    first = night(**at(url))
    land.run(first)
    assert first.lake.read("raw/events", DAY).column("event_id").to_pylist() == ["e1"]
    assert not (first.lake.root / "brought").exists()
    assert find_newest_file_day(first.settings, "events") == DAY + timedelta(days=1)
    digest = land.run(first).digest
    assert land.run(first).digest == digest
    found = [arrival.name for arrival in land_arrivals(night(DAY + timedelta(days=1), **at(url)))]
    assert found == [f"b-{DAY + timedelta(days=1)}.csv"]


def land_arrivals(night: Night) -> list[Any]:
    from handpick.stages.land.pending_files import list_pending_files

    return list_pending_files(night, "events")


def test_check_leaves_nothing_in_the_lake(
    night: Callable[..., Night], bring: Callable[..., Path], ftp: tuple[Path, str]
) -> None:
    folder, url = ftp
    bring()
    (folder / "clicks" / f"{DAY}.csv").write_text("event_id,user_id\ne1,u1\n")
    mine = night(**at(url))
    findings = check_inputs(mine)
    assert [finding.level for finding in findings] == ["stop"]
    assert "item_id" in findings[0].text
    assert not mine.lake.root.exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("ftp://127.0.0.1:9/clicks", "cannot be read"),
        ("ftp://shop:very-secret@127.0.0.1:9/clicks", "FSSPEC_FTP_PASSWORD"),
        ("s3://shop/clicks", "s3fs"),
        ("gopher://shop/clicks", "gopher"),
        ("{url}-gone", "no landing file of events"),
    ],
)
def test_what_stands_in_the_way_is_one_line_without_the_password(
    night: Callable[..., Night], bring: Callable[..., Path], ftp: tuple[Path, str], wrong: str, told: str
) -> None:
    bring()
    mine = night(**at(wrong.format(url=ftp[1])))
    with pytest.raises(InputError) as caught:
        land.run(mine)
    message = str(caught.value)
    assert told in message
    assert "sources.events" in message or "events" in message
    assert "very-secret" not in message
    assert "\n" not in message
    assert not mine.lake.has("raw/events", DAY)


def test_without_the_right_password_nothing_lands(
    night: Callable[..., Night],
    bring: Callable[..., Path],
    ftp: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fsspec.config import conf

    bring()
    monkeypatch.setitem(conf, "ftp", {"username": "shop", "password": "wrong"})
    with pytest.raises(InputError, match=r"sources\.events\.path: ftp://.*cannot be read"):
        land.run(night(**at(ftp[1])))
