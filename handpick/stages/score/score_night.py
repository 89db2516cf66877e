"""Scores a night: reads champion and dataset, makes the three kinds of lists, and writes them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa

from handpick.errors import NightStopped
from handpick.lake.partitions import digest_partitions, write_parquet
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.stages.score.cohorts import Cohort, make_cohorts
from handpick.stages.score.hash_rng import derive_seeds
from handpick.stages.score.item_metadata import ScoringData, read_scoring_data
from handpick.stages.score.list_facts import FactFolders, keep_facts
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.list_tables import LIST_TABLES, PHONE_FACTS, USER_FACTS
from handpick.stages.score.output_rows import build_recommendations
from handpick.stages.score.popularity import build_popular_lists, compute_popularity
from handpick.stages.score.rerank import PhoneFacts
from handpick.stages.score.rules import Rules, evaluate_rules
from handpick.stages.score.rules.campaigns import list_pins, sum_boosts
from handpick.stages.score.scorer import Scorer
from handpick.stages.score.similar_items import build_similar_lists, normalise_rows_in_float64
from handpick.stages.score.topn_engines import make_engine
from handpick.stages.score.treatments import (
    Arm,
    assign_treatments,
    log_assignments,
    make_treated_plan,
    make_treated_scorer,
)
from handpick.stages.score.variants import VariantNamer
from models.dataset import BoolArray, FloatArray
from models.network.data_signature import ModelMismatch


def score_night(night: Night) -> StageResult:
    """Score all users with the champion that the gate chose, and write the lists.

    Raises:
        NightStopped: If no model may score, or the champion's models do not fit the data.
    """
    from handpick.dataset.load import load_dataset
    from handpick.stages.score.champion import load_champion

    data = load_dataset(night)
    champion = load_champion(night)
    shop = read_scoring_data(night, data)
    # All tables are written before any of them replaces an earlier partition.
    with ExitStack() as stack:
        facts = FactFolders(
            *(
                stack.enter_context(night.lake.replace_partition(table, night.logical_date))
                for table in (USER_FACTS, PHONE_FACTS)
            )
        )
        try:
            tables, notes = score_shop(shop, champion, night, facts)
        except ModelMismatch as error:
            raise NightStopped(
                f"The champion's models do not fit the data of {night.logical_date}: {error}. No list was "
                "written, the lists published last stay; run train, evaluate, gate and score of this night "
                "again."
            ) from None
        for name, rows in tables.items():
            folder = stack.enter_context(night.lake.replace_partition(f"lists/{name}", night.logical_date))
            write_parquet(rows, folder / "part-00000.parquet")
    users, listed = len(data.users), notes["users_listed"]
    pairs, excluded = users * len(data.catalogue), notes["pairs_barred_by_rule"]
    # Flows balance: what came in is what went out plus the exclusions of each rule, by cause.
    in_stock = int(data.catalogue.is_sellable.sum())
    return StageResult(
        stage="score",
        logical_date=night.logical_date,
        where=str(night.lake.partition("lists/recommendations", night.logical_date)),
        flows=(
            Flow("users", users, listed, {"no phone allowed": users - listed}),
            Flow("items", len(data.catalogue), in_stock, {"not in stock": len(data.catalogue) - in_stock}),
            Flow("pairs of user and phone", pairs, pairs - sum(excluded.values()), excluded),
            *(Flow(name, len(rows), len(rows)) for name, rows in tables.items()),
        ),
        digest=digest_partitions(night.lake, LIST_TABLES, night.logical_date),
        notes=notes,
    )


def score_shop(
    shop: ScoringData, scorer: Scorer, night: Night, facts: FactFolders | None = None
) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """Make the three tables of lists, by name, and the notes for the report.

    Args:
        shop: The night's dataset and metadata.
        scorer: The model.
        night: The run.
        facts: Where what explains the lists is written; nowhere if None.
    """
    settings = night.settings
    rules = evaluate_rules(shop, settings.rules)
    vectors = normalise_rows_in_float64(scorer.item_vectors(shop.data))
    whole, by_country = compute_popularity(shop, settings.score.popularity_half_life_days)
    plan = ListPlan(
        shop=shop,
        rules=rules,
        phones=_describe_phones(shop, vectors, settings.score.launch_days),
        score_settings=settings.score,
        rule_settings=settings.rules,
        boosts=sum_boosts(shop, settings.rules),
        pins=list_pins(shop, settings.rules),
        rng_seeds=derive_seeds(shop.data.users.user_ids, night.seed, night.logical_date),
        engine=make_engine(settings),
    )
    assignments = assign_treatments(night, shop.data.users)
    log_assignments(assignments)
    arms = []
    for number, (treatment, users) in enumerate(assignments.groups):
        treated, by = make_treated_plan(plan, treatment), make_treated_scorer(scorer, treatment, night)
        with keep_facts(facts, number, treated, by, by_country) as keep:
            arms.append(Arm(treated, by, make_cohorts(treated, by, by_country, users, keep)))
    scored = [group for arm in arms for group in arm.cohorts]
    namer = VariantNamer(shop, _allow_by_country(shop, rules))
    popular = build_popular_lists(
        shop, whole, by_country, _allow_unknown_users(shop, rules), settings.score.popular, namer
    )
    tables = {
        "recommendations": build_recommendations(
            shop, arms, assignments.names, vectors, popular, namer, night
        ),
        "similar_items": build_similar_lists(
            shop, vectors, settings.score.similar, settings.shop.locales[0], settings.shop.currency, namer
        ),
        "popular_items": popular,
    }
    notes = _make_notes(plan, scored, tables["recommendations"])
    return tables, {**notes, "experiments": assignments.counts} if assignments.counts else notes


def _describe_phones(shop: ScoringData, vectors: FloatArray, launch_days: int) -> PhoneFacts:
    """Collect the facts that re-ranking reads; one of unknown brand or model counts as one of its own."""
    brands = np.where(
        shop.data.catalogue.brand == "", shop.data.catalogue.item_ids, shop.data.catalogue.brand
    )
    _, codes = np.unique(brands, return_inverse=True)
    is_launch = (shop.days_since_release >= 0) & (shop.days_since_release < launch_days)
    return PhoneFacts(vectors, codes.astype(np.int64), is_launch, shop.model)


def _allow_unknown_users(shop: ScoringData, rules: Rules) -> BoolArray:
    """Find the phones that may be shown to a user without consent and history: `(countries, items)`."""
    _, by_consent = rules.kinds["consent"]
    # Row 0 of `by_consent` is the mask of users without consent.
    return _allow_by_country(shop, rules) & ~by_consent[0]


def _allow_by_country(shop: ScoringData, rules: Rules) -> BoolArray:
    """Find the phones that may be shown in each country: `(countries, items)`.

    A shop without customers has one row, of what may be shown at all: without it "in all countries" would be
    true of every phone, also of those that are sold out.
    """
    names, _ = shop.countries
    _, by_country = rules.kinds["country"]
    allowed = ~np.logical_or.reduce(list(rules.items.values()))[None, :]
    return allowed & ~by_country if names else allowed


def _make_notes(plan: ListPlan, scored: list[Cohort], rows: pa.Table) -> dict[str, Any]:
    """Count lists, excluded pairs, sources and reasons for the report, and log them."""
    listed = sum(int((group.lists.items[:, 0] >= 0).sum()) for group in scored)
    relaxed = rows["relaxed_rules"].drop_null().to_pylist()
    counted = {name: int(count) for name, count in plan.rules.count_excluded().items()}
    counted["max_per_brand"] = sum(group.held_back for group in scored)
    log_progress(
        f"  {listed:,} lists; pairs excluded by rule: " + ", ".join(f"{k} {v:,}" for k, v in counted.items())
    )
    return {
        "users_listed": listed,
        "pairs_barred_by_rule": counted,
        "relaxed_rows": {
            name: sum(name in text.split("+") for text in relaxed) for name in plan.rule_settings.relax
        },
        "rows_by_source": _count_values(rows["source"]),
        "rows_by_reason": _count_values(rows["reason_code"]),
    }


def _count_values(values: pa.ChunkedArray) -> dict[str, int]:
    """Count how often each value occurs, sorted by value."""
    return dict(sorted((row["values"], row["counts"]) for row in values.value_counts().to_pylist()))
