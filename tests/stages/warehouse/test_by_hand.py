"""dbt by hand takes the newest night, and cannot change the live warehouse for an older one or another shop's."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from handpick.night import Night
from handpick.stages.warehouse.dbt_runner import run_dbt
from handpick.stages.warehouse.project import SCRATCH_SUFFIX, build_environment, set_environment

Nights = tuple[Night, Night]
ROOT = Path(__file__).parents[3]
NIGHTS_KEPT = "select logical_date, count(*) from warehouse.fct_interactions group by 1 order by 1"


def build_by_hand(night: Night, *arguments: str, variables: dict[str, str] | None = None) -> str:
    """Run `dbt build` as a person does, without the stage's variables; return what it stopped with."""
    with set_environment({**build_environment(night.settings), **(variables or {})}):
        outcome = run_dbt(night.settings, "build", *arguments)
    failed = [one for one in getattr(outcome.result, "results", ()) if str(one.status) in ("error", "fail")]
    return (
        "" if outcome.success else "; ".join([str(outcome.exception), *(str(one.message) for one in failed)])
    )


def query(file: Path, sql: str) -> list[tuple[object, ...]]:
    """Rows of a database file."""
    with duckdb.connect(str(file), read_only=True) as db:
        return db.execute(sql).fetchall()


def test_the_night_is_the_newest_and_an_older_one_is_refused_or_built_aside(two_nights: Nights) -> None:
    first, second = two_nights
    live = first.settings.path(first.settings.warehouse.path)
    kept = query(live, NIGHTS_KEPT)
    assert len(kept) == 2
    assert build_by_hand(first, "--select", "fct_interactions") == ""
    assert query(live, NIGHTS_KEPT) == kept

    old = {"HANDPICK_LOGICAL_DATE": first.logical_date.isoformat()}
    refusal = build_by_hand(first, "--select", "fct_interactions", variables=old)
    assert f"would lose the nights after {first.logical_date}; nothing was built" in refusal
    assert query(live, NIGHTS_KEPT) == kept

    before = live.read_bytes()
    # Without the tests that compare with models which are not selected, and so not in that file.
    selected = ("--select", "+fct_interactions", "--target", "scratch", "--indirect-selection", "cautious")
    assert build_by_hand(first, *selected, variables=old) == ""
    assert query(live.with_suffix(SCRATCH_SUFFIX), NIGHTS_KEPT) == kept[:1]
    assert live.read_bytes() == before
    assert second.logical_date == kept[1][0]


def test_the_default_folders_are_not_built_in_where_the_settings_name_others(
    two_nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt").mkdir()
    (tmp_path / "shop.toml").write_text(f"[lake]\nroot = '{two_nights[1].lake.root}'\n")
    monkeypatch.chdir(tmp_path / "dbt")
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "shop.toml"))
    for name in ("HANDPICK_LAKE", "HANDPICK_WAREHOUSE"):
        monkeypatch.delenv(name, raising=False)
    outcome = run_dbt(two_nights[1].settings, "build", "--select", "dim_item")
    assert "nothing was built. First run: eval" in str(outcome.exception)
    assert not (tmp_path / "var").exists()


def test_a_model_of_ones_own_is_built_by_the_recipe_of_the_page(two_nights: Nights, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "warehouse.md").read_text(encoding="utf-8")
    sql, yaml = re.search(r"```sql\n(.*?)```.*?```yaml\n(.*?)```", page, re.S).groups()  # type: ignore[union-attr]
    ours = ROOT / "dbt" / "models" / "marts"
    files = [ours / "mart_brands.sql", ours / "mart_brands.yml"]
    project = tmp_path / "dbt"
    shutil.copytree(ROOT / "dbt", project, ignore=shutil.ignore_patterns("target", "logs"))
    for file, text in zip(files, (sql, yaml), strict=True):
        (project / file.relative_to(ROOT / "dbt")).write_text(text, encoding="utf-8")
    night = two_nights[1]
    # Later options win.
    elsewhere = (
        "--project-dir",
        str(project),
        "--target-path",
        str(tmp_path / "target"),
        "--target",
        "scratch",
        "--indirect-selection",
        "cautious",
    )  # fmt: skip
    with set_environment(build_environment(night.settings)):
        outcome = run_dbt(night.settings, "build", "--select", "+mart_brands", *elsewhere)
    assert outcome.success, outcome.exception or outcome.result
    scratch = night.settings.path(night.settings.warehouse.path).with_suffix(SCRATCH_SUFFIX)
    assert query(scratch, "select sum(phone_count) from warehouse.mart_brands") == query(
        scratch, f"select count(*) from warehouse.dim_item where logical_date = '{night.logical_date}'"
    )
