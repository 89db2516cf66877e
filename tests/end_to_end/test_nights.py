"""What two nights leave behind: what they print, the published tables, the ledger."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from handpick.local_airflow.processes import find_running_components
from handpick.pipeline.registry import list_nightly_names
from handpick.serving.connection import connect
from tests.end_to_end.conftest import House

pytestmark = pytest.mark.timeout(1500)


def test_the_run_ends_with_stages_evaluation_five_lists_the_report_and_the_next_command(house: House) -> None:
    told = house.outputs[0]
    for stage in list_nightly_names():
        assert re.search(rf"^.?\s*{stage}\b", told, re.MULTILINE), stage
    assert "overhead" in told
    for member in ("fusion", "popularity", "als", "oracle"):
        assert member in told
    assert "has sent queries, but has no events" in told
    assert "(new today)" in told
    assert len(re.findall(r"^U\d{7}: ", told, re.MULTILINE)) == 5
    assert "index.html" in told
    assert "make up" in told


def test_the_first_night_ran_on_duckdb_and_the_second_on_spark(house: House) -> None:
    engines = [
        {result.notes["engine"] for result in night.results() if "engine" in result.notes}
        for night in house.nights()
    ]
    assert engines == [{"duckdb"}, {"spark"}]


def test_every_stage_of_both_nights_is_in_a_ledger_that_balances(house: House) -> None:
    nights = house.nights()
    assert len(nights) == 2
    for night in nights:
        assert [result.stage for result in night.results()] == list_nightly_names()
        checked = house.handpick("ledger", "--date", night.logical_date.isoformat())
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_published_lists_are_whole_and_nobody_is_recommended_what_they_own(house: House) -> None:
    settings, night = house.settings, house.nights()[-1]
    with connect(settings, reader=True) as connection:
        rows = connection.execute(
            "select user_id, rank, item_id from serving.recommendations order by 1, 2"
        ).fetchall()
        dated = connection.execute(
            "select logical_date from serving.list_versions order by version desc limit 1"
        ).fetchone()
    assert dated == (night.logical_date,)
    users = night.lake.read("marts/dim_user", night.logical_date).to_pylist()
    owned = {row["user_id"]: row["owned_item_id"] for row in users}
    lists: dict[str, list[tuple[int, str]]] = {}
    for user, rank, item in rows:
        lists.setdefault(user, []).append((rank, item))
    assert set(lists) == set(owned)
    for user, listed in lists.items():
        assert [rank for rank, _ in listed] == list(range(1, len(listed) + 1))
        assert owned[user] not in {item for _, item in listed}


def test_the_second_night_encodes_only_what_is_new(house: House) -> None:
    first, second = (night.result("embed").notes for night in house.nights())
    assert sum(_counts(second, "encoded_count")) < sum(_counts(first, "encoded_count")) / 5
    assert sum(_counts(second, "reused_count")) > 0


def test_running_stages_again_elsewhere_gives_the_same_bytes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that compute with torch outside of training; `make bench NAME=same-bytes` runs whole nights."""
    night = house.nights()[-1]
    before = {stage: night.result(stage).digest for stage in ("evaluate", "score")}
    elsewhere = {"PYTHONHASHSEED": "99", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "7")
    for name, value in {**elsewhere, **threads}.items():
        monkeypatch.setenv(name, value)
    for stage in before:
        again = house.handpick(stage, "--date", night.logical_date.isoformat())
        assert again.returncode == 0, again.stderr
    assert {stage: night.result(stage).digest for stage in before} == before


def test_the_lists_of_a_demo_shop_say_that_they_are(house: House) -> None:
    assert "This is the demo shop" in house.outputs[0]
    night = house.nights()[-1]
    assert "This is the demo shop" in Path(night.result("report").where).read_text()
    versions = house.handpick("versions")
    assert versions.returncode == 0 and "demo" in versions.stdout


def _counts(notes: object, name: str) -> list[int]:
    """All numbers under a name, however the note nests them by modality."""
    found: list[int] = []
    if isinstance(notes, dict):
        for key, value in notes.items():
            if key == name:
                found += list(value.values()) if isinstance(value, dict) else [int(value)]
            else:
                found += _counts(value, name)
    return found


def test_airflow_dbt_and_the_stages_tell_of_their_lineage_in_one_file(house: House) -> None:
    settings = house.settings
    lines = settings.path(settings.lineage.file).read_text().splitlines()
    ended = {event["job"]["name"] for event in map(json.loads, lines) if event["eventType"] == "COMPLETE"}
    assert {"nightly_recommendations.land", "land", "dbt.dim_item", "score"} <= ended


def test_the_model_card_gives_the_evaluated_figures_of_every_slice_and_the_report_links_to_it(
    house: House,
) -> None:
    night = house.nights()[-1]
    report = Path(night.result("report").where)
    page = report if report.suffix else report / "index.html"
    card = (page.parent / "model_card.html").read_text()
    assert 'href="model_card.html"' in page.read_text()
    metrics = pq.read_table(
        night.lake.partition("evaluation", night.logical_date) / "metrics.parquet"
    ).to_pylist()
    own = [row for row in metrics if (row["member"], row["metric"], row["k"]) == ("fusion", "ndcg", 20)]
    assert {"all", "query_only"} <= {row["slice"] for row in own}
    for row in own:
        assert re.search(
            rf"{row['slice']}</th><td class=\"n\">{row['users']:,}</td>\s*<td "
            rf"class=\"n\">{row['value']:.4f}",
            card,
        )
    captions = re.findall(r'<figure class="plot"><figcaption>([^<]+)', card)
    assert len(captions) == 3
    assert [caption for caption in captions if caption.endswith(" by epoch")] == captions[1:]
    assert night.result("train").digest in card


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to see what a process has loaded")
def test_the_scheduler_holds_ready_what_most_stages_load(house: House) -> None:
    maps = {
        component: Path(f"/proc/{pid}/maps").read_text()
        for component, pid in find_running_components(house.settings).items()
    }
    assert "libtorch" in maps["scheduler"] and "libarrow" in maps["scheduler"]
    assert not any("libtorch" in loaded for component, loaded in maps.items() if component != "scheduler")


def test_no_secret_of_the_environment_is_in_any_file_or_output_and_no_file_is_open_to_others(
    house: House,
) -> None:
    assert "Zq9x" not in "".join(house.outputs)
    files = [path for path in house.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 200
    assert [str(path) for path in files if b"Zq9x" in path.read_bytes()] == []
    # A closed folder closes all that is in it.
    roots = [path for path in (house.folder / "var").iterdir() if path.name != "landing"]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in roots}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
