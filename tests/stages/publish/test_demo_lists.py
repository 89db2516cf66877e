"""Lists of the demo shop are marked as such, and kept from configured servers and from other shops' databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from pydantic import SecretStr

from handpick.errors import ServingError
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.serving.connection import get_dsn
from handpick.serving.versions import list_versions
from handpick.settings.load import Settings
from handpick.stages.publish import run

from .conftest import DAY

MakeNight = Callable[..., Night]


def mark(night: Night, is_demo: bool) -> Night:
    """Let a night's rows have been landed from a demo shop, or not."""
    file = night.result_file("land")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(StageResult("land", night.logical_date, "", (), "", notes={"is_demo": is_demo}).to_json())
    return night


def test_a_version_says_whether_it_is_of_a_demo(
    make_night: MakeNight, settings: Settings, connection: psycopg.Connection
) -> None:
    run(mark(make_night(), True))
    assert [one.is_demo for one in list_versions(settings)] == [True]
    run(mark(make_night(DAY + timedelta(days=1), seed=2), False))
    assert [one.is_demo for one in list_versions(settings)] == [False, True]
    found = connection.execute("select is_demo from list_versions order by version").fetchall()
    assert found == [(True,), (False,)]
    later = mark(make_night(DAY + timedelta(days=2), seed=3), True)
    with pytest.raises(ServingError, match=r"are of the demo shop, and version 2 of this database is not"):
        run(later)
    assert [one.version for one in list_versions(settings) if one.is_current] == [2]


def test_a_schema_of_an_earlier_release_gets_the_column_with_the_next_publish(
    make_night: MakeNight, settings: Settings, connection: psycopg.Connection
) -> None:
    run(make_night())
    connection.execute("alter table list_versions drop column is_demo")
    assert [one.is_demo for one in list_versions(settings)] == [None]
    run(mark(make_night(DAY + timedelta(days=1), seed=2), True))
    assert [one.is_demo for one in list_versions(settings)] == [True, None]


def test_a_configured_server_takes_demo_lists_only_if_it_is_allowed(
    make_night: MakeNight, settings: Settings
) -> None:
    serving = settings.serving.model_copy(update={"dsn": SecretStr(get_dsn(settings))})
    night = mark(make_night(), True)
    refused = Night(settings.model_copy(update={"serving": serving}), night.logical_date)
    with pytest.raises(ServingError, match=r"serving\.dsn names a server; nothing was published"):
        run(refused)
    allowed = serving.model_copy(update={"allow_demo": True})
    run(Night(settings.model_copy(update={"serving": allowed}), night.logical_date))
    assert [one.is_demo for one in list_versions(settings)] == [True]


def test_a_view_of_an_earlier_release_gets_its_new_columns_last_and_keeps_its_rows(
    make_night: MakeNight, settings: Settings, connection: psycopg.Connection
) -> None:
    run(make_night())
    columns = "select array_agg(attname::text order by attnum) from pg_attribute where attrelid = 'recommendations'::regclass"
    today = connection.execute(columns).fetchone()
    added = ("placed_by", "experiment", "variant", "phone_variants")
    dropped = ", ".join(f"drop column {name}" for name in added)
    connection.execute(f"drop view recommendations; alter table recommendations_all {dropped}")
    connection.execute(
        "create view recommendations as select user_id, rank, item_id, score, source, reason, reason_code, relaxed_rules, "
        "propensity, list_version, (select generated_at from current_version) as generated_at from recommendations_all "
        "where list_version = (select version from current_version)"
    )
    # A consumer's own view would stop a migration that drops and creates the view.
    connection.execute("create view theirs as select user_id, item_id from recommendations where rank = 1")
    old = connection.execute("select count(*) from recommendations").fetchone()
    run(make_night(DAY + timedelta(days=1), seed=2))
    assert connection.execute(columns).fetchone() == today
    assert today is not None and today[0][-5:] == ["generated_at", *added]
    kept = connection.execute(
        "select list_version, count(*), count(placed_by) from recommendations_all group by 1 order by 1"
    ).fetchall()
    assert old is not None and kept == [(1, old[0], 0), (2, old[0], old[0])]
