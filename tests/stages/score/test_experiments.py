"""Users of a variant get its lists in the same tables, all others those that they had without an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from handpick.dataset.experiments.actions import record_action
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.gate.decision_record import Decision, write_decision
from handpick.stages.gate.experiments import follow_experiments
from handpick.stages.score.champion import Champion
from handpick.stages.score.score_night import score_shop
from models.collaborative.popularity import Popularity
from models.config import ContentConfig, FamilyConfig
from models.content import ContentBased
from models.hybrids.segments import list_segments
from models.hybrids.weighted import Blend

from .conftest import TODAY, MakeShop

EVENTS = [(user, 3 * user % 24, kind) for user in range(8) for kind in ("view", "purchase")]
SAID: dict[str, Any] = {"who": "Ada", "why": "a try"}
CONTROL = {"name": "control", "share": 0.5}


def make_settings(home: Path, *variants: dict[str, Any], **gate: Any) -> Settings:
    experiments = [
        {
            "name": "tried",
            "starts_on": TODAY,
            "ends_on": TODAY,
            "variants": [CONTROL, one],
            "layer": f"l{place}",
        }
        for place, one in enumerate(variants)
    ]
    for place, one in enumerate(experiments):
        one["name"] = f"tried{place or ''}"
    plain = {"n": 5, "popular": 6, "similar": 4, "explore_share": 0.0, "popular_min_people": 1}
    rules = {"price_band": None, "min_items": 5, "generation": False}
    return Settings(home=home, score=plain, rules=rules, gate=gate, experiments=experiments)


def make_lists(settings: Settings, shop: Any) -> tuple[pa.Table, dict[str, Any]]:
    members = {
        "content": ContentBased(ContentConfig()).fit(shop.data, 7),
        "popularity": Popularity(FamilyConfig().popularity).fit(shop.data, 7),
    }
    weights = {name: {"content": 1.0} for name in list_segments((0, 1))}
    champion = Champion(Blend(members, weights, (0, 1)), ContentConfig(), 7)
    made, notes = score_shop(shop, champion, Night(settings, TODAY))
    return made["recommendations"], notes


def of_variant(rows: pa.Table, variant: str | None) -> pa.Table:
    column = rows["variant"]
    kept = rows.filter(
        pc.is_null(column) if variant is None else pc.fill_null(pc.equal(column, variant), False)
    )
    return kept.drop_columns(["experiment", "variant"])


def start_all(settings: Settings) -> None:
    for one in settings.experiments:
        record_action(settings, one.name, "start", **SAID)


def test_only_the_treated_users_have_other_lists(make_shop: MakeShop, tmp_path: Path) -> None:
    shop = make_shop(EVENTS)
    settings = make_settings(tmp_path, {"name": "popular", "share": 0.5, "is_holdout": True})
    before, notes = make_lists(settings, shop)  # declared, not started
    assert before["experiment"].null_count == len(before)
    assert "experiments" not in notes
    start_all(settings)
    rows, notes = make_lists(settings, shop)
    assert rows.select(["user_id", "rank"]).equals(before.select(["user_id", "rank"]))
    sizes = notes["experiments"]["tried"]
    assert sum(sizes.values()) == 8
    assert min(sizes.values()) > 0
    control, treated = of_variant(rows, "control"), of_variant(rows, "popular")
    untouched = before.filter(pc.is_in(before["user_id"], control["user_id"])).drop_columns(
        ["experiment", "variant"]
    )
    assert control.equals(untouched)
    assert set(treated["source"].to_pylist()) == {"popularity"}


@pytest.mark.parametrize(
    ("variant", "source"),
    [
        ({"model": "popularity"}, {"popularity"}),
        ({"blend": {"content": 0.3, "popularity": 0.7}}, {"popularity+content"}),
        ({"rules": {"excluded_brands": ["Aurora", "Boreal"]}}, {"content"}),
        ({"rerank": {"explore_share": 0.99, "explore_from_rank": 1}}, {"exploration"}),
    ],
)
def test_a_variant_is_a_model_a_blend_rules_or_a_reranking(
    make_shop: MakeShop, tmp_path: Path, variant: dict[str, Any], source: set[str]
) -> None:
    settings = make_settings(tmp_path, {"name": "other", "share": 0.5, **variant})
    start_all(settings)
    rows, _ = make_lists(settings, make_shop(EVENTS))
    treated = of_variant(rows, "other")
    assert source <= set(treated["source"].to_pylist())
    brands = {int(item[1:]) % 4 for item in treated["item_id"].to_pylist()}
    assert ("rules" in variant) == (brands <= {2, 3})
    assert set(of_variant(rows, "control")["source"].to_pylist()) == {"content"}


def test_layers_cross_and_both_treatments_hold(make_shop: MakeShop, tmp_path: Path) -> None:
    settings = make_settings(
        tmp_path,
        {"name": "popular", "share": 0.5, "is_holdout": True},
        {"name": "two-brands", "share": 0.5, "rules": {"excluded_brands": ["Aurora", "Boreal"]}},
    )
    start_all(settings)
    rows, _ = make_lists(settings, make_shop(EVENTS))
    assert set(rows["experiment"].to_pylist()) == {"tried+tried1"}
    for row in rows.to_pylist():
        first, second = row["variant"].split("+")
        assert (row["source"] == "popularity") == (first == "popular")
        assert second == "control" or int(row["item_id"][1:]) % 4 in (2, 3)


def test_a_member_that_was_not_trained_stops_the_night(make_shop: MakeShop, tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"name": "ease", "share": 0.5, "model": "ease"})
    start_all(settings)
    with pytest.raises(NightStopped, match="scores by ease"):
        make_lists(settings, make_shop(EVENTS))


@pytest.mark.parametrize("is_followed", [True, False])
def test_the_gate_follows_a_promotion_where_it_is_told_to(
    make_shop: MakeShop, tmp_path: Path, is_followed: bool
) -> None:
    settings = make_settings(
        tmp_path, {"name": "popular", "share": 0.5, "is_holdout": True}, follow_experiments=is_followed
    )
    start_all(settings)
    record_action(settings, "tried", "promote", variant="popular", **SAID)
    night = Night(settings, TODAY)
    decision = follow_experiments(night, Decision(True, TODAY, None, ["promoted"]))
    assert "Ada promoted popular of the experiment tried: a try" in decision.reasons[1]
    write_decision(night.lake, TODAY, decision)
    rows, _ = make_lists(settings, make_shop(EVENTS))
    assert rows["variant"].null_count == len(rows)
    assert set(rows["source"].to_pylist()) == {"popularity" if is_followed else "content"}


def test_a_decision_without_experiments_keeps_its_bytes() -> None:
    decision = Decision(True, TODAY, None, ["promoted"])
    assert "follows" not in decision.to_json()
    assert Decision.from_json(decision.to_json()) == decision
