"""Each rule excludes what it states, counts it, and nothing else; rules that may be relaxed are, in their order."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from handpick.settings.rules import Campaign, NotSold, RulesSettings
from handpick.settings.score import ScoreSettings
from handpick.stages.score.hash_rng import derive_seeds
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.list_generation import FinishedLists, make_lists
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.rerank import PhoneFacts, PlacementSource
from handpick.stages.score.rules import evaluate_rules
from handpick.stages.score.rules.campaigns import list_pins, sum_boosts
from handpick.stages.score.rules.relaxation import find_broken_rules
from models.dataset import Queries
from models.recommender_interface import Factors

from .conftest import AS_OF, ITEMS, TODAY, USERS, MakeShop

FREE = RulesSettings(
    price_band=None, generation=False, not_returned=False, max_per_brand=None, min_items=1, relax=()
)
EVERYBODY = np.arange(USERS)


def plan_of(shop: ScoringData, rules: RulesSettings, **score: Any) -> ListPlan:
    """Make the plan of lists of six phones without diversity, exploration and bonus."""
    brand = np.unique(shop.data.catalogue.brand, return_inverse=True)[1].astype(np.int64)
    plain = {"diversity": 0.0, "explore_share": 0.0, "launch_bonus": 0.0, "n": 6}
    return ListPlan(
        shop=shop,
        rules=evaluate_rules(shop, rules),
        phones=PhoneFacts(np.eye(ITEMS, dtype=np.float32), brand, np.zeros(ITEMS, bool), shop.model),
        score_settings=ScoreSettings(**{**plain, **score}),
        rule_settings=rules,
        boosts=sum_boosts(shop, rules),
        pins=list_pins(shop, rules),
        rng_seeds=derive_seeds(shop.data.users.user_ids, 7, shop.day),
    )


def lists(shop: ScoringData, rules: RulesSettings, **score: Any) -> list[list[int]]:
    """Make all users' lists; the model scores phones in the order of their numbers."""
    return [[int(i) for i in row if i >= 0] for row in made(shop, rules, **score).lists.items]


def made(shop: ScoringData, rules: RulesSettings, **score: Any) -> FinishedLists:
    falling = -np.arange(ITEMS, dtype=np.float32)[:, None]
    return make_lists(
        plan_of(shop, rules, **score), Factors(np.ones((USERS, 1), np.float32), falling), EVERYBODY
    )


def counts(shop: ScoringData, rules: RulesSettings) -> dict[str, int]:
    """Count the exclusions of each rule that excludes anything."""
    return {name: count for name, count in evaluate_rules(shop, rules).count_excluded().items() if count}


def test_without_a_rule_the_best_phones_are_listed(make_shop: MakeShop) -> None:
    assert lists(make_shop(), FREE) == [[0, 1, 2, 3, 4, 5]] * USERS
    assert counts(make_shop(), FREE) == {}


def test_what_is_not_in_stock_is_on_no_list(make_shop: MakeShop) -> None:
    shop = make_shop(is_sellable=~np.isin(np.arange(ITEMS), [1, 3]))
    assert lists(shop, FREE) == [[0, 2, 4, 5, 6, 7]] * USERS
    assert counts(shop, FREE) == {"in_stock": 2 * USERS}


def test_what_is_not_sold_in_a_country_is_on_no_list_there(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(
        update={"not_sold": (NotSold(countries=("CN",), brands=("Aurora",), items=("i01",)),)}
    )
    found = lists(make_shop(), rules)
    for user, country in enumerate(make_shop().data.users.country):
        assert found[user] == ([2, 3, 5, 6, 7, 9] if country == "CN" else [0, 1, 2, 3, 4, 5])
    assert counts(make_shop(), rules) == {"country": 3 * 7}


def test_the_price_band_follows_what_the_user_looks_at_and_owns(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"price_band": (0.5, 2.0)})
    owned = np.full(USERS, -1, np.int64)
    owned[1] = 18  # costs 1000
    shop = make_shop([(0, 8, "view")], owned_item=owned)  # costs 500
    found = lists(shop, rules, n=20)
    prices = [shop.data.catalogue.price[row] for row in found]
    assert 225 < prices[0].min() <= 300 and 900 <= prices[0].max() < 1100
    assert 450 < prices[1].min() <= 550
    assert found[2] == list(range(20)), "nothing is known of the third user's prices"


def test_a_pool_emptied_by_the_maximum_per_brand_is_widened(make_shop: MakeShop) -> None:
    # The best eight phones are two of each brand: one of each leaves half of the list empty.
    shop = make_shop([])
    shop.data.catalogue.brand[:] = np.repeat([f"b{number:02d}" for number in range(12)], 2)
    found = lists(shop, FREE.model_copy(update={"max_per_brand": 1}), candidates=6)
    assert found == [[0, 2, 4, 6, 8, 10]] * USERS


def test_what_is_owned_or_bought_is_not_recommended_in_any_variant(make_shop: MakeShop) -> None:
    owned = np.full(USERS, -1, np.int64)
    owned[0] = 2
    variants = np.full(ITEMS, "", dtype="U10")
    variants[[2, 4]] = "g"
    shop = make_shop([(1, 3, "purchase"), (2, 3, "view")], owned_item=owned, variant_group=variants)
    found = lists(shop, FREE)
    assert found[0] == [0, 1, 3, 5, 6, 7]
    # Of the variants 2 and 4 a list shows the better one.
    assert found[1] == [0, 1, 2, 5, 6, 7]
    assert found[2] == [0, 1, 2, 3, 5, 6]
    assert counts(shop, FREE) == {"not_owned": 3}


def test_what_was_returned_is_not_recommended_again(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"not_returned": True})
    shop = make_shop([(4, 0, "return")])
    assert lists(shop, rules)[4] == [1, 2, 3, 4, 5, 6]
    assert lists(shop, rules)[3] == [0, 1, 2, 3, 4, 5]
    assert counts(shop, rules) == {"not_returned": 1}


def test_excluded_brands_are_on_no_list(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"excluded_brands": ("Boreal", "Dune")})
    assert lists(make_shop(), rules) == [[0, 2, 4, 6, 8, 10]] * USERS
    assert counts(make_shop(), rules) == {"brand_exclusions": 12 * USERS}


def test_nothing_older_than_the_phone_of_the_line_that_one_owns(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"generation": True})
    line, generation = np.full(ITEMS, "", dtype="U10"), np.full(ITEMS, np.nan)
    line[[0, 4, 8, 1]] = "Aria"  # 0, 4 and 8 are of one brand; 1 is another brand's line of the same name
    generation[[0, 4, 8, 1]] = [1, 2, 3, 1]
    owned = np.full(USERS, -1, np.int64)
    owned[0] = 4
    shop = make_shop(owned_item=owned, model_line=line, generation=generation)
    assert lists(shop, rules, n=8)[0] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert lists(shop, rules)[1] == [0, 1, 2, 3, 4, 5]
    assert counts(shop, rules) == {"not_owned": 1, "generation": 1}


def test_restricted_phones_are_only_for_those_who_consented(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"restricted_items": ("i00",)})
    consented = np.ones(USERS, bool)
    consented[5] = False
    shop = make_shop(is_consented=consented)
    assert lists(shop, rules)[5] == [1, 2, 3, 4, 5, 6]
    assert lists(shop, rules)[0] == [0, 1, 2, 3, 4, 5]
    assert counts(shop, rules) == {"consent": 1}


def test_at_most_so_many_phones_of_a_brand(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"max_per_brand": 1})
    found = made(make_shop(), rules, n=4)
    assert found.lists.items.tolist() == [[0, 1, 2, 3]] * USERS
    assert lists(make_shop(), rules, n=6) == [[0, 1, 2, 3]] * USERS, "there are four brands"
    assert found.held_back == USERS * (ITEMS - 4)


@pytest.mark.parametrize(
    ("starts", "ends", "runs"), [(9, 11, True), (10, 10, True), (11, 12, False), (1, 9, False)]
)
def test_a_campaign_boosts_on_its_days_and_in_its_countries(
    make_shop: MakeShop, starts: int, ends: int, *, runs: bool
) -> None:
    campaign = Campaign(
        name="Spring",
        starts_on=date(2026, 3, starts),
        ends_on=date(2026, 3, ends),
        items=("i23",),
        countries=("DE",),
        boost=50,
    )
    found = lists(make_shop(), FREE.model_copy(update={"campaigns": (campaign,)}))
    for user, country in enumerate(make_shop().data.users.country):
        assert (found[user][0] == 23) == (runs and country == "DE")


def test_a_pin_has_its_place_unless_a_rule_that_never_relaxes_forbids_it(make_shop: MakeShop) -> None:
    campaign = Campaign(name="Spring", starts_on=TODAY, ends_on=TODAY, items=("i20",), pin_rank=2)
    owned = np.full(USERS, -1, np.int64)
    owned[3] = 20
    found = made(make_shop(owned_item=owned), FREE.model_copy(update={"campaigns": (campaign,)}))
    assert found.lists.items[0].tolist() == [0, 20, 1, 2, 3, 4]
    assert found.lists.origin[0].tolist() == [0, PlacementSource.CAMPAIGN, 0, 0, 0, 0]
    assert found.lists.items[3].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_pair_counts_for_the_first_rule_that_excludes_it(make_shop: MakeShop) -> None:
    rules = FREE.model_copy(update={"excluded_brands": ("Aurora",)})
    shop = make_shop([(0, 0, "purchase")], is_sellable=np.arange(ITEMS) != 4)
    assert counts(shop, rules) == {"in_stock": USERS, "brand_exclusions": 5 * USERS}


def test_the_counts_of_all_rules_are_the_excluded_pairs(make_shop: MakeShop) -> None:
    rules = RulesSettings(excluded_brands=("Dune",), price_band=(0.5, 1.5), min_items=1, relax=())
    events = [(0, 5, "purchase"), (1, 5, "view"), (2, 9, "purchase"), (2, 9, "return"), (3, 2, "view")]
    shop = make_shop(events, is_sellable=np.arange(ITEMS) % 7 != 4, is_consented=np.arange(USERS) != 1)
    worked = evaluate_rules(shop, rules)
    kind_of, allowed = worked.find_allowed_by_kind()
    left = int((allowed[kind_of] & (worked.find_excluded_pairs().toarray() == 0)).sum())
    assert USERS * ITEMS - sum(worked.count_excluded().values()) == left < USERS * ITEMS


def test_lists_that_are_too_short_relax_rules_in_their_order_and_say_which(make_shop: MakeShop) -> None:
    rules = RulesSettings(
        price_band=(0.9, 1.1),
        generation=False,
        max_per_brand=2,
        min_items=6,
        relax=("price_band", "max_per_brand"),
    )
    shop = make_shop([(0, 8, "view")])
    plan = plan_of(shop, rules)
    falling = -np.arange(ITEMS, dtype=np.float32)[:, None]
    found = make_lists(plan, Factors(np.ones((USERS, 1), np.float32), falling), EVERYBODY)
    said = find_broken_rules(plan, EVERYBODY, found.lists, found.is_added)
    mine = found.lists.items[0].tolist()
    prices = shop.data.catalogue.price[mine]
    inside = [450 <= price <= 550 for price in prices.tolist()]
    assert inside == sorted(inside, reverse=True), "what the rules allow stands first"
    assert {place for row, place in said if row == 0} == {
        place for place, fits in enumerate(inside) if not fits
    }
    assert set(said.values()) == {"price_band"}, "the bound on brands held, so it is not named"
    assert len(mine) == 6
    assert max(np.unique(shop.data.catalogue.brand[mine], return_counts=True)[1]) <= 2


def test_the_next_rule_gives_way_only_where_the_first_was_not_enough(make_shop: MakeShop) -> None:
    rules = RulesSettings(
        price_band=(0.9, 1.1),
        generation=False,
        max_per_brand=1,
        min_items=6,
        relax=("price_band", "max_per_brand"),
    )
    shop = make_shop([(0, 8, "view")])
    plan = plan_of(shop, rules)
    falling = -np.arange(ITEMS, dtype=np.float32)[:, None]
    found = make_lists(plan, Factors(np.ones((USERS, 1), np.float32), falling), EVERYBODY)
    said = find_broken_rules(plan, EVERYBODY, found.lists, found.is_added)
    assert [said.get((0, place), "").split("+")[-1] for place in (4, 5)] == ["max_per_brand"] * 2
    assert (found.lists.items >= 0).sum(axis=1).tolist() == [6] * USERS


def test_rules_that_never_relax_may_leave_a_list_empty(make_shop: MakeShop) -> None:
    shop = make_shop(is_sellable=np.zeros(ITEMS, bool))
    assert lists(shop, RulesSettings()) == [[]] * USERS


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_band": (2.0, 1.0)},
        {"relax": ("in_stock",)},
        {"campaigns": ({"name": "x", "starts_on": "2026-02-02", "ends_on": "2026-02-01"},)},
        {"campaigns": ({"name": "x", "starts_on": "2026-02-01", "ends_on": "2026-02-01", "pin_rank": 1},)},
        {"max_per_brand": 0},
        {"brands": ("Aurora",)},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RulesSettings(**wrong)


@pytest.mark.parametrize(
    ("text", "has_flagship"),
    [
        ("a simple phone for my mum", False),
        ("给爷爷奶奶用的手机", False),
        ("an easy phone, money is no object", True),
        ("a phone for university", True),
    ],
)
def test_who_asks_for_a_simple_phone_gets_no_flagship(
    make_shop: MakeShop, text: str, has_flagship: bool
) -> None:
    queries = Queries(np.zeros(1, np.int64), np.array([AS_OF - 10]), {}, np.array(["q"]), np.array([text]))
    shop = make_shop(queries=queries, price=np.linspace(1500, 100, ITEMS, dtype=np.float32))
    flagships = set(range(5))
    made = lists(shop, RulesSettings(price_band=None))
    assert bool(flagships & set(made[0])) is has_flagship
    assert flagships & set(made[1]), "others keep theirs"
    assert flagships & set(lists(shop, RulesSettings(price_band=None, simple_phone=False))[0])
