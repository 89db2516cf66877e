"""Airflow's database is migrated once, and again if it is not as it was left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from handpick.local_airflow import processes
from handpick.local_airflow.database import migrate_database
from handpick.local_airflow.environment import build_airflow_environment
from handpick.serving.embedded import get_database_url, stop_embedded
from handpick.settings.load import Settings, load


def test_it_is_migrated_once_and_again_when_it_is_empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("db")
    settings = load(home=home)
    log = home / "migrate.log"
    try:
        environment = build_airflow_environment(settings)
        assert migrate_database(settings, environment, log)
        assert not migrate_database(settings, environment, log)
        with psycopg.connect(
            get_database_url(settings, settings.airflow.database), autocommit=True
        ) as connection:
            assert connection.execute("select count(*) from dag").fetchone() == (0,)
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
        assert migrate_database(settings, environment, log)
        assert not migrate_database(settings, environment, log)
    finally:
        stop_embedded(settings)


@contextmanager
def components_alive(settings: Settings) -> Iterator[None]:
    """Pretend inside the block that each of Airflow's components is a running process."""
    sleepers = []
    try:
        for component in processes.COMPONENTS:
            sleeper = subprocess.Popen(["sleep", "60"])
            sleepers.append(sleeper)
            file = processes._pid_file(settings, component)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{sleeper.pid}\n{processes._started_at(sleeper.pid)}")
        yield
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def test_a_database_that_ended_under_a_running_airflow_is_started_again(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    uri = get_database_url(settings, settings.airflow.database)
    assert stop_embedded(settings)
    try:
        with components_alive(settings):
            assert not processes.start_airflow(settings), "Airflow itself is up and stays so"
        psycopg.connect(uri).close()
    finally:
        stop_embedded(settings)
