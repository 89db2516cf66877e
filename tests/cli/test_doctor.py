"""`handpick doctor`: each check finds what it is for, and Java matters only where Spark is used."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handpick.cli.health_checks import State, check_health
from handpick.cli.main import app
from handpick.night import LEDGER_FOLDER, Night
from handpick.settings.load import load


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "handpick.toml").write_text("[airflow]\nport = 18_093\n")
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def check(name: str) -> tuple[State, str]:
    """State and words of one check."""
    found = next(one for one in check_health(load()) if one.name == name)
    return found.state, f"{found.said} {found.next_step}"


def test_a_fresh_folder_can_run_a_night_and_stays_untouched(shop: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    assert done.output.strip().endswith("A night can run.")
    assert max(len(line) for line in done.output.splitlines()) <= 80
    assert [path.name for path in shop.iterdir()] == ["handpick.toml"]


def test_java_is_asked_for_only_where_a_stage_runs_on_spark(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(shop / "none"))
    assert check("Java")[0] is State.OK
    monkeypatch.setenv("HANDPICK__TRANSFORM__ENGINE", "spark")
    state, words = check("Java")
    assert state is State.BAD and "there is no java" in words
    old = shop / "none" / "bin" / "java"
    old.parent.mkdir(parents=True)
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    assert "is Java 11" in check("Java")[1]
    old.write_text("#!/bin/sh\necho 'openjdk version \"21.0.2\"' >&2\n")
    assert check("Java")[0] is State.OK


def test_a_port_of_another_program_fails(shop: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 18_093))
        other.listen()
        done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "Port 18093 on 127.0.0.1 is used by another program." in " ".join(done.output.split())
    assert check("port")[0] is State.OK


def test_a_disk_without_room_for_some_nights_is_a_warning(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load()
    from datetime import date

    folder = Night(settings, date(2026, 3, 1)).lake.partition(LEDGER_FOLDER, date(2026, 3, 1))
    folder.mkdir(parents=True)
    with (folder / "big").open("wb") as file:
        file.truncate(2**43)  # a sparse file: a night of 8 TiB
    assert check("disk")[0] is State.BAD


def test_a_database_that_does_not_answer_is_a_line_without_its_password(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDPICK__SERVING__DSN", "postgresql://u:hidden-word@127.0.0.1:1/shop")
    state, words = check("database")
    assert state is State.BAD
    assert "does not answer" in words and "hidden-word" not in words
