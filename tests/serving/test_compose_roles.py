"""The roles and databases that deploy/init-postgres.sh makes for docker-compose, on a real server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from handpick.serving import embedded
from handpick.serving.connection import connect
from handpick.serving.reader_role import find_excess_rights
from handpick.serving.schema import ensure_schema
from handpick.serving.versions import hold_publish_lock
from handpick.settings.load import Settings, load

SCRIPT = Path(__file__).parents[2] / "deploy" / "init-postgres.sh"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the publishing role, on a server that the script has prepared."""
    settings = load(home=tmp_path_factory.mktemp("compose"))
    embedded.start_embedded(settings)
    folder = settings.path(settings.serving.embedded_path)
    host = (folder / "postmaster.pid").read_text().splitlines()[4]
    passwords = dict.fromkeys(
        ("AIRFLOW_DB_PASSWORD", "HANDPICK_DB_PASSWORD", "HANDPICK_READER_PASSWORD"), "x'y\\z"
    )
    environment = {
        **os.environ,
        **passwords,
        "POSTGRES_USER": "postgres",
        "PGHOST": host,
        "PATH": f"{Path(embedded._find_program('psql')).parent}:{os.environ['PATH']}",
    }
    subprocess.run(["bash", str(SCRIPT)], env=environment, check=True, capture_output=True)
    dsn = SecretStr(f"postgresql://handpick@/handpick?host={host}")
    serving = settings.serving.model_copy(update={"dsn": dsn})
    yield settings.model_copy(update={"serving": serving})
    embedded.stop_embedded(settings)


def test_the_publishing_role_is_no_superuser_and_its_reader_only_reads(served: Settings) -> None:
    with connect(served, autocommit=True) as owner:
        ensure_schema(owner, served)
        assert owner.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (
            False,
        )
        assert find_excess_rights(owner, "handpick_reader") == []
        with hold_publish_lock(owner, "serving"), connect(served, autocommit=True, reader=True) as reader:
            assert reader.execute("select count(*) from serving.recommendations").fetchone() == (0,)
            reader.execute("set default_transaction_read_only = off")
            for forbidden in (
                "select pg_advisory_lock(1)",
                "select lo_create(0)",
                "create temporary table x ()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(forbidden.encode())


@pytest.mark.parametrize(
    ("role", "database"), [("handpick", "airflow"), ("airflow", "handpick"), ("handpick_reader", "airflow")]
)
def test_no_role_enters_the_database_of_another(served: Settings, role: str, database: str) -> None:
    assert served.serving.dsn is not None
    url = served.serving.dsn.get_secret_value().replace("handpick@/handpick?", f"{role}@/{database}?")
    with pytest.raises(psycopg.OperationalError, match="CONNECT"):
        psycopg.connect(url)
