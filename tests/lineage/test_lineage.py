"""Lineage: walks from serving columns to landing files, through stages and a real dbt manifest."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from handpick.cli.lineage import lineage
from handpick.ledger.flows import StageResult
from handpick.lineage.column_cache import ColumnTrace, TraceCache
from handpick.lineage.dbt_columns import DbtModels
from handpick.lineage.declared_columns import COLUMN_INPUTS
from handpick.lineage.graph import ColumnRef, LineageGraph, UnknownColumn
from handpick.lineage.stage_events import emit_stage_event
from handpick.serving.relations import RELATIONS
from handpick.settings.lineage import LineageSettings

PROJECT = """
name: shop
version: "1.0"
profile: shop
model-paths: [models]
"""
PROFILE = """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: ":memory:"}
"""
SOURCES = """
sources:
  - name: lake
    meta: {external_location: "read_parquet('lake/clean/{name}/*.parquet')"}
    tables: [{name: items, columns: [{name: item_id}, {name: price}, {name: brand}]},
             {name: interactions, columns: [{name: item_id}, {name: weight}]},
             {name: users, columns: [{name: user_id}, {name: country}]}]
models:
  - {name: stg_catalog__items, columns: [{name: item_id}, {name: brand}, {name: price}]}
  - {name: dim_user, columns: [{name: user_id}, {name: country}]}
  - {name: dim_item, columns: [{name: item_id}, {name: brand_key}, {name: price}]}
  - {name: fct_interactions, columns: [{name: item_id}, {name: weight}, {name: price}]}
"""
MODELS = {
    "staging/stg_catalog__items.sql": "select item_id, brand, price from {{ source('lake', 'items') }}",
    "marts/dim_item.sql": "with item as (select * from {{ ref('stg_catalog__items') }}) select item_id, lower(brand) as brand_key, price from item",
    "marts/dim_user.sql": "select user_id, country from {{ source('lake', 'users') }}",
    "marts/fct_interactions.sql": "select i.item_id, i.weight, d.price from {{ source('lake', 'interactions') }} as i join {{ ref('dim_item') }} as d using (item_id)",
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> DbtModels:
    """The manifest that dbt writes for a small project."""
    from dbt.cli.main import dbtRunner

    folder = tmp_path_factory.mktemp("dbt")
    files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILE, "models/models.yml": SOURCES}
    for name, text in {**files, **{f"models/{name}": text for name, text in MODELS.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    options = ["--project-dir", str(folder), "--profiles-dir", str(folder), "--no-introspect", "--quiet"]
    outcome = dbtRunner().invoke(["compile", *options])
    assert outcome.success, outcome.exception
    return DbtModels(folder / "target" / "manifest.json")


def names(graph: LineageGraph, column: str) -> list[str]:
    """The columns of a walk, in order."""
    return [str(step.column) for step in graph.walk(ColumnRef.parse(column))]


def test_every_served_column_walks_back_to_landing_files(models: DbtModels) -> None:
    graph = LineageGraph(models)
    for relation in RELATIONS:
        for column in relation.column_names:
            walked = names(graph, f"serving.{relation.name}.{column}")
            assert any(name.startswith("landing/") for name in walked), column


def test_a_mart_is_walked_column_by_column_through_dbt(models: DbtModels) -> None:
    graph = LineageGraph(models)
    assert names(graph, "marts/dim_item.brand_key") == [
        "marts/dim_item.brand_key",
        "dbt.stg_catalog__items.brand",
        "clean/items.brand",
        "valid/catalog.brand",
        "raw/catalog.brand",
        "landing/catalog.brand",
    ]
    weight = names(graph, "marts/fct_interactions.weight")
    assert weight[1] == "clean/interactions.weight"
    assert not any("price" in name for name in weight)
    assert "landing/events.event_type" in weight
    assert names(graph, "marts/fct_interactions.price")[1] == "marts/dim_item.price"


def test_a_query_is_traced_again_only_when_it_changes_and_not_because_the_date_does(tmp_path: Path) -> None:
    file, traced = tmp_path / "column_lineage.json", []

    def trace_of(query: str, parents: list[str]) -> ColumnTrace:
        def trace() -> ColumnTrace:
            traced.append(query)
            return {"price": [("clean/items", "price")]}

        traces = TraceCache(file)
        found = traces.get_or_compute(query, parents, trace)
        traces.save()
        return found

    first = trace_of("select price from items where day = '2026-03-01'", ["items"])
    assert trace_of("select price from items where day = '2026-03-02'", ["items"]) == first
    assert len(traced) == 1
    trace_of("select price * 2 as price from items where day = '2026-03-02'", ["items"])
    trace_of("select price * 2 as price from items where day = '2026-03-02'", ["prices"])
    assert len(traced) == 3


def test_the_score_is_made_of_behaviour_and_content(models: DbtModels) -> None:
    walked = names(LineageGraph(models), "serving.recommendations.score")
    assert walked[:2] == ["serving.recommendations.score", "lists/recommendations.score"]
    assert {"landing/events.event_type", "landing/catalog.brand", "landing/media"} <= set(walked)


def test_without_a_manifest_the_walk_stops_at_the_marts_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "handpick.toml").write_text("")
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    lineage("serving.recommendations.score")
    told = capsys.readouterr()
    assert "      marts/fct_interactions.weight\n" in told.out
    assert "handpick warehouse" in told.err


def test_a_column_that_nobody_makes_is_refused() -> None:
    with pytest.raises(UnknownColumn, match="it has user_id"):
        lineage("serving.recommendations.guess")
    with pytest.raises(UnknownColumn, match="no stage writes"):
        list(LineageGraph(DbtModels(Path("none"))).walk(ColumnRef.parse("elsewhere.column")))


def test_declared_clean_tables_have_the_columns_that_transform_writes() -> None:
    from handpick.stages.transform import catalog, interactions, prices, queries, users

    schemas = {
        "clean/items": catalog.ITEM_SCHEMA,
        "clean/users": users.USER_SCHEMA,
        "clean/queries": queries.QUERY_SCHEMA,
        "clean/interactions": interactions.INTERACTION_SCHEMA,
        "clean/item_price_history": prices.PRICE_HISTORY_SCHEMA,
    }
    for table, schema in schemas.items():
        assert {name for name in COLUMN_INPUTS[table] if name != "*"} <= set(schema.names), table


def test_declared_inputs_are_columns_of_the_contracts() -> None:
    from handpick.contracts.sources import CONTRACTS

    columns = {
        f"valid/{name}.{column.name}" for name, contract in CONTRACTS.items() for column in contract.columns
    }
    inputs = [text for columns in COLUMN_INPUTS.values() for made_of in columns.values() for text in made_of]
    used = {text for text in inputs if text.startswith("valid/") and not text.endswith("*")}
    assert used <= columns


def test_declared_training_columns_are_those_that_are_written() -> None:
    from handpick.dataset.feature_columns import TRAINING_SCHEMA

    assert set(COLUMN_INPUTS["features/training"]) - {"*"} <= set(TRAINING_SCHEMA.names)


def test_a_finished_stage_leaves_an_event_with_its_columns(tmp_path: Path, models: DbtModels) -> None:
    result = StageResult("feature_store", date(2026, 3, 1), "here", (), "0" * 64)
    settings = LineageSettings(file=Path("events.jsonl"))
    for hour in (1, 2):
        emit_stage_event(result, settings, tmp_path, datetime(2026, 3, 2, hour, tzinfo=UTC))
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["eventTime"][:13] for event in events] == ["2026-03-02T01", "2026-03-02T02"]
    assert events[0]["job"] == {"namespace": "handpick", "name": "feature_store", "facets": {}}
    training = next(output for output in events[0]["outputs"] if output["name"] == "features/training")
    fields = training["facets"]["columnLineage"]["fields"]
    assert [source["name"] for source in fields["event_timestamp"]["inputFields"]] == [
        "marts/fct_interactions"
    ]
    assert "marts/mart_user_activity" in {dataset["name"] for dataset in events[0]["inputs"]}
