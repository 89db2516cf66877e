"""`handpick verify` names what is damaged, and writes it again from what is sound."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.errors import DamagedData
from handpick.lake.checksums import CHECKSUM_FILE
from handpick.lake.partitions import digest_files
from handpick.night import Night
from handpick.pipeline.runner import run_stage
from handpick.pipeline.verify import State, adopt, inspect_lake, repair
from handpick.settings.load import Settings, load

DAY = date(2026, 1, 10)
NEXT = DAY + timedelta(days=1)
FILES = {
    "catalog/{}.jsonl": '{{"item_id": "p1", "title": "Phone", "in_stock": true, "updated_at": "{}T01:00:00Z"}}\n',
    "users/{}.csv": "user_id,signed_up_at,consent\nu1,{}T00:00:00Z,true\n",
    "events/{}.csv": "event_id,user_id,item_id,event_type,occurred_at\ne1,u1,p1,view,{}T02:00:00Z\n",
    "queries/{}.jsonl": '{{"query_id": "q", "user_id": "u1", "text": "hi", "occurred_at": "{}T02:00:00Z"}}\n',
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home in which two nights have landed."""
    config = tmp_path / "handpick.toml"
    config.write_text('[lake]\nroot = "lake"\nlanding = "landing"\n[embed]\nencoders = "encoders"\n')
    monkeypatch.setenv("HANDPICK_CONFIG", str(config))
    for day in (DAY, NEXT):
        for name, text in FILES.items():
            file = tmp_path / "landing" / name.format(day)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.format(day))
        run_stage("land", Night(load(), day))
    return load()


@pytest.fixture
def lake_of(settings: Settings) -> Callable[[str, date], Path]:
    """A function that returns a partition's folder."""
    return lambda table, day: Night(settings, day).lake.partition(table, day)


def digest_lake(settings: Settings) -> dict[str, str]:
    lake = Night(settings, DAY).lake
    return {
        f"{table} {day}": digest_files(lake.partition(table, day))
        for table in lake.list_tables(["raw"])
        for day in lake.list_dates(table)
    }


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def test_an_undisturbed_lake_has_no_findings(settings: Settings) -> None:
    inspection = inspect_lake(settings)
    assert inspection.findings == []
    assert (inspection.partitions, inspection.results) == (10, 2)  # four sources and the ledger of two nights
    shown = CliRunner().invoke(app, ["verify"])
    assert shown.exit_code == 0
    assert "Nothing is damaged." in shown.output


def test_damage_of_every_kind_is_named_and_repaired_with_the_same_bytes(
    settings: Settings, lake_of: Callable[[str, date], Path]
) -> None:
    before = digest_lake(settings)
    flip(lake_of("raw/events", DAY) / "part-00000.parquet")
    file = lake_of("raw/users", DAY) / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:50])
    shutil.rmtree(lake_of("raw/catalog", NEXT))
    (lake_of("ledger_flows", NEXT) / "part-00000.parquet").unlink()
    findings = inspect_lake(settings).findings
    assert [(one.state, one.subject) for one in findings] == [
        (State.DAMAGED, f"raw/events of {DAY}"),
        (State.DAMAGED, f"raw/users of {DAY}"),
        (State.MISSING, f"raw/catalog of {NEXT}"),
        (State.DAMAGED, f"ledger_flows of {NEXT}"),
    ]
    only = inspect_lake(settings, NEXT).findings
    assert {one.logical_date for one in only} == {NEXT}
    shown = CliRunner().invoke(app, ["verify", "--repair"])
    assert shown.exit_code == 0, shown.output
    assert f"repaired: land of {DAY}: written again with the same bytes as before" in shown.output
    assert f"repaired: ledger_flows of {NEXT}" in shown.output
    assert digest_lake(settings) == before


def test_what_cannot_be_repaired_is_said_and_stays_as_it_is(
    settings: Settings, tmp_path: Path, lake_of: Callable[[str, date], Path]
) -> None:
    flip(lake_of("raw/events", DAY) / "part-00000.parquet")
    (tmp_path / f"landing/events/{DAY}.csv").unlink()
    stray = lake_of("raw/users", DAY).with_name(f"logical_date={DAY} copy")
    shutil.copytree(lake_of("raw/users", DAY), stray)
    shown = CliRunner().invoke(app, ["verify", "--repair"])
    assert shown.exit_code == 1
    assert f"stray: raw/users: {stray} is not a partition" in shown.output
    assert "no stage writes it; move it away" in shown.output
    assert f"not repaired: land of {DAY}: could not run again:" in shown.output
    shutil.rmtree(stray)
    (outcome,) = repair(settings, inspect_lake(settings).findings)
    assert not outcome.is_mended
    assert f"events: files that {DAY} has landed before are gone" in outcome.outcome
    assert [one.subject for one in inspect_lake(settings).findings] == [f"raw/events of {DAY}"]


def test_a_repair_from_changed_inputs_says_that_the_bytes_differ(
    settings: Settings, tmp_path: Path, lake_of: Callable[[str, date], Path]
) -> None:
    flip(lake_of("raw/events", DAY) / "part-00000.parquet")
    file = tmp_path / f"landing/events/{DAY}.csv"
    file.write_text(file.read_text().replace("e1", "e2"))
    (outcome,) = repair(settings, inspect_lake(settings).findings)
    assert "raw/events has other bytes than before the damage" in outcome.outcome


def test_a_damaged_result_is_written_again(settings: Settings) -> None:
    night = Night(settings, DAY)
    file = night.result_file("land")
    file.write_text(file.read_text()[:200])
    with pytest.raises(DamagedData, match=r"land\.json is damaged"):
        night.result("land")
    (finding,) = inspect_lake(settings).findings
    assert (finding.state, finding.subject) == (State.DAMAGED, f"the result of land of {DAY}")
    assert [one.is_mended for one in repair(settings, [finding])] == [True]
    assert night.result("land").flows
    assert inspect_lake(settings).findings == []


def test_two_damaged_results_of_a_night_do_not_keep_each_other_from_repair(settings: Settings) -> None:
    night = Night(settings, DAY)
    files = [night.result_file("land"), night.result_file("publish")]
    files[1].write_text("{")
    files[0].write_text(files[0].read_text()[:200])
    (landed, published) = repair(settings, inspect_lake(settings).findings)
    assert (landed.is_mended, published.is_mended) == (True, False)  # there are no lists to publish
    assert [one.subject for one in inspect_lake(settings).findings] == [f"the result of publish of {DAY}"]
    assert files[1].read_text() == "{"


def test_a_sound_partition_of_another_night_is_not_taken_for_this_one(
    settings: Settings, lake_of: Callable[[str, date], Path]
) -> None:
    shutil.rmtree(lake_of("raw/events", NEXT))
    shutil.copytree(lake_of("raw/events", DAY), lake_of("raw/events", NEXT))
    (finding,) = inspect_lake(settings).findings
    assert finding.subject == f"raw/events of {NEXT}"
    assert "but land has reported" in finding.problem


def test_partitions_of_a_release_without_checksums_are_adopted(
    settings: Settings, lake_of: Callable[[str, date], Path]
) -> None:
    (lake_of("raw/events", DAY) / CHECKSUM_FILE).unlink()
    (finding,) = findings = inspect_lake(settings).findings
    assert finding.state is State.UNCHECKED
    assert not finding.is_damage
    assert adopt(settings, findings) == 1
    assert inspect_lake(settings).findings == []
    flip(lake_of("raw/events", DAY) / "part-00000.parquet")
    assert [one.state for one in inspect_lake(settings).findings] == [State.DAMAGED]


def test_damaged_encoders_are_found_where_they_are_used_too(settings: Settings, tmp_path: Path) -> None:
    from handpick.dataset.encoder_registry import EncoderRegistry

    registry = EncoderRegistry(tmp_path / "encoders")
    with registry.write_version("shop-bert", DAY) as folder:
        (folder / "weights").write_bytes(bytes(1000))
    assert inspect_lake(settings).encoders == 1
    version = registry.find_version("shop-bert", DAY)
    assert version is not None
    flip(version / "weights")
    with pytest.raises(DamagedData, match="has other bytes than were trained"):
        registry.find_version("shop-bert", DAY)
    assert [one.subject for one in inspect_lake(settings).findings] == ["an encoder"]
    (tmp_path / "encoders" / f"from={DAY}.json").write_text("{")
    with pytest.raises(DamagedData, match="does not name the versions"):
        registry.read_members(DAY)
    (tmp_path / "encoders" / f"from={DAY} copy.json").write_text("{}")
    with pytest.raises(DamagedData, match="move the file away"):
        registry.read_members(NEXT)


def test_a_damaged_warehouse_is_named_and_removed(settings: Settings) -> None:
    import duckdb

    file = settings.path(settings.warehouse.path)
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema warehouse")
        connection.execute("create table warehouse.rows as select range as number from range(300_000)")
    assert inspect_lake(settings).findings == []
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    (finding,) = inspect_lake(settings).findings
    assert (finding.subject, finding.logical_date) == ("the warehouse", NEXT)
    assert "checksum" in finding.problem and finding.stage is not None and finding.stage.name == "warehouse"
    # Only the warehouse's own stage makes it anew, and this shop's nights have not come that far.
    (repaired,) = repair(settings, [finding])
    assert not repaired.is_mended and "handpick transform" in repaired.outcome
    assert not file.exists() and inspect_lake(settings).findings == []
