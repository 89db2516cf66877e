"""Connecting to PostgreSQL: embedded or by DSN."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from handpick.errors import ServingError
from handpick.serving import embedded
from handpick.serving.connection import connect
from handpick.settings.load import Settings, load

ROOT = Path(__file__).parents[2]


def test_the_embedded_server_is_started_once_and_reused(server_settings: Settings) -> None:
    assert embedded.start_embedded(server_settings) == embedded.start_embedded(server_settings)
    with connect(server_settings) as connection:
        assert connection.execute("select current_database()").fetchone() == ("handpick",)
        assert connection.execute("show wal_level").fetchone() == ("minimal",)


def test_a_database_for_another_program_is_made_and_reached_by_sqlalchemy(server_settings: Settings) -> None:
    url = embedded.get_sqlalchemy_url(server_settings, "airflow")
    assert embedded.get_sqlalchemy_url(server_settings, "airflow") == url
    with sqlalchemy.create_engine(url).connect() as connection:
        assert connection.execute(sqlalchemy.text("select current_database()")).scalar() == "airflow"

    async def ask() -> object:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            found = (await connection.execute(sqlalchemy.text("select current_database()"))).scalar()
        await engine.dispose()
        return found

    assert asyncio.run(ask()) == "airflow"


def test_a_statement_that_takes_too_long_is_cancelled(server_settings: Settings) -> None:
    with (
        connect(server_settings, timeout_s=1) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("select pg_sleep(5)")


def test_the_server_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    deep = tmp_path / ("a long folder name " * 5) / ("and another " * 5)
    deep.mkdir(parents=True)
    settings = load(home=deep)
    script = (
        "from pathlib import Path; from handpick.settings.load import load; from "
        "handpick.serving.connection import connect;"
        f"connect(load(home=Path({str(deep)!r}))).close()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True)
    try:
        found = embedded._find_running(settings.path(settings.serving.embedded_path))
        assert found is not None, "nothing answers after the starter has ended"
        with connect(settings) as connection:
            connection.execute("create table kept as select 1 as x")
            pid = int(
                (settings.path(settings.serving.embedded_path) / "postmaster.pid").read_text().split()[0]
            )
        os.kill(pid, signal.SIGKILL)
        with connect(settings) as connection:
            assert connection.execute("select x from kept").fetchone() == (1,)
    finally:
        assert embedded.stop_embedded(settings)
    assert embedded._find_running(settings.path(settings.serving.embedded_path)) is None, "it was stopped"


def test_a_server_that_has_not_written_its_sockets_folder_yet_is_waited_for(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    folder = settings.path(settings.serving.embedded_path)
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    # As PostgreSQL writes it first: the folder of the socket follows once the socket listens.
    for line in ("", "\n"):
        (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n1764140000\n5432\n{line}")
        assert embedded._find_running(folder) is None
    (folder / "postmaster.pid").unlink()
    embedded.start_embedded(settings)
    assert embedded.stop_embedded(settings)


def test_a_folder_whose_initialization_was_killed_is_initialized_again(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    folder = settings.path(settings.serving.embedded_path)
    script = (
        "from pathlib import Path; from handpick.settings.load import load; from "
        "handpick.serving.connection import connect;"
        f"connect(load(home=Path({str(tmp_path)!r}))).close()"
    )
    starting = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, start_new_session=True)
    while not (folder / "PG_VERSION").exists():
        assert starting.poll() is None, "the process ended before it could be killed"
        time.sleep(0.001)
    family = [*psutil.Process(starting.pid).children(recursive=True), psutil.Process(starting.pid)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)
    starting.wait()
    assert not (folder / "handpick.conf").exists(), "killed too late: the folder was initialized already"
    embedded.start_embedded(settings)
    with connect(settings) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert embedded.stop_embedded(settings)


def test_a_process_stops_the_server_that_another_one_started(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    embedded.start_embedded(settings)
    script = (
        "from pathlib import Path; from handpick.settings.load import load;"
        "from handpick.serving.embedded import stop_embedded;"
        f"assert stop_embedded(load(home=Path({str(tmp_path)!r})))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
    assert not (settings.path(settings.serving.embedded_path) / "postmaster.pid").exists()
    assert not embedded.stop_embedded(settings)


def test_a_server_that_does_not_answer_is_one_clear_line(server_settings: Settings) -> None:
    for dsn, hidden in [
        ("postgresql://someone:secret@127.0.0.1:1/x", "secret"),
        ("someone:secret@nowhere", "secret"),
    ]:
        broken = server_settings.model_copy(
            update={"serving": server_settings.serving.model_copy(update={"dsn": SecretStr(dsn)})}
        )
        with pytest.raises(ServingError) as error:
            connect(broken)
        assert hidden not in str(error.value)
        assert "\n" not in str(error.value)
