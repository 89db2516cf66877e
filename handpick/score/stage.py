"""The score stage: reads the champion and the night's dataset, and writes the three kinds of lists."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handpick.errors import NightStopped
from handpick.lake import digest_of
from handpick.ledger import Flow, StageResult
from handpick.log import say
from handpick.night import Night
from handpick.score.causes import find_causes
from handpick.score.chance import seeds
from handpick.score.engine import engine
from handpick.score.lists import Plan, broken_rules, make_lists
from handpick.score.popularity import popular_lists, popularity
from handpick.score.reasons import Reasons, Row, chosen_cause
from handpick.score.rerank import Lists, Origin, Phones
from handpick.score.rules import Rules, work_out
from handpick.score.rules.campaigns import boosts, pins
from handpick.score.scorer import Scorer
from handpick.score.shop import Shop, one_hot, read_shop
from handpick.score.similar import similar_lists, unit
from handpick.score.topn import exact_scores
from models.data import BoolArray, FloatArray, IntArray, StringArray
from models.interface import Factors
from models.recommender.signature import Mismatch

POPULARITY = "popularity"


@dataclass(frozen=True)
class Group:
    """Users who are scored alike, and their finished lists.

    Args:
        users: Indices, ascending.
        source: `(users,)` what scored them.
        factors: Of these users.
        is_added: Rows that relaxing added.
        held_back: Pairs that the bound on brands kept off lists.
    """

    users: IntArray
    source: StringArray
    factors: Factors
    lists: Lists
    is_added: NDArray[np.bool_]
    held_back: int


def score(night: Night) -> StageResult:
    """Score everybody with the champion that the gate chose."""
    from handpick.dataset import load_dataset
    from handpick.score.champion import load_champion

    data = load_dataset(night)
    champion = load_champion(night)
    shop = read_shop(night, data)
    try:
        tables, notes = score_shop(shop, champion, night)
    except Mismatch as error:
        raise NightStopped(
            f"the champion's models do not fit the data of {night.logical_date}: {error}. No list was written, the "
            "lists published last stay; run train, evaluate, gate and score of this night again."
        ) from None
    total = hashlib.sha256()
    for name, rows in tables.items():
        path = night.lake.write(f"lists/{name}", night.logical_date, rows)
        total.update(digest_of(path).encode())
    users, listed = len(data.users), notes["users_listed"]
    in_stock = int(data.catalogue.is_sellable.sum())
    return StageResult(
        stage="score",
        logical_date=night.logical_date,
        where=str(night.lake.partition("lists/recommendations", night.logical_date)),
        flows=(
            Flow("users", users, listed, {"no phone allowed": users - listed}),
            Flow("items", len(data.catalogue), in_stock, {"not in stock": len(data.catalogue) - in_stock}),
            *(Flow(name, len(rows), len(rows)) for name, rows in tables.items()),
        ),
        digest=total.hexdigest(),
        notes=notes,
    )


def score_shop(shop: Shop, scorer: Scorer, night: Night) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """The three tables of lists, and what to note of them."""
    settings = night.settings
    rules = work_out(shop, settings.rules)
    vectors = unit(scorer.item_vectors(shop.data))
    whole, by_country = popularity(shop, settings.score.popularity_half_life_days)
    plan = Plan(
        shop=shop,
        rules=rules,
        phones=_phones(shop, vectors, settings.score.launch_days),
        score=settings.score,
        settings=settings.rules,
        boosts=boosts(shop, settings.rules),
        pins=pins(shop, settings.rules),
        chance=seeds(shop.data.users.user_ids, night.seed, night.logical_date),
        engine=engine(settings),
    )
    groups = _groups(plan, scorer, by_country)
    popular = popular_lists(shop, whole, by_country, _for_strangers(shop, rules), settings.score.popular)
    tables = {
        "recommendations": _recommendations(plan, groups, scorer, vectors, popular, night),
        "similar_items": similar_lists(
            shop, vectors, settings.score.similar, settings.shop.locales[0], settings.shop.currency
        ),
        "popular_items": popular,
    }
    return tables, _notes(plan, groups, tables["recommendations"])


def _phones(shop: Shop, vectors: FloatArray, launch_days: int) -> Phones:
    """What re-ranking knows about phones; one of no known brand is a brand of its own."""
    brands = np.where(
        shop.data.catalogue.brand == "", shop.data.catalogue.item_ids, shop.data.catalogue.brand
    )
    _, codes = np.unique(brands, return_inverse=True)
    is_launch = (shop.days_since_release >= 0) & (shop.days_since_release < launch_days)
    return Phones(vectors, codes.astype(np.int64), is_launch)


def _for_strangers(shop: Shop, rules: Rules) -> BoolArray:
    """`(countries, items)`: what somebody without an identity may be shown: no consent, no history."""
    names, _ = shop.countries
    barred = np.logical_or.reduce(list(rules.items.values())) | rules.kinds["consent"][1][0]
    return np.repeat(~barred[None, :], len(names), axis=0) & ~rules.kinds["country"][1]


def _groups(plan: Plan, scorer: Scorer, by_country: FloatArray) -> list[Group]:
    """Users of the model, and the others (no consent, or nothing the model can score) by popularity."""
    data = plan.shop.data
    everybody = np.arange(len(data.users))
    source = scorer.source(data, everybody)
    by_model = np.flatnonzero(data.users.is_consented & (source != ""))
    others = np.setdiff1d(everybody, by_model)
    _, country = plan.shop.countries
    found = []
    if len(by_model):
        found.append(_group(plan, scorer.factors(data, by_model), by_model, source[by_model]))
    if len(others):
        factors = Factors(one_hot(country[others], len(by_country)), np.ascontiguousarray(by_country.T))
        found.append(_group(plan, factors, others, np.full(len(others), POPULARITY)))
    return found


def _group(plan: Plan, factors: Factors, users: IntArray, source: StringArray) -> Group:
    made = make_lists(plan, factors, users)
    return Group(users, source, factors, made.lists, made.is_added, made.held_back)


def _recommendations(
    plan: Plan, groups: list[Group], scorer: Scorer, vectors: FloatArray, popular: pa.Table, night: Night
) -> pa.Table:
    """`lists/recommendations`, sorted by user and rank."""
    shop, settings = plan.shop, night.settings
    writer = Reasons(shop, settings.shop.locales, settings.shop.currency, _is_popular(shop, popular))
    parts = [_rows(plan, group, scorer, vectors, writer) for group in groups]
    table = pa.concat_tables(parts)
    return table.sort_by([("user_id", "ascending"), ("rank", "ascending")]).combine_chunks()


def _is_popular(shop: Shop, popular: pa.Table) -> NDArray[np.bool_]:
    """`(countries, items)`: phones on the popular list of a country, or of the whole shop where that is unknown."""
    names, _ = shop.countries
    place = {name: row for row, name in enumerate(names)}
    found = np.zeros((len(names), len(shop.data.catalogue)), bool)
    segments, items = popular["segment"].to_pylist(), np.array(popular["item_id"].to_pylist(), dtype=str)
    columns = np.searchsorted(shop.data.catalogue.item_ids, items)
    for segment, column in zip(segments, columns.tolist(), strict=True):
        row = place.get("" if segment == "all" else segment)
        if row is not None:
            found[row, column] = True
    return found


def _rows(plan: Plan, group: Group, scorer: Scorer, vectors: FloatArray, writer: Reasons) -> pa.Table:
    """One group's rows."""
    shop, lists = plan.shop, group.lists
    row_user, place = np.nonzero(lists.items >= 0)
    row_item = lists.items[row_user, place].astype(np.int64)
    origins = lists.origin[row_user, place]
    relaxed = broken_rules(plan, group.users, lists, group.is_added)
    by_model = len(group.source) > 0 and group.source[0] != POPULARITY
    causes = (
        find_causes(
            scorer, shop.data, vectors, group.users, row_user, row_item, anchors=plan.score.reason_anchors
        )
        if by_model
        else None
    )
    pinned_by = {one.item: one.campaign for one in plan.pins}
    codes, texts, sources = [], [], []
    for number, (local, item, origin) in enumerate(
        zip(row_user.tolist(), row_item.tolist(), origins.tolist(), strict=True)
    ):
        user = int(group.users[local])
        row = Row(user, item, Origin(origin), pinned_by.get(item, ""))
        anchor, query = (-1, -1) if causes is None else chosen_cause(causes, number)
        if causes is None and row.origin is Origin.MODEL:
            code, text = "popular", writer.popular_reason(user)
        else:
            code, text = writer.reason(row, anchor, query)
        codes.append(code)
        texts.append(text)
        sources.append(_source(str(group.source[local]), row.origin))
    return pa.table(
        {
            "user_id": pa.array(shop.data.users.user_ids[group.users[row_user]].tolist(), pa.string()),
            "rank": (place + 1).astype(np.int16),
            "item_id": pa.array(shop.data.catalogue.item_ids[row_item].tolist(), pa.string()),
            "score": exact_scores(group.factors.users, group.factors.items, row_user, row_item),
            "source": pa.array(sources, pa.string()),
            "reason": pa.array(texts, pa.string()),
            "reason_code": pa.array(codes, pa.string()),
            "relaxed_rules": pa.array(
                [relaxed.get(key) for key in zip(row_user.tolist(), place.tolist(), strict=True)], pa.string()
            ),
            "propensity": lists.propensity[row_user, place],
        }
    )


def _source(scored_by: str, origin: Origin) -> str:
    """What put a phone at its place: the members that scored it, or what stepped in."""
    if origin is Origin.EXPLORATION:
        return "exploration"
    return "campaign" if origin is Origin.CAMPAIGN else scored_by


def _notes(plan: Plan, groups: list[Group], rows: pa.Table) -> dict[str, Any]:
    """Small facts for the report."""
    listed = sum(int((group.lists.items[:, 0] >= 0).sum()) for group in groups)
    relaxed = [text for text in rows["relaxed_rules"].to_pylist() if text]
    counted = {name: int(count) for name, count in plan.rules.counts().items()}
    counted["max_per_brand"] = sum(group.held_back for group in groups)
    say(f"  {listed:,} lists; pairs barred by rule: " + ", ".join(f"{k} {v:,}" for k, v in counted.items()))
    return {
        "users_listed": listed,
        "pairs_barred_by_rule": counted,
        "relaxed_rows": {
            name: sum(name in text.split("+") for text in relaxed) for name in plan.settings.relax
        },
        "rows_by_source": _counts(rows["source"]),
        "rows_by_reason": _counts(rows["reason_code"]),
    }


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    """How often each value is there, by name."""
    return dict(sorted((row["values"], row["counts"]) for row in values.value_counts().to_pylist()))
