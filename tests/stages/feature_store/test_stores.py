"""Online stores that write columns: Feast's own stores read the same values from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stages.feature_store.conftest import settings_in
from tests.stages.feature_store.servers import has_redis, redis_server

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
TYPES = {
    "count": (pa.int64(), "Int64"),
    "small": (pa.int32(), "Int32"),
    "price": (pa.float64(), "Float64"),
    "rate": (pa.float32(), "Float32"),
    "flag": (pa.bool_(), "Bool"),
    "brand": (pa.string(), "String"),
    "seen_at": (pa.timestamp("us", "UTC"), "UnixTimestamp"),
    "vector": (pa.list_(pa.float32()), "Array(Float32)"),
    "tags": (pa.list_(pa.string()), "Array(String)"),
}
# Integers beyond 2**53 would not survive the way that Feast itself writes columns with missing values:
# through pandas, nor would a missing moment, which it writes as one in the year -292277022657.
ROWS: list[dict[str, Any]] = [
    {"user_id": "ü-1", "count": 0, "small": -1, "price": 0.0, "rate": 0.5, "flag": False, "brand": "", "seen_at": EARLIER, "vector": [0.0, -1.5], "tags": ["a", "ö"]},
    {"user_id": "u2", "count": -(2**53), "small": 2**31 - 1, "price": -1e308, "rate": -0.25, "flag": True, "brand": "Bränd\n'\"", "seen_at": datetime(1969, 1, 1, tzinfo=UTC), "vector": [1.0] * 384, "tags": ["x"]},
    {"user_id": "nothing", "seen_at": NOW},
    {"user_id": "u" * 300, "count": 2**53, "price": 7.0, "brand": "x" * 200, "vector": [3.0], "seen_at": NOW},
]  # fmt: skip


def view() -> Any:
    """A view with a feature of every kind."""
    import feast.types as kinds
    from feast import Entity, FeatureView, Field, ValueType

    from features.sources import _make_source

    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    fields = [Field(name=name, dtype=eval(kind, vars(kinds))) for name, (_, kind) in TYPES.items()]
    return [
        user,
        FeatureView(name="everything", entities=[user], schema=fields, source=_make_source("everything", "")),
    ]


def store(folder: Path, online: dict[str, Any], fast: bool) -> Any:
    """A Feast store over the lake in a folder, with the batch engine of its kind."""
    from feast import FeatureStore, RepoConfig

    engine = "features.stores.engine.ArrowComputeEngine" if fast else "local"
    return FeatureStore(
        config=RepoConfig(
            project="shop", provider="local", registry=str(folder / f"{fast}.db"), online_store=online, repo_path=folder,
            offline_store={"type": "features.stores.offline.LakeDuckDBOfflineStore", "root": str(folder)},
            batch_engine={"type": engine}, entity_key_serialization_version=3,
        )
    )  # fmt: skip


def arrive(folder: Path, rows: list[dict[str, Any]], moment: datetime) -> None:
    """Another night's partition of the source."""
    schema = pa.schema(
        [
            ("user_id", pa.string()),
            ("event_timestamp", pa.timestamp("us", "UTC")),
            *((name, kind) for name, (kind, _) in TYPES.items()),
        ]
    )
    target = folder / "features" / "sources" / "everything" / f"logical_date={moment:%Y-%m-%d}"
    target.mkdir(parents=True)
    pq.write_table(
        pa.Table.from_pylist([{**row, "event_timestamp": moment} for row in rows], schema),
        target / "a.parquet",
    )


def read(feast_store: Any, ids: list[str]) -> dict[str, list[Any]]:
    """The result of `get_online_features`, with the status of every value."""
    response = feast_store.get_online_features(
        [f"everything:{name}" for name in TYPES], [{"user_id": one} for one in ids]
    )
    names = response.proto.metadata.feature_names.val
    return {
        name: [
            (value.SerializeToString(), status, stamp.ToNanoseconds() if name != "user_id" else 0)
            for value, status, stamp in zip(
                result.values, result.statuses, result.event_timestamps, strict=True
            )
        ]
        for name, result in zip(names, response.proto.results, strict=True)
    }


@pytest.fixture(scope="module", params=["sqlite", "redis", "postgres"])
def kinds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any]]:
    """Functions that return the fast and Feast's own configuration of a store, each with its own database."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        yield (
            lambda base: {
                "type": "features.stores.sqlite.FastSqliteOnlineStore",
                "path": str(base / "online.db"),
            },
            lambda base: {"type": "sqlite", "path": str(base / "online.db")},
        )
    elif request.param == "redis":
        if not has_redis():
            pytest.skip("redis-server is not installed: the Redis store is not tested")
        with redis_server(folder) as address:
            numbers = iter(range(16))
            bases: dict[Path, int] = {}

            def address_of(base: Path) -> str:
                return f"{address},db={bases.setdefault(base, next(numbers)) if base not in bases else bases[base]}"

            yield (
                lambda base: {
                    "type": "features.stores.redis.FastRedisOnlineStore",
                    "connection_string": address_of(base),
                },
                lambda base: {"type": "redis", "connection_string": address_of(base)},
            )
    else:
        from handpick.serving.embedded import stop_embedded
        from handpick.stages.feature_store.feast_store import build_configuration

        chosen = settings_in(folder, online_store="postgres")
        parts = build_configuration(chosen)["online_store"]
        yield (
            lambda base: {**parts, "db_schema": base.name.replace("-", "_")},
            lambda base: {**parts, "db_schema": base.name.replace("-", "_"), "type": "postgres"},
        )
        stop_embedded(chosen)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with one night of a source."""
    arrive(tmp_path, ROWS, EARLIER)
    return tmp_path


def test_feasts_own_store_reads_what_the_fast_one_wrote(kinds: tuple[Any, Any], base: Path) -> None:
    fast = store(base, kinds[0](base), fast=True)
    fast.apply(view())
    fast.materialize(EARLIER, NOW)
    ids = [row["user_id"] for row in ROWS] + ["nobody"]
    stock = store(base, kinds[1](base), fast=False)
    stock.registry.apply_project(fast.get_project("shop"), commit=False)
    for thing in view():
        (
            stock.registry.apply_entity
            if type(thing).__name__ == "Entity"
            else stock.registry.apply_feature_view
        )(thing, "shop")
    answer = read(fast, ids)
    assert read(stock, ids) == answer
    other = base.with_name(base.name + "_stock")
    other.mkdir()
    (other / "features").symlink_to(base / "features")
    own = store(other, kinds[1](other), fast=False)
    if kinds[1](other)["type"] == "postgres":
        _make_schema(kinds[1](other))
    own.apply(view())
    own.materialize(EARLIER, NOW)
    assert read(own, ids) == answer


def _make_schema(online: dict[str, Any]) -> None:
    import psycopg

    with psycopg.connect(
        host=online["host"], port=online["port"], dbname=online["database"], user=online["user"]
    ) as connection:
        connection.execute(f'CREATE SCHEMA "{online["db_schema"]}"')


def test_an_erased_entity_is_gone_and_the_others_stay(kinds: tuple[Any, Any], base: Path) -> None:
    fast = store(base, kinds[0](base), fast=True)
    fast.apply(view())
    fast.materialize(EARLIER, NOW)
    ids = [row["user_id"] for row in ROWS]
    before = read(fast, ids)
    known, online = fast.get_feature_view("everything"), fast._get_provider().online_store
    assert online.delete_entity(fast.config, known, ids[1]) == 1
    assert online.delete_entity(fast.config, known, ids[1]) == 0
    after = read(fast, ids)
    # Stores say differently that they know nobody: Redis with an empty value, the others with a status.
    unknown = read(fast, ["nobody"])["brand"][0]
    assert before["brand"][1] != unknown == after["brand"][1]
    assert [after["brand"][place] for place in (0, 2)] == [before["brand"][place] for place in (0, 2)]


def test_a_second_materialization_replaces_what_arrived_and_keeps_the_rest(
    kinds: tuple[Any, Any], base: Path
) -> None:
    fast = store(base, kinds[0](base), fast=True)
    fast.apply(view())
    fast.materialize(EARLIER, EARLIER)
    arrive(base, [{**ROWS[1], "count": 5, "brand": None}], NOW)
    fast.materialize(NOW, NOW)
    answer = fast.get_online_features(
        ["everything:count", "everything:brand"], [{"user_id": "u2"}, {"user_id": "ü-1"}]
    )
    assert answer.to_dict() == {"user_id": ["u2", "ü-1"], "count": [5, 0], "brand": [None, ""]}


def test_pushed_rows_are_written_beside_materialized_ones(kinds: tuple[Any, Any], base: Path) -> None:
    import pandas as pd

    fast = store(base, kinds[0](base), fast=True)
    fast.apply(view())
    fast.materialize(EARLIER, EARLIER)
    frame = pd.DataFrame([{**ROWS[0], "user_id": "pushed", "event_timestamp": NOW}])
    fast.write_to_online_store("everything", frame)
    answer = fast.get_online_features(
        ["everything:brand", "everything:price"], [{"user_id": "pushed"}, {"user_id": "u2"}]
    ).to_dict()
    assert answer["price"] == [0.0, -1e308]


def test_a_view_that_gains_a_feature_keeps_the_others(kinds: tuple[Any, Any], base: Path) -> None:
    from feast import FeatureView

    user, whole = view()
    slim = FeatureView(
        name=whole.name,
        entities=[user],
        schema=[field for field in whole.features if field.name == "count"],
        source=whole.batch_source,
    )
    fast = store(base, kinds[0](base), fast=True)
    fast.apply([user, slim])
    fast.materialize(EARLIER, NOW)
    fast.apply([user, whole])
    assert fast.get_online_features(["everything:count"], [{"user_id": "ü-1"}]).to_dict()["count"] == [0]
    fast.materialize(EARLIER, NOW + timedelta(days=1))


NUMBERS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
FLOATS = st.one_of(st.none(), st.floats(allow_nan=True))
TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))
LISTS = st.one_of(st.none(), st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=200))


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just("INT64"), st.just(pa.int64()), st.lists(NUMBERS)),
        st.tuples(st.just("DOUBLE"), st.just(pa.float64()), st.lists(FLOATS)),
        st.tuples(st.just("STRING"), st.just(pa.string()), st.lists(TEXTS)),
        st.tuples(st.just("FLOAT_LIST"), st.just(pa.list_(pa.float32())), st.lists(LISTS)),
    )
)
def test_columns_are_encoded_as_feast_encodes_values(case: tuple[str, pa.DataType, list[Any]]) -> None:
    from feast.type_map import python_values_to_proto_values
    from feast.value_type import ValueType

    from features.stores.columns import encode_column

    name, kind, values = case
    expected = [
        message.SerializeToString()
        for value in values
        for message in python_values_to_proto_values([value], ValueType[name])
    ]
    assert encode_column(pa.array(values, kind), ValueType[name]) == expected
