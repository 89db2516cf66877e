"""The three kinds of lists: by the model or popularity, popular phones, similar phones; each row names its source."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.score.champion import PopularityOnly
from handpick.stages.score.score_night import score_shop
from handpick.stages.score.similar_items import build_similar_lists
from handpick.stages.score.variants import VariantNamer
from models.dataset import Dataset, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors

from .conftest import ITEMS, TODAY, MakeShop

EVENTS = [(0, 3, "view"), (0, 3, "view"), (3, 3, "view"), (1, 7, "purchase"), (2, 9, "cart"), (4, 2, "view")]


@dataclass(frozen=True)
class Taste:
    """Scores by users' events plus a preference for phones of high number; cannot score users without events."""

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        events = data.interactions.positive()
        mine = np.zeros((len(data.users), ITEMS), np.float32)
        np.add.at(mine, (events.user, events.item), events.weight)
        side = np.where(np.eye(ITEMS) > 0, 2, np.arange(ITEMS)[None, :] / ITEMS).astype(np.float32)
        return Factors(mine[users], np.ascontiguousarray(side.T))

    def name_sources(self, data: Dataset, users: IntArray) -> StringArray:
        return np.where(np.isin(users, data.interactions.positive().user), "taste", "")

    def item_vectors(self, data: Dataset) -> FloatArray:  # noqa: ARG002
        angle = np.arange(ITEMS) / ITEMS
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def tables(shop: Any, home: Path, **score: Any) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    plain = {"n": 5, "popular": 6, "similar": 4, "explore_share": 0.0, "popular_min_people": 1}
    rules = {"price_band": None, "min_items": 5}
    settings = Settings(home=home, score={**plain, **score}, rules=rules)
    return score_shop(shop, Taste(), Night(settings, TODAY))


def rows_of(table: pa.Table, name: str, value: str) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row[name] == value]


def test_the_source_says_where_in_the_chain_of_fallbacks_a_user_stands(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    consented = np.ones(8, bool)
    consented[4] = False
    made, notes = tables(make_shop(EVENTS, is_consented=consented), tmp_path)
    lists = made["recommendations"]
    sources = {
        user: {row["source"] for row in rows_of(lists, "user_id", user)} for user in ("u0", "u4", "u5")
    }
    assert sources == {"u0": {"taste"}, "u4": {"popularity"}, "u5": {"popularity"}}
    assert notes["users_listed"] == 8
    assert notes["rows_by_source"] == {"popularity": 20, "taste": 20}
    # Only what somebody there looked at is popular there; phones that fill up the list say less.
    everybody, nobody = {"popular with our customers", "from our range"}, {"广受顾客欢迎", "本店在售"}
    reasons = [{row["reason"] for row in rows_of(lists, "user_id", user)} for user in ("u4", "u5")]
    assert "popular in China" in reasons[0] and reasons[0] <= {"popular in China", *everybody}
    assert "在美国热销" in reasons[1] and reasons[1] <= {"在美国热销", *nobody}


def test_a_shop_without_customers_has_lists_of_popular_and_similar_phones(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop(is_sellable=np.arange(ITEMS) > 2)
    nobody = replace(
        shop.data.users,
        **{field.name: getattr(shop.data.users, field.name)[:0] for field in fields(shop.data.users)},
    )
    made, _ = tables(replace(shop, data=replace(shop.data, users=nobody)), tmp_path)
    usual, _ = tables(make_shop(EVENTS), tmp_path)
    assert made["recommendations"].schema == usual["recommendations"].schema
    assert made["recommendations"].num_rows == 0
    assert made["popular_items"].num_rows and made["similar_items"].num_rows
    assert not {"i00", "i01", "i02"} & set(made["popular_items"]["item_id"].to_pylist()), "sold out"


def test_where_no_model_may_score_all_lists_are_full_and_by_popularity(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, score={"n": 5, "explore_share": 0.0}, rules={"price_band": None})
    scorer = PopularityOnly(settings.family.content, 7)
    made, notes = score_shop(make_shop(EVENTS), scorer, Night(settings, TODAY))
    assert set(made["recommendations"]["source"].to_pylist()) == {"popularity"}
    assert notes["users_listed"] == 8 and len(made["recommendations"]) == 8 * 5
    assert len(made["similar_items"]) > 0


def test_models_stand_once_on_popular_and_similar_lists(make_shop: MakeShop, tmp_path: Path) -> None:
    groups = np.array([f"m{number // 3}" for number in range(ITEMS)], dtype="U10")
    made, _ = tables(make_shop(EVENTS, variant_group=groups), tmp_path)
    for name, key, item in (("popular_items", "segment", "item_id"), ("similar_items", "item_id", "similar_item_id"),
                            ("recommendations", "user_id", "item_id")):  # fmt: skip
        listed: dict[str, list[int]] = {}
        for row in made[name].to_pylist():
            listed.setdefault(row[key], []).append(int(row[item][1:]) // 3)
        assert listed and all(len(models) == len(set(models)) for models in listed.values()), name


def test_a_row_names_the_variants_of_its_model_unless_each_is_a_phone_of_its_own(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    groups = np.array([f"m{number // 3}" for number in range(ITEMS)], dtype="U10")
    shop = make_shop(EVENTS, variant_group=groups, is_sellable=np.arange(ITEMS) != 0)
    made, _ = tables(shop, tmp_path)
    for name, item in (
        ("recommendations", "item_id"),
        ("popular_items", "item_id"),
        ("similar_items", "similar_item_id"),
    ):
        for row in made[name].to_pylist():
            number = int(row[item][1:])
            same = {
                other for other in range(number // 3 * 3, number // 3 * 3 + 3) if other not in (0, number)
            }
            assert row["phone_variants"] == " | ".join(sorted(map(str, same))), (name, number)
    assert set(tables(make_shop(EVENTS), tmp_path)[0]["recommendations"]["phone_variants"].to_pylist()) == {
        None
    }


def test_who_did_not_consent_gets_what_is_popular_whatever_they_did(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    consented = np.ones(8, bool)
    consented[4] = False
    did, did_not = (
        tables(make_shop(events, is_consented=consented), tmp_path)[0]["recommendations"]
        for events in (EVENTS, [*EVENTS[:-1], (7, 2, "view")])
    )
    assert rows_of(did, "user_id", "u4") == rows_of(did_not, "user_id", "u4")


def test_popular_lists_are_there_for_all_and_each_country_of_what_anybody_may_see(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop(EVENTS, is_sellable=np.arange(ITEMS) != 9)
    popular = tables(shop, tmp_path)[0]["popular_items"]
    assert sorted(set(popular["segment"].to_pylist())) == ["CN", "DE", "US", "all"]
    for segment, first in [("all", "i07"), ("DE", "i03"), ("CN", "i07")]:
        rows = rows_of(popular, "segment", segment)
        assert rows[0]["item_id"] == first
        assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert "i09" not in popular["item_id"].to_pylist()


def test_similar_phones_are_near_sellable_and_no_variants(make_shop: MakeShop) -> None:
    variants = np.full(ITEMS, "", dtype="U10")
    variants[[10, 11]] = "g"
    shop = make_shop(variant_group=variants, is_sellable=np.arange(ITEMS) != 12)
    namer = VariantNamer(shop, np.ones((3, ITEMS), bool))
    table = build_similar_lists(shop, Taste().item_vectors(shop.data), 3, "en", "EUR", namer)
    assert [row["similar_item_id"] for row in rows_of(table, "item_id", "i10")] == ["i09", "i08", "i13"]
    assert [row["rank"] for row in rows_of(table, "item_id", "i10")] == [1, 2, 3]
    assert len(table) == ITEMS * 3, "also of a phone that is sold out, for those who look at it"
    assert rows_of(table, "item_id", "i04")[0]["score"] > rows_of(table, "item_id", "i04")[2]["score"]


@pytest.mark.parametrize("block", [1, 3, 4096])
def test_lists_are_the_same_whatever_the_block(make_shop: MakeShop, tmp_path: Path, block: int) -> None:
    options: dict[str, Any] = {"explore_share": 0.4, "explore_from_rank": 1, "diversity": 0.2}
    whole, _ = tables(make_shop(EVENTS), tmp_path, **options)
    for bound in ("rerank_batch_users", "scoring_batch_users"):
        parts, _ = tables(make_shop(EVENTS), tmp_path, **{bound: block}, **options)
        assert all(whole[name].equals(parts[name]) for name in whole), bound


def test_no_more_users_are_scored_at_a_time_than_may_be(make_shop: MakeShop, tmp_path: Path) -> None:
    asked = []

    class Counting(Taste):
        def factors(self, data: Dataset, users: IntArray) -> Factors:
            asked.append(len(users))
            return super().factors(data, users)

    consented = np.ones(8, bool)
    consented[1] = False
    settings = Settings(home=tmp_path, score={"scoring_batch_users": 2})
    shop = make_shop(EVENTS, is_consented=consented)
    made, notes = score_shop(shop, Counting(), Night(settings, TODAY))
    assert set(asked) == {2}
    assert notes["users_listed"] == 8
    assert made["recommendations"]["user_id"].to_pylist() == sorted(
        made["recommendations"]["user_id"].to_pylist()
    )


def test_another_night_explores_otherwise(make_shop: MakeShop, tmp_path: Path) -> None:
    options: dict[str, Any] = {"explore_share": 0.5, "explore_from_rank": 1}
    settings = Settings(home=tmp_path, score=options)
    night = Night(settings, TODAY)
    tonight, _ = score_shop(make_shop(EVENTS), Taste(), night)
    shop = make_shop(EVENTS)
    other, _ = score_shop(shop, Taste(), replace(night, logical_date=TODAY.replace(day=11)))
    assert not tonight["recommendations"].equals(other["recommendations"])
