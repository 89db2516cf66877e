"""Secrets are in no message and in no file, whatever goes wrong and wherever they were put."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handpick.cli.main import main

PLAIN = "pl4nted-Zq9x"
SLASHED = "pl4nted/Zq9x+w=="
QUOTED = "pl4nted%40Zq9x"
DAY = ("--date", "2026-01-10")
READ = ("check", *DAY)
LAND = ("land", *DAY)
NOWHERE = "127.0.0.1:1"


OTHERS = "".join(f"[sources.{name}]\nneeded = 'never'\n" for name in ("catalog", "users", "queries"))
"""The night needs no other source, so that it comes as far as the one with the secret."""


def source(key: str, value: str) -> str:
    return f"{OTHERS}[sources.events]\n{key} = '{value}'\n"


def sql(url: str) -> str:
    return f"{OTHERS}[sources.events]\nformat = 'sql'\nquery = 'select 1'\nurl = '{url}'\n"


FAILURES = [
    # misspelt keys and sections, wrong types
    (f"[serving]\ndsnn = 'postgresql://shop:{PLAIN}@db/x'\n", ("lists", "u1")),
    (f"[servings]\ndsn = 'postgresql://shop:{PLAIN}@db/x'\n", ("lists", "u1")),
    (f"[serving]\npassword = '{PLAIN}'\n", ("versions",)),
    (f"[serving]\ndsn = ['{PLAIN}']\n", ("versions",)),
    (f"[serving]\ndsn = {{ password = '{PLAIN}' }}\n", ("versions",)),
    (f"[serving.dsn]\nurl = '{PLAIN}'\n", ("versions",)),
    (f"[serving]\nschema_name = 'postgresql://shop:{PLAIN}@db/x'\n", ("versions",)),
    (f"[lineage]\napi_keys = '{PLAIN}'\n", ("versions",)),
    (f"[lineage]\napi_key = ['{PLAIN}']\n", ("versions",)),
    (f"[features]\nredis_password = '{PLAIN}'\n", READ),
    (f"[airflow]\nport = 'password={PLAIN}'\n", READ),
    (source("urls", f"mysql://shop:{PLAIN}@db/x"), READ),
    (source("paths", f"s3://AKIA:{PLAIN}@bucket"), READ),
    (f"token = '{PLAIN}'\n", READ),
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@db/x'\ndsn = 'twice'\n", READ),
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@db/x\n", READ),
    # the serving database
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@{NOWHERE}/x'\n", ("lists", "u1")),
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@{NOWHERE}/x'\n", ("rollback",)),
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@{NOWHERE}/x'\n", ("diff", "1", "2")),
    (f"[serving]\ndsn = 'postgresql://shop:{QUOTED}@{NOWHERE}/x?application_name={PLAIN}'\n", ("versions",)),
    (f"[serving]\ndsn = 'shop:{PLAIN}@nowhere'\n", ("versions",)),
    (f"[serving]\ndsn = 'host=127.0.0.1 port=1 password={PLAIN}'\n", ("versions",)),
    (f"[serving]\ndsn = 'host=127.0.0.1 prt=1 password={PLAIN}'\n", ("versions",)),
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@[bad/x'\n", ("versions",)),
    (f"[serving]\ndsn = 'postgresql://shop:{PLAIN}@{NOWHERE}/x?nonsense=1'\n", ("versions",)),
    # remote files
    (source("path", f"s3://AKIA:{PLAIN}@bucket/events"), LAND),
    (source("path", f"s3://AKIA:{SLASHED}@bucket/events"), LAND),
    (source("path", f"ftp://shop:{PLAIN}@{NOWHERE}/events"), LAND),
    (source("path", f"sftp://shop:{QUOTED}@{NOWHERE}/events"), LAND),
    (source("path", f"http://{NOWHERE}/events.csv?sv=1&sig={PLAIN}"), LAND),
    (source("path", f"http://{NOWHERE}/events.csv?X-Amz-Signature={PLAIN}&X-Amz-Date=1"), LAND),
    (source("path", f"nonsense://shop:{PLAIN}@host/events"), LAND),
    (source("path", f"nonsense://host/events?token={PLAIN}"), LAND),
    (source("path", f"http://[bad/events?token={PLAIN}"), LAND),
    # source databases
    (sql(f"postgresql+psycopg://shop:{PLAIN}@{NOWHERE}/x"), LAND),
    (sql(f"postgresql+psycopg://shop:{QUOTED}@{NOWHERE}/x"), LAND),
    (sql(f"nonsense://shop:{PLAIN}@host/x"), LAND),
    (sql(f"postgresql+psycopg://shop:{PLAIN}@host:port/x"), LAND),
    (source("url", f"postgresql+psycopg://shop:{PLAIN}@{NOWHERE}/x"), LAND),
    (sql(f"shop:{PLAIN}@nowhere"), LAND),
    # init
    ("", ("init", f"postgresql+psycopg://shop:{PLAIN}@{NOWHERE}/x")),
    ("", ("init", f"nonsense://shop:{PLAIN}@host/x")),
    ("", ("init", f"postgresql+psycopg://shop:{QUOTED}@host:port/x")),
    ("", ("init", f"s3://AKIA:{SLASHED}@bucket/x")),
    ("", ("init", f"http://{NOWHERE}/x?sig={PLAIN}")),
]


@pytest.fixture(autouse=True)
def process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command changes the mode of new files and the printing of tracebacks for its process, here the tests'."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    mode = os.umask(0o022)
    yield
    os.umask(mode)


def run(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run a command in this process; return its exit status and all that it printed."""
    monkeypatch.setattr(sys, "argv", ["handpick", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capfd.readouterr()
    return int(ended.value.code or 0), printed.out + printed.err


def find_secrets(folder: Path, configuration: Path) -> list[str]:
    """Files below a folder that hold a planted secret, but for the configuration that it was written to."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and path != configuration and b"Zq9x" in path.read_bytes()
    ]


@pytest.mark.parametrize(("configuration", "arguments"), FAILURES)
def test_no_failure_shows_or_keeps_a_secret(
    configuration: str,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "handpick.toml"
    file.write_text(configuration)
    for name in ("catalog", "users"):
        (tmp_path / "var" / "landing" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDPICK_CONFIG", str(file))
    status, printed = run(arguments, monkeypatch, capfd)
    assert status == 1, printed
    assert "Zq9x" not in printed
    assert "Traceback" not in printed
    assert printed.strip(), "an error says what is wrong"
    assert find_secrets(tmp_path, file) == []


def test_init_neither_writes_nor_prints_the_password_of_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table products (product_id text, title text, price real, updated_at text)")
        database.execute("insert into products values ('p1', 'Phone', 199.0, '2026-01-01T00:00:00Z')")
        database.execute(
            "create table customers (customer_id text, country text, created_at text, consent text)"
        )
        database.execute("insert into customers values ('u1', 'DE', '2026-01-01T00:00:00Z', 'yes')")
    monkeypatch.chdir(tmp_path)
    # SQLite has no users, but takes parameters: what is done with a URL does not depend on its database.
    url = f"sqlite:///{tmp_path}/shop.db?password={PLAIN}&uri=true"
    out = tmp_path / "handpick.toml"
    monkeypatch.setattr(sys, "argv", ["handpick", "init", url, "--out", str(out)])
    try:
        main()
    except SystemExit as ended:
        assert ended.code in (0, 1)
    printed = capfd.readouterr()
    assert "Zq9x" not in printed.out + printed.err
    if out.exists():
        assert "Zq9x" not in out.read_text()
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
