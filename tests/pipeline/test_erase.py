"""A person is erased from every byte below the home, stays out of later nights, and nothing else changes."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.errors import Busy, ConfigurationError
from handpick.lake import partitions
from handpick.lake.erased_users import ERASED_REASON, KEY_FILE, ErasedUsers
from handpick.lake.swap import replace_folder
from handpick.ledger.reconcile import find_imbalances
from handpick.night import Night
from handpick.pipeline.erase.erase_user import Erasure, erase_user
from handpick.pipeline.erase.proof import list_proofs
from handpick.pipeline.runner import run_stage
from handpick.pipeline.verify import inspect_lake
from handpick.settings.load import Settings, load

DAY = date(2026, 1, 10)
NEXT, AFTER = DAY + timedelta(days=1), DAY + timedelta(days=2)
NOW = datetime(2026, 1, 12, tzinfo=UTC)
WHO, OTHER = "customer-7", "customer-77"
"""The erased person's id is the beginning of another one's."""
TRACES = (WHO, "Ada Lovelace", "violet folding telephone", "ev-7-1", "qu-7-1")
USERS = 'user_id,signed_up_at,consent,name\n{0},{1}T00:00:00Z,true,"{2}\nborn elsewhere"\n{3},{1}T00:00:00Z,true,Bob\n'
QUERIES = (
    '{{"query_id": "qu-77-{1}", "user_id": "{3}", "text": "big keys", "occurred_at": "{2}T01:00:00Z"}}\n'
    '{{"query_id": "qu-7-{1}", "user_id": "{0}", "text": "violet folding telephone", "audio_path": '
    '"voice/7.wav", "occurred_at": "{2}T02:00:00Z"}}\n'
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home with two landed nights, lists, features, a report and a log."""
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    (tmp_path / "handpick.toml").write_text("")
    settings = load()
    for number, day in enumerate((DAY, NEXT), 1):
        deliver(settings, number, day)
        run_stage("land", Night(settings, day))
        write_derived(Night(settings, day))
    voice = settings.path(settings.lake.media) / "voice" / "7.wav"
    voice.parent.mkdir(parents=True)
    voice.write_bytes(b"RIFF")
    log = settings.path(settings.airflow.home) / "logs" / "task.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"list of {OTHER} and of {WHO}: fine\n")
    return settings


def deliver(settings: Settings, number: int, day: date) -> None:
    landing = settings.path(settings.lake.landing)
    for source in ("catalog", "users", "events", "queries"):
        (landing / source).mkdir(parents=True, exist_ok=True)
    (landing / "catalog" / f"{day}.jsonl").write_text(
        f'{{"item_id": "p1", "title": "Phone", "in_stock": true, "updated_at": "{day}T01:00:00Z"}}\n'
    )
    (landing / "users" / f"{day}.csv").write_text(USERS.format(WHO, day, "Ada Lovelace", OTHER))
    events = {
        "event_id": [f"ev-7-{number}", f"ev-77-{number}"],
        "user_id": [WHO, OTHER],
        "item_id": ["p1"] * 2,
    }
    events |= {"event_type": ["view"] * 2, "occurred_at": [f"{day}T02:00:00Z"] * 2}
    pq.write_table(pa.table(events), landing / "events" / f"{day}.parquet")
    text = QUERIES.format(WHO, number, day, OTHER)
    with gzip.open(landing / "queries" / f"{day}.jsonl.gz", "wt") as packed:
        packed.write(text + f"broken line of {WHO}\n")


def write_derived(night: Night) -> None:
    """Write some of what later stages make: with a user, with a query alone, and as a page."""
    users = pa.table({"user_id": [WHO, OTHER], "rank": [1, 1], "reason": [TRACES[2], "big keys"]})
    night.lake.write("lists/recommendations", night.logical_date, users)
    vectors = pa.table(
        {"query_id": ["qu-7-1", "qu-77-1"], "text": pa.array([[1.0], [2.0]], pa.list_(pa.float32()))}
    )
    night.lake.write(
        "embeddings/queries", night.logical_date, vectors.replace_schema_metadata({"text": "print"})
    )
    holders = pa.table({"item_id": ["p1"], "users": [[WHO, OTHER]]})
    night.lake.write("evaluation", night.logical_date, holders)
    with night.lake.replace_partition("docs", night.logical_date) as folder:
        (folder / "index.html").write_text(f"<p>unexpected: {WHO}, {TRACES[2]}; {OTHER}</p>")


def erase(settings: Settings) -> Erasure:
    return erase_user(settings, WHO, NOW)


def find_traces(home: Path) -> list[tuple[Path, str]]:
    """Search raw bytes, and the columns of Parquet files and packed files, which may hide them."""
    found = []
    for file in (path for path in home.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if file.suffix == ".gz":
            content += gzip.decompress(content)
        if file.suffix == ".parquet":
            content += json.dumps(pq.read_table(file, partitioning=None).to_pylist(), default=str).encode()
        # What is left of the other person's id, which begins like the erased one's.
        content = content.replace(OTHER.encode(), b"").replace(b"ev-77", b"").replace(b"qu-77", b"")
        found += [(file, trace) for trace in TRACES if trace.encode() in content]
    return found


def read_users(settings: Settings, table: str, day: date) -> list[str]:
    column: list[str] = Night(settings, day).lake.read(table, day, ["user_id"]).column(0).to_pylist()
    return column


def test_no_byte_of_the_person_stays_and_nobody_else_is_touched(settings: Settings) -> None:
    assert find_traces(settings.home)
    done = erase(settings)
    assert find_traces(settings.home) == []
    assert done.found == []
    assert inspect_lake(settings).findings == []
    assert done.removed["landing files"] == 8  # a user, an event, a query and an unreadable line a night
    for day in (DAY, NEXT):
        assert read_users(settings, "raw/users", day) == [OTHER]
        assert read_users(settings, "lists/recommendations", day) == [OTHER]
        night = Night(settings, day)
        assert night.lake.read("embeddings/queries", day)["query_id"].to_pylist() == ["qu-77-1"]
        assert find_imbalances(night.results(), night.lake, day) == []
        assert night.lake.read("evaluation", day)["users"].to_pylist() == [["(erased)", OTHER]]
        assert OTHER in (night.lake.partition("docs", day) / "index.html").read_text()
    assert not (settings.path(settings.lake.media) / "voice" / "7.wav").exists()
    assert (
        f"list of {OTHER} and of" in (settings.path(settings.airflow.home) / "logs" / "task.log").read_text()
    )


def test_nights_run_again_and_later_ones_stay_without_the_person(settings: Settings) -> None:
    erase(settings)
    lines = Night(settings, DAY).lake.read("raw/queries", DAY)["_source_line"].to_pylist()
    again = run_stage("land", Night(settings, DAY))
    assert [flow.dropped for flow in again.flows] == [{}] * 4  # the files no longer hold the person
    assert Night(settings, DAY).lake.read("raw/queries", DAY)["_source_line"].to_pylist() == lines
    deliver(settings, 3, AFTER)  # the shop goes on sending them
    later = {flow.source: flow.dropped for flow in run_stage("land", Night(settings, AFTER)).flows}
    assert later["users"] == later["events"] == {ERASED_REASON: 1}
    assert later["queries"] == {ERASED_REASON: 2}  # the unreadable line, too
    assert read_users(settings, "raw/events", AFTER) == [OTHER]
    assert inspect_lake(settings).findings == []


def test_an_interrupted_erasure_leaves_a_sound_lake_and_is_finished_by_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt_after(steps: int) -> Iterator[None]:
        left = iter(range(steps))
        original = replace_folder

        def replace(staging: Path, target: Path) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            original(staging, target)

        with monkeypatch.context() as patch:
            patch.setattr(partitions, "replace_folder", replace)
            with pytest.raises(KeyboardInterrupt):
                erase(settings)
        yield

    for steps in (0, 3, 5):
        next(interrupt_after(steps))
        assert ErasedUsers.load(settings).has(WHO)
        assert inspect_lake(settings).findings == []
    erase(settings)
    assert find_traces(settings.home) == []
    assert inspect_lake(settings).findings == []


def test_the_proof_names_nobody_and_shows_when_it_was_changed(settings: Settings) -> None:
    done = erase(settings)
    text = done.proof.read_text()
    assert WHO not in text
    assert json.loads(text)["searched"]["still found in"] == 0
    shown = CliRunner().invoke(app, ["erase"])
    assert shown.exit_code == 0 and done.proof.stem in shown.output
    done.proof.write_text(text.replace('"raw/users": 2', '"raw/users": 1'))
    assert [proof.is_genuine for proof in list_proofs(ErasedUsers.load(settings))] == [False]
    assert CliRunner().invoke(app, ["erase"]).exit_code == 1


def test_a_running_night_is_not_erased_from_under_its_feet(settings: Settings) -> None:
    from subprocess import PIPE, Popen
    from sys import executable

    hold = (
        "import sys; from datetime import date; from handpick.night import Night; "
        "from handpick.settings.load import load\n"
        f"with Night(load(), date({DAY.year}, {DAY.month}, {DAY.day})).lock('score'): print(flush=True); sys.stdin.read()"
    )
    hurried = load(lake={"lock_timeout_s": 0})
    with Popen([executable, "-c", hold], stdin=PIPE, stdout=PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline()
        with pytest.raises(Busy, match="is busy with score"):
            erase(hurried)
        holder.communicate("")
    assert find_traces(settings.home)
    assert ErasedUsers.load(settings).has(WHO)


def test_no_night_lands_without_knowing_who_was_erased(settings: Settings) -> None:
    erase(settings)
    folder = settings.path(settings.privacy.path)
    shutil.move(folder / KEY_FILE, folder / "elsewhere")
    with pytest.raises(ConfigurationError, match="HANDPICK__PRIVACY__KEY"):
        run_stage("land", Night(settings, NEXT))
