"""The stages are declared once: one entry adds a stage, nothing else lists stages, imports follow it."""

from __future__ import annotations

import ast
import json
import sys
import tomllib
import types
from datetime import date
from pathlib import Path

import grimp
import pyarrow as pa
import pytest

from handpick.cli.main import build_stage_command
from handpick.cli.stages import render_stages_page
from handpick.errors import LedgerImbalance, MissingPartition
from handpick.ledger.flows import Flow, StageResult
from handpick.lineage.dbt_columns import DbtModels
from handpick.lineage.graph import ColumnRef, LineageGraph
from handpick.night import Night
from handpick.pipeline import registry
from handpick.pipeline.registry import (
    STAGES,
    FlowCheck,
    Stage,
    find_input_stages,
    get_stage,
    list_nightly_names,
)
from handpick.pipeline.runner import run_stage
from handpick.settings.load import load

ROOT = Path(__file__).parents[2]
DAY = date(2026, 3, 1)
TOY = Stage(
    "toy",
    "Count the phones",
    reads=("clean",),
    writes=("toy",),
    flows=(FlowCheck("items", written="toy/items", continues=("transform", "items")),),
)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A night whose transform is done: three phones in `clean/items`."""
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    night = Night(load(), DAY)
    night.lake.write("clean/items", DAY, pa.table({"item_id": ["a", "b", "c"]}))
    _keep(night, StageResult("transform", DAY, "clean", (Flow("items", 3, 3),), "0" * 64))
    return night


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The toy stage: one entry in the registry and one package."""
    place = [stage.name for stage in STAGES].index("transform") + 1
    monkeypatch.setattr(registry, "STAGES", [*STAGES[:place], TOY, *STAGES[place:]])
    monkeypatch.setattr("handpick.lineage.graph.STAGES", registry.STAGES)
    package = types.ModuleType("handpick.stages.toy")

    def run(night: Night) -> StageResult:
        items = night.lake.read("clean/items", night.logical_date)
        night.lake.write("toy/items", night.logical_date, items)
        return StageResult(
            "toy", night.logical_date, "toy", (Flow("items", len(items), len(items)),), "0" * 64
        )

    package.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "handpick.stages.toy", package)
    return package


def _keep(night: Night, result: StageResult) -> None:
    file = night.result_file(result.stage)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(result.to_json())


def test_a_toy_stage_runs_is_balanced_and_traced(night: Night, toy: types.ModuleType) -> None:
    result = run_stage("toy", night)
    assert result.flows[0].rows_out == 3 and night.result("toy").flows == result.flows
    assert [one.stage for one in night.results()] == ["transform", "toy"]
    kept = night.lake.read("ledger_flows", DAY).to_pylist()
    assert [(row["stage"], row["rows_out"]) for row in kept] == [("transform", 3), ("toy", 3)]
    event = json.loads((night.settings.home / night.settings.lineage.file).read_text().splitlines()[-1])
    assert event["job"]["name"] == "toy"
    assert [output["name"] for output in event["outputs"]] == ["toy"]
    assert "clean/items" in {dataset["name"] for dataset in event["inputs"]}
    walked = list(LineageGraph(DbtModels(Path("none"))).walk(ColumnRef.parse("toy.=")))
    assert walked[0].stage == "toy"
    assert "landing/catalog" in {step.column.table for step in walked}


def test_a_toy_stage_that_loses_a_row_is_stopped(night: Night, toy: types.ModuleType) -> None:
    whole = toy.run

    def run(night: Night) -> StageResult:
        result = whole(night)
        night.lake.write("toy/items", DAY, pa.table({"item_id": ["a", "b"]}))
        return result

    toy.run = run  # type: ignore[attr-defined]
    with pytest.raises(LedgerImbalance, match="toy reported 3 rows in toy/items, but the partition has 2"):
        run_stage("toy", night)


def test_a_toy_stage_that_reads_other_rows_is_stopped(night: Night, toy: types.ModuleType) -> None:
    _keep(night, StageResult("transform", DAY, "clean", (Flow("items", 4, 4),), "0" * 64))
    with pytest.raises(LedgerImbalance, match="transform wrote 4 rows of items, toy read 3"):
        run_stage("toy", night)


def test_a_toy_stage_has_a_command_and_is_named_where_its_table_is_missing(
    night: Night, toy: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingPartition, match="run `handpick toy --date 2026-03-01`"):
        night.lake.read("toy/items", DAY)
    from datetime import datetime

    build_stage_command(TOY)(datetime(2026, 3, 1))
    assert "toy done" in capsys.readouterr().err
    assert "toy" in list_nightly_names()


def test_results_under_a_stages_former_name_are_found(night: Night) -> None:
    former = night.result_file("model")
    former.write_text(StageResult("model", DAY, "marts", (), "0" * 64).to_json())
    assert night.result("warehouse").stage == "warehouse"
    assert [result.stage for result in night.results()] == ["transform", "warehouse"]


def test_nothing_else_lists_stages() -> None:
    names = {stage.name for stage in STAGES}
    found = []
    for folder in ("handpick", "dags", "plugins", "benchmarks", "features", "models", "scripts", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            if file == Path(registry.__file__):
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.List | ast.Tuple | ast.Set):
                    texts = [one.value for one in node.elts if isinstance(one, ast.Constant)]
                elif isinstance(node, ast.Dict):
                    texts = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                else:
                    continue
                if len(names.intersection(text for text in texts if isinstance(text, str))) > 2:
                    found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert not found


def test_a_stage_imports_another_only_where_it_reads_its_output_and_only_its_public_face() -> None:
    graph = grimp.build_graph("handpick", cache_dir=None)
    wrong = []
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            mine, other = _stage_of(importer), _stage_of(imported)
            if mine is None or other is None or mine == other:
                continue
            public = {f"handpick.stages.{other}", f"handpick.stages.{other}.public"}
            if get_stage(other) not in find_input_stages(get_stage(mine)) or imported not in public:
                wrong.append(f"{importer} imports {imported}")
    assert not wrong


def test_import_linter_holds_the_stages_in_the_registrys_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one.get("containers") == ["handpick.stages"])
    assert layers == [stage.name for stage in reversed(STAGES)]
    assert not any("ignore_imports" in contract for contract in contracts)


def _stage_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[2] if parts[:2] == ["handpick", "stages"] and len(parts) > 2 else None


def test_every_stage_has_the_same_entry_point() -> None:
    for stage in STAGES:
        tree = ast.parse((ROOT / stage.module.replace(".", "/") / "__init__.py").read_text())
        entry = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run")
        assert [argument.arg for argument in entry.args.args] == ["night"], stage.name
        assert entry.returns and ast.unparse(entry.returns) == "StageResult", stage.name


def test_the_stages_page_is_the_registrys() -> None:
    assert (ROOT / "docs" / "stages.md").read_text() == render_stages_page()


def test_a_stage_reads_only_what_a_stage_before_it_writes_or_what_comes_from_outside() -> None:
    written: set[str] = {"landing", "ledger_flows"}
    for stage in STAGES:
        assert set(stage.reads) <= written, stage.name
        written |= set(stage.writes)
