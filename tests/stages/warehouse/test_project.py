"""The dbt project: descriptions, contracts, unit tests, freshness, snapshots and exposures."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from dbt.artifacts.schemas.results import ExecutionResult

from handpick.lake.partitions import digest_files
from handpick.night import Night
from handpick.serving.relations import RELATIONS
from handpick.stages.warehouse.dbt_runner import run_dbt
from handpick.stages.warehouse.manifest import parse_manifest
from handpick.stages.warehouse.marts import MARTS, write_marts
from handpick.stages.warehouse.project import build_environment, set_environment
from tests.stages.warehouse.conftest import BEGINNING, FIRST, SECOND, Shop, midnight
from tests.stages.warehouse.test_marts import Nights, warehouse

RENAMES = {"mart_ledger"}
"""Marts that only select columns and need no unit tests."""


@pytest.fixture(scope="module")
def manifest(two_nights: Nights) -> dict[str, Any]:
    """dbt's manifest of the project."""
    content: dict[str, Any] = json.loads(parse_manifest(two_nights[1].settings).read_text())
    return content


@pytest.fixture(scope="module")
def tables(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Models and snapshots by name."""
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "snapshot")
    }


def test_every_model_and_every_column_in_the_warehouse_is_described(
    two_nights: Nights, tables: dict[str, dict[str, Any]]
) -> None:
    built = dict(
        warehouse(
            two_nights[1],
            "SELECT table_name, list(column_name ORDER BY ordinal_position) "
            "FROM information_schema.columns WHERE table_schema = 'warehouse' GROUP BY table_name",
        )
    )
    for name, node in tables.items():
        assert node["description"].strip(), name
        described = [column for column, about in node["columns"].items() if about["description"].strip()]
        assert set(described) == set(built[name]) - {"dbt_scd_id", "dbt_updated_at"}, name
    assert set(built) == set(tables)


def test_every_source_is_described(manifest: dict[str, Any]) -> None:
    for source in manifest["sources"].values():
        assert source["description"].strip() and source["source_description"].strip(), source["name"]
        assert all(column["description"].strip() for column in source["columns"].values()), source["name"]


def test_every_mart_keeps_a_contract_with_a_type_for_each_column(tables: dict[str, dict[str, Any]]) -> None:
    marts = [node for node in tables.values() if "marts" in node["fqn"]]
    assert {mart.name for mart in MARTS} < {node["name"] for node in marts}
    for node in marts:
        assert node["contract"]["enforced"], node["name"]
        assert all(column["data_type"] for column in node["columns"].values()), node["name"]


def test_every_model_with_logic_has_a_unit_test(
    manifest: dict[str, Any], tables: dict[str, dict[str, Any]]
) -> None:
    tried = {test["model"] for test in manifest["unit_tests"].values()}
    thoughtful = {name for name, node in tables.items() if {"intermediate", "marts"} & set(node["fqn"])}
    assert thoughtful - tried == RENAMES


def test_every_view_that_consumers_read_is_an_exposure_of_marts(manifest: dict[str, Any]) -> None:
    exposures = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}
    assert set(exposures) == {"recommender", *(f"serving_{relation.name}" for relation in RELATIONS)}
    marts = {f"model.handpick.{mart.name}" for mart in MARTS}
    for exposure in exposures.values():
        assert exposure["description"].strip() and exposure["owner"]["email"], exposure["name"]
        assert set(exposure["depends_on"]["nodes"]) <= marts, exposure["name"]


@pytest.mark.parametrize(("later", "status"), [(0, "pass"), (3, "warn"), (90, "error")])
def test_sources_age_as_of_the_night(two_nights: Nights, later: int, status: str) -> None:
    statuses = freshness(two_nights[1], SECOND + timedelta(days=later))
    assert statuses["source.handpick.valid.events"] == status
    assert "source.handpick.valid.catalog" in statuses
    assert "source.handpick.valid.queries" in statuses


def freshness(night: Night, day: date) -> dict[str, str]:
    """dbt's freshness result of each source as of a day."""
    with set_environment(build_environment(night.settings, day)):
        outcome = run_dbt(night.settings, "source freshness")
    assert isinstance(outcome.result, ExecutionResult)
    return {result.node.unique_id: str(result.status) for result in outcome.result.results}


def test_the_snapshot_keeps_how_long_each_price_held(two_nights: Nights, shop: Shop) -> None:
    kept = warehouse(
        two_nights[1],
        "SELECT item_id, price, dbt_valid_from, dbt_valid_to FROM warehouse.snap_item_offers "
        "ORDER BY item_id, dbt_valid_from",
    )
    fell = midnight(SECOND) + timedelta(hours=6)
    assert [row[1:] for row in kept if row[0] == shop.items[0]] == [
        (100.25, midnight(BEGINNING), fell),
        (77.5, fell, None),
    ]
    assert all(row[3] is None for row in kept if row[0] != shop.items[0])
    assert len(kept) == len(shop.items) + 1


def test_building_all_nights_from_nothing_gives_the_same_marts(two_nights: Nights) -> None:
    night = two_nights[1]
    folders = [night.lake.partition(mart.table, SECOND) for mart in MARTS]
    grown = [digest_files(folder) for folder in folders]
    facts = warehouse(night, "SELECT count(*) FROM warehouse.fct_interactions")
    with set_environment(build_environment(night.settings, SECOND)):
        outcome = run_dbt(night.settings, "build", "--full-refresh", "--exclude-resource-type", "unit_test")
    assert outcome.success, outcome.exception
    write_marts(night)
    assert [digest_files(folder) for folder in folders] == grown
    assert warehouse(night, "SELECT count(*) FROM warehouse.fct_interactions") == facts
    assert FIRST in {day for (day,) in warehouse(night, "SELECT logical_date FROM warehouse.fct_queries")}


def test_every_model_leaves_an_event_that_joins_those_of_the_stages(two_nights: Nights) -> None:
    settings = two_nights[1].settings
    lines = settings.path(settings.lineage.file).read_text().splitlines()
    told = {event["job"]["name"]: event for event in map(json.loads, lines)}
    statistics = told["dbt.mart_item_statistics"]
    assert statistics["eventType"] == "COMPLETE"
    (made,) = statistics["outputs"]
    assert made["name"] == "marts/mart_item_statistics"
    fields = made["facets"]["columnLineage"]["fields"]
    assert {"namespace": "handpick", "name": "dbt.int_item_days_windowed", "field": "rating_sum_all"} in [
        {key: source[key] for key in ("namespace", "name", "field")}
        for source in fields["rating_mean"]["inputFields"]
    ]
    described = {field["name"]: field for field in made["facets"]["schema"]["fields"]}
    assert described["rating_mean"]["type"] == "double" and described["rating_mean"]["description"]
    assert [read["name"] for read in told["dbt.stg_clean__items"]["inputs"]] == ["clean/items"]
    assert {"warehouse", "dbt.snap_item_offers"} <= set(told)
