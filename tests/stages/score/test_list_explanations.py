"""What is told of a list afterwards is what the night computed: scores, their parts, ranks, and every rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handpick.night import Night
from handpick.settings.load import Settings
from handpick.settings.rules import NotSold
from handpick.stages.score.champion import Champion
from handpick.stages.score.list_explanations import ListFacts, has_list_facts, read_list_facts
from handpick.stages.score.list_facts import FactFolders
from handpick.stages.score.list_tables import PHONE_FACTS, USER_FACTS
from handpick.stages.score.rules import evaluate_rules
from handpick.stages.score.score_night import score_shop
from models.collaborative.als import Als
from models.collaborative.popularity import Popularity
from models.config import AlsConfig, ContentConfig, PopularityConfig
from models.hybrids.segments import list_segments
from models.hybrids.weighted import Blend
from models.topn.pair_scores import compute_exact_scores

from .conftest import ITEMS, TODAY, USERS, made_shop

EVENTS = [(n % 6, (3 * n + n // 5) % ITEMS, kind) for n in range(24) for kind in ("view", "cart")]
RULES: dict[str, Any] = {
    "excluded_brands": ["Dune"],
    "restricted_items": ["i04"],
    "not_sold": [NotSold(countries=["CN"], items=["i05"])],
    "price_band": [0.4, 2.0],
    "max_per_brand": 2,
    "relax": [],
}
Made = tuple[ListFacts, list[dict[str, Any]], Any, Champion, Settings]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A night's facts and lists by a blend of two models, with rules of all kinds."""
    owned = np.full(USERS, -1, np.int64)
    owned[0] = 8
    sellable = np.ones(ITEMS, bool)
    sellable[2] = False
    consented = np.ones(USERS, bool)
    consented[5] = False
    groups = np.full(ITEMS, "", dtype="U10")
    groups[[12, 13]] = "twins"
    shop = made_shop(
        EVENTS, owned_item=owned, is_sellable=sellable, is_consented=consented, variant_group=groups
    )
    members = {
        "als": Als(AlsConfig()).fit(shop.data, 1),
        "popularity": Popularity(PopularityConfig()).fit(shop.data, 1),
    }
    bounds = (0, 1, 5)
    weights = {name: {"als": 0.7, "popularity": 0.3} for name in list_segments(bounds)}
    champion = Champion(Blend(members, weights, bounds), ContentConfig(), 1)
    home: Path = tmp_path_factory.mktemp("facts")
    score = {"n": 5, "candidates": 12, "popular": 6, "similar": 4, "explore_share": 0.2}
    settings = Settings(home=home, score=score, rules=RULES)
    night = Night(settings, TODAY)
    with (
        night.lake.replace_partition(USER_FACTS, TODAY) as users,
        night.lake.replace_partition(PHONE_FACTS, TODAY) as phones,
    ):
        tables, _ = score_shop(shop, champion, night, FactFolders(users, phones))
    found = read_list_facts(night.lake, TODAY, "u0")
    assert found is not None and has_list_facts(night.lake, TODAY)
    assert read_list_facts(night.lake, TODAY, "nobody") is None
    return found[0], tables["recommendations"].to_pylist(), shop, champion, settings


def _rows(lists: list[dict[str, Any]], user: str) -> list[dict[str, Any]]:
    return [row for row in lists if row["user_id"] == user]


def test_the_scores_of_listed_phones_are_those_of_the_list_and_the_sum_of_their_parts(made: Made) -> None:
    facts, lists, shop, _, _ = made
    for user_id in shop.data.users.user_ids.tolist():
        user = facts.find_user(user_id)
        assert user is not None
        scores, _ = facts.compute_scores(user)
        parts = facts.split_scores(user, shop.data.catalogue.item_ids.tolist())
        for row in _rows(lists, user_id):
            item = facts.find_item(row["item_id"])
            assert scores[item] == np.float32(row["score"])
            if user.factors is not None:
                assert {name for name, _ in parts[row["item_id"]]} <= {"als", "popularity"}
                assert sum(part for _, part in parts[row["item_id"]]) == pytest.approx(row["score"], abs=1e-5)
    assert facts.find_user("nobody") is None
    assert facts.find_item("nothing") is None


def test_every_phone_that_is_not_on_a_list_has_its_rules_or_its_rank(made: Made) -> None:
    facts, lists, shop, champion, settings = made
    rules = evaluate_rules(shop, settings.rules)
    kind_of, by_kind = rules.find_allowed_by_kind()
    pairs = rules.find_excluded_pairs().toarray() != 0
    seen: set[str] = set()
    for number, user_id in enumerate(shop.data.users.user_ids.tolist()):
        user, rows = facts.find_user(user_id), _rows(lists, user_id)
        assert user is not None
        allowed = by_kind[kind_of[number]] & ~pairs[number]
        if user.factors is not None:
            one = champion.factors(shop.data, np.array([number]))
            columns = np.arange(ITEMS)
            scores = compute_exact_scores(one.users, one.items, np.zeros(ITEMS, np.int64), columns)
            order = [item for item in np.lexsort((columns, -scores)) if allowed[item]]
        for item, item_id in enumerate(shop.data.catalogue.item_ids.tolist()):
            if item_id in {row["item_id"] for row in rows}:
                continue
            found = facts.explain_absence(user, item_id, rows)
            assert found is not None and found.reasons
            assert found.allowed == allowed.sum()
            assert (found.rank is None) == (not allowed[item])
            seen |= set(found.rules)
            if found.rank is not None and user.factors is not None:
                assert order[found.rank - 1] == item
                assert f"number {found.rank}" in found.reasons[-1]
    assert seen == {
        "in_stock", "brand_exclusions", "country", "consent", "price_band", "not_owned", "max_per_brand"
    }  # fmt: skip


def test_a_variant_of_a_listed_phone_is_told_from_a_phone_with_a_low_score(made: Made) -> None:
    facts, lists, _, _, _ = made
    told = 0
    for user_id in sorted({row["user_id"] for row in lists}):
        rows = _rows(lists, user_id)
        listed = {row["item_id"] for row in rows}
        user = facts.find_user(user_id)
        assert user is not None
        for one, other in (("i12", "i13"), ("i13", "i12")):
            if one in listed:
                continue
            found = facts.explain_absence(user, one, rows)
            if other in listed and found is not None and not found.rules:
                assert "each model once" in found.reasons[0]
                told += 1
            elif found is not None:
                assert "each model once" not in " ".join(found.reasons)
    assert told


def test_nights_of_earlier_releases_have_no_facts(tmp_path: Path) -> None:
    night = Night(Settings(home=tmp_path), TODAY)
    assert not has_list_facts(night.lake, TODAY)
    assert read_list_facts(night.lake, TODAY, "u0") is None
