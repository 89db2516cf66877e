"""Nothing is published that score has not made, and a failure says truly which lists are current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import psycopg
import pyarrow.compute as pc
import pytest
from pydantic import SecretStr

from handpick.errors import DamagedData, LedgerImbalance, MissingPartition, ServingError
from handpick.lake.partitions import write_parquet
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.pipeline.runner import run_stage
from handpick.pipeline.verify import inspect_lake, repair
from handpick.serving.versions import list_versions
from handpick.settings.load import Settings
from handpick.stages.publish import run
from handpick.stages.publish.publish import describe_pointer

from .conftest import DAY

MakeNight = Callable[..., Night]
NEXT = DAY + timedelta(days=1)


def test_flipped_bytes_in_the_lists_are_not_published(make_night: MakeNight, settings: Settings) -> None:
    run(make_night(DAY))
    night = make_night(NEXT, seed=2)
    file = night.lake.partition("lists/recommendations", NEXT) / "part-00000.parquet"
    content = bytearray(file.read_bytes())
    for place in range(500, 540):
        content[place] ^= 0xFF
    file.write_bytes(bytes(content))
    with pytest.raises(DamagedData, match=r"part-00000\.parquet has other bytes than"):
        run_stage("publish", night)
    assert [one.logical_date for one in list_versions(settings)] == [DAY]


def test_sound_lists_that_score_has_not_made_are_not_published(
    make_night: MakeNight, settings: Settings
) -> None:
    run(make_night(DAY))
    night = make_night(NEXT, seed=2)
    rows = night.lake.read("lists/recommendations", NEXT)
    score = pc.multiply(rows["score"], 0.5).cast("float")
    night.lake.write(
        "lists/recommendations", NEXT, rows.set_column(rows.column_names.index("score"), "score", score)
    )
    with pytest.raises(DamagedData, match=r"not those that score made.*the pointer was not moved") as caught:
        run(night)
    assert "\n" not in str(caught.value)
    # The same rows in another file of the same table, without any checksum of a writer.
    folder = night.lake.partition("lists/recommendations", NEXT)
    (folder / "_checksums.json").unlink()
    write_parquet(rows, folder / "part-00000.parquet")
    assert run(night).notes["is_new"]
    night.result_file("score").unlink()
    with pytest.raises(MissingPartition, match="score has not run"):
        run(night)
    assert [one.logical_date for one in list_versions(settings)] == [NEXT, DAY]


def test_a_failure_after_the_move_says_that_the_lists_are_published(
    make_night: MakeNight, settings: Settings, connection: psycopg.Connection
) -> None:
    serving = settings.serving.model_copy(update={"keep_versions": 1})
    for number in range(2):
        run(make_night(DAY + timedelta(days=number), seed=number))
    night = make_night(DAY + timedelta(days=2), seed=2)
    impatient = replace(night, settings=settings.model_copy(update={"serving": serving}))
    # Old versions are dropped after the pointer has moved, and marked as such first.
    connection.execute(
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$"
    )
    connection.execute(
        "create trigger refuse before update on list_versions for each row when (new.status = 'dropped') "
        "execute function refuse()"
    )
    with pytest.raises(ServingError) as caught:
        run(impatient)
    connection.execute("drop trigger refuse on list_versions")
    assert "The lists are published all the same: version 3 is current." in str(caught.value)
    assert "pointer was not moved" not in str(caught.value)
    assert [one.version for one in list_versions(settings) if one.is_current] == [3]
    assert run(impatient).notes["dropped_versions"] == [1] or len(list_versions(settings)) == 2


def test_the_state_of_the_pointer_is_asked_for_and_never_guessed(
    make_night: MakeNight, settings: Settings
) -> None:
    run(make_night(DAY))
    assert describe_pointer(settings, None) == (
        "The pointer was not moved; the lists published before stay current."
    )
    assert describe_pointer(settings, 1).startswith("The lists are published all the same: version 1")
    assert describe_pointer(settings, 2) == "The pointer was not moved to version 2; version 1 is current."
    gone = settings.serving.model_copy(update={"dsn": SecretStr("postgresql://nobody@127.0.0.1:1/none")})
    assert "is not known" in describe_pointer(settings.model_copy(update={"serving": gone}), 1)


def test_a_ledger_that_does_not_balance_after_publish_says_that_the_lists_are_published(
    make_night: MakeNight,
) -> None:
    from handpick.ledger.flows import Flow

    night = make_night(DAY)
    # Wrong counts of an earlier stage are found after publish, too.
    land = StageResult("land", DAY, "raw", (Flow("users", 7, 7),), "")
    night.result_file("land").write_text(land.to_json())
    with pytest.raises(LedgerImbalance) as caught:
        run_stage("publish", night)
    assert "The lists are published all the same: version 1 is current" in str(caught.value)
    assert "before stay current" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "update {}.recommendations_v1 set score = score + 0.25 where user_id = 'u003' and rank = 2",
            "has 150 rows",
        ),
        ("delete from {}.popular_items_v1 where rank = 1", "has "),
        ("update {}.items_v1 set is_in_stock = null where item_id = 'i001'", "items_v1 has 40 rows"),
        (
            "alter table {0}.similar_items_all detach partition {0}.similar_items_v1; drop table {0}.similar_items_v1",
            "cannot be read",
        ),
    ],
    ids=["score", "lost", "null", "table"],
)
def test_served_rows_are_compared(
    make_night: MakeNight, settings: Settings, connection: psycopg.Connection, change: str, problem: str
) -> None:
    run_stage("publish", make_night(DAY))
    sound = inspect_lake(settings, DAY)
    assert [one.is_comparable for one in sound.served] == [True] and not sound.unserved
    assert not [one for one in sound.findings if one.is_damage]
    connection.execute(change.format(settings.serving.schema_name).encode())
    found = [one for one in inspect_lake(settings, DAY).findings if one.is_damage]
    assert [one.subject for one in found] == [f"list version 1, the current one, of {DAY}"]
    assert problem in found[0].problem
    (mended,) = repair(settings, found)
    assert mended.is_mended and mended.outcome == "loaded again from the lists that score wrote"
    assert [(one.version, one.is_current) for one in list_versions(settings)] == [(2, True)]
    assert not [one for one in inspect_lake(settings, DAY).findings if one.is_damage]


def test_a_version_of_lists_that_were_made_anew_is_not_compared(
    make_night: MakeNight, settings: Settings
) -> None:
    run_stage("publish", make_night(DAY))
    make_night(DAY, seed=2)
    inspection = inspect_lake(settings, DAY)
    assert [one.is_comparable for one in inspection.served] == [False]
    assert not [one for one in inspection.findings if one.subject.startswith("list version")]
