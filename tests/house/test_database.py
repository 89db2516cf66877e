"""Airflow's database is prepared once, and again where it is not as it was left."""

from __future__ import annotations

import psycopg
import pytest

from handpick.config import load
from handpick.house.database import migrate
from handpick.house.environment import airflow_environment
from handpick.serving.embedded import database_uri, stop_embedded


def test_it_is_migrated_once_and_again_when_it_is_empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("db")
    settings = load(home=home)
    log = home / "migrate.log"
    try:
        environment = airflow_environment(settings)
        assert migrate(settings, environment, log)
        assert not migrate(settings, environment, log)
        with psycopg.connect(
            database_uri(settings, settings.airflow.database), autocommit=True
        ) as connection:
            assert connection.execute("select count(*) from dag").fetchone() == (0,)
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
        assert migrate(settings, environment, log)
        assert not migrate(settings, environment, log)
    finally:
        stop_embedded(settings)
