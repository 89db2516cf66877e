"""The feature store stage over two nights: tables, training rows, the online store, the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handpick.dataset.feature_columns import TRAINING_SCHEMA, USER_COLUMNS
from handpick.errors import HandpickError
from handpick.lake.partitions import digest_files
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.stages.feature_store import run
from handpick.stages.feature_store.feast_store import FeatureStoreError, open_store
from handpick.stages.feature_store.public import find_damaged_files
from tests.stages.feature_store.conftest import FIRST, SECOND, Nights, Shop, read_training, settings_in


def online(night: Night, view: str, key: str, ids: list[str]) -> dict[str, list[object]]:
    """Online features of some entities, read by Feast."""
    store = open_store(night.settings)
    features = [f"{view}:{field.name}" for field in store.get_feature_view(view).features]
    answer: dict[str, list[object]] = store.get_online_features(
        features, [{key: one} for one in ids]
    ).to_dict()
    return answer


def test_the_second_night_writes_only_what_is_new(two_nights: Nights) -> None:
    for night, since in zip(two_nights, (None, SECOND), strict=True):
        facts = night.lake.read_through("marts/fct_interactions", night.logical_date, since=since)
        shown = {row["event_id"] for row in facts.to_pylist() if (row["weight"] or 0) > 0}
        rows = night.lake.read("features/training", night.logical_date).to_pylist()
        assert {row["event_id"] for row in rows} == shown != set()
        keys = [(row["user_id"], row["event_timestamp"], row["event_id"]) for row in rows]
        assert keys == sorted(set(keys))


def test_rows_joined_in_batches_are_the_same(two_nights: Nights, shop: Shop, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    few = settings.features.model_copy(update={"training_batch_rows": 50})
    night = Night(settings.model_copy(update={"features": few}), FIRST)
    shop.write(night)
    whole = two_nights[0].lake.read("features/training", FIRST)
    assert whole.num_rows > 150
    run(night)
    assert night.lake.read("features/training", FIRST) == whole


def test_what_a_night_without_features_brought_is_joined_by_the_next(shop: Shop, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    shop.write(Night(settings, FIRST))
    shop.write(Night(settings, SECOND))
    late = Night(settings, SECOND)
    run(late)
    assert len(read_training(late)) == sum(event[2] != "query" for event in shop.events)


def test_the_tables_of_a_night_are_as_of_its_end(two_nights: Nights, shop: Shop) -> None:
    for night in two_nights:
        users = night.lake.read("features/users", night.logical_date)
        assert users.column_names == ["user_id", *USER_COLUMNS]
        assert users["user_id"].to_pylist() == shop.users
        for row in users.to_pylist():
            assert row == pytest.approx(
                {"user_id": row["user_id"], **shop.activity(row["user_id"], night.as_of)}
            )
        assert night.lake.read("features/items", night.logical_date)["item_id"].to_pylist() == shop.items
    assert night.lake.read("features/training", SECOND).schema == TRAINING_SCHEMA


def test_looking_up_gives_the_second_night(two_nights: Nights, shop: Shop) -> None:
    answer = online(two_nights[1], "user_activity", "user_id", shop.users)
    for place, user in enumerate(shop.users):
        expected = shop.activity(user, two_nights[1].as_of)
        idle = expected.pop("days_since_last_event")
        assert {name: answer[name][place] for name in expected} == pytest.approx(expected)
        last = answer["last_active_at"][place]
        assert last == (None if idle is None else two_nights[1].as_of - timedelta(days=int(str(idle))))


def test_only_what_changed_is_written_on_the_second_night(
    two_nights: Nights, shop: Shop, result: StageResult
) -> None:
    flows = {flow.source: flow for flow in result.flows}
    before, after = ([shop.activity(user, night.as_of) for user in shop.users] for night in two_nights)
    drifted = sum(
        {**old, "days_since_last_event": 0} != {**new, "days_since_last_event": 0}
        for old, new in zip(before, after, strict=True)
    )
    assert flows["online user_activity"].rows_out == drifted < len(shop.users)
    assert flows["online item_content"].rows_out == 1
    assert flows["online item_offer"].rows_out == 1


@pytest.fixture(scope="module")
def result(two_nights: Nights) -> StageResult:
    """The second night, run again."""
    return run(two_nights[1])


def test_running_a_night_again_gives_the_same_bytes(two_nights: Nights, result: StageResult) -> None:
    second = two_nights[1]
    folders = [second.lake.partition(f"features/{table}", SECOND) for table in ("users", "items", "training")]
    before = [digest_files(folder) for folder in folders]
    assert run(second).digest == result.digest
    assert [digest_files(folder) for folder in folders] == before


def test_an_old_night_sees_what_it_saw_then(two_nights: Nights) -> None:
    first = two_nights[0]
    before = digest_files(first.lake.partition("features/training", FIRST))
    run(first)
    assert digest_files(first.lake.partition("features/training", FIRST)) == before
    run(two_nights[1])


def test_a_store_that_was_lost_is_written_in_full(two_nights: Nights, shop: Shop) -> None:
    second = two_nights[1]
    (second.settings.path(second.settings.features.path) / "online.db").unlink()
    flows = {flow.source: flow for flow in run(second).flows}
    assert flows["online user_activity"].rows_out == len(shop.users)
    assert online(second, "user_activity", "user_id", shop.users[:1])["view_count_all"] != [None]


@pytest.mark.parametrize("name", ["registry.db", "online.db"])
def test_a_damaged_file_of_the_store_is_made_anew(
    two_nights: Nights, shop: Shop, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    second = two_nights[1]
    file = second.settings.path(second.settings.features.path) / name
    content = bytearray(file.read_bytes())
    for place in range(0, len(content), 97):
        content[place] ^= 0x55
    file.write_bytes(content)
    assert list(find_damaged_files(second.settings)) == [file]
    run(second)
    assert f"{name} cannot be read" in capsys.readouterr().err
    assert find_damaged_files(second.settings) == {}
    assert online(second, "user_activity", "user_id", shop.users[:1])["view_count_all"] != [None]


def test_the_ledger_counts_what_shows_no_preference(result: StageResult) -> None:
    flow = next(flow for flow in result.flows if flow.source == "training rows")
    assert flow.dropped == {"no preference shown": 1}


def test_vectors_come_back_as_they_were_encoded(two_nights: Nights, shop: Shop) -> None:
    content = two_nights[1].lake.read("embeddings/items", SECOND).to_pylist()
    answer = online(two_nights[1], "item_content", "item_id", shop.items)
    assert answer["text"] == [row["text"] for row in content]
    assert answer["image"] == [row["image"] for row in content]


def test_queries_are_averaged_over_all_that_a_user_asked(two_nights: Nights, shop: Shop) -> None:
    vectors = {
        row["query_id"]: row["text"]
        for row in two_nights[1].lake.read("embeddings/queries", SECOND).to_pylist()
    }
    user = next(event[0] for event in shop.events if event[2] == "query")
    own = [
        vectors[f"q{place:05d}"]
        for place, event in enumerate(shop.events)
        if event[0] == user and event[2] == "query"
    ]
    mean = [sum(column) / len(own) for column in zip(*own, strict=True)]
    assert online(two_nights[1], "user_queries", "user_id", [user])["query_text"][0] == pytest.approx(
        mean, rel=1e-5
    )


def test_on_demand_features_are_computed_when_asked(two_nights: Nights, shop: Shop) -> None:
    store = open_store(two_nights[1].settings)
    rows = [
        {
            "user_id": shop.users[0],
            "item_id": shop.items[0],
            "scored_at": datetime(2026, 3, 5, 12, tzinfo=UTC),
        }
    ]
    # Users and phones both have view counts, so the service is asked for full names.
    answer = store.get_online_features(
        store.get_feature_service("fusion_v1"), rows, full_feature_names=True
    ).to_dict()
    assert answer["at_scoring__days_since_last_event"] == [2.0]
    assert answer["at_scoring__phone_age_days"] == [63.5]
    assert answer["at_scoring__price_gap_to_owned"] == pytest.approx([(77.0 - 150.0) / 150.0])


def test_an_online_store_that_does_not_answer_is_one_line(tmp_path: Path, shop: Shop) -> None:
    night = Night(settings_in(tmp_path, online_store="redis", redis="127.0.0.1:1"), FIRST)
    shop.write(night)
    with pytest.raises(FeatureStoreError, match="redis online store reported"):
        run(night)
    assert issubclass(FeatureStoreError, HandpickError)
