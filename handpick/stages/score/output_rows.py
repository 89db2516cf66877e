"""The rows of `lists/recommendations`: phone, score, source and explanation of each place of each list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handpick.night import Night
from handpick.stages.score.cohorts import POPULARITY, Cohort
from handpick.stages.score.counterfactuals import Counterfactuals, find_counterfactuals
from handpick.stages.score.explanations import NO_CAUSE, ExplanationWriter, ListRow, choose_cause
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.rerank import PLACED_BY, PlacementSource
from handpick.stages.score.rules.relaxation import find_broken_rules
from handpick.stages.score.scorer import split_into_blocks
from handpick.stages.score.treatments import Arm
from handpick.stages.score.variants import VariantNamer
from models.dataset import FloatArray, IntArray, StringArray

ROW_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("rank", pa.int16()),
        ("item_id", pa.string()),
        ("score", pa.float32()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("reason_code", pa.string()),
        ("relaxed_rules", pa.string()),
        ("propensity", pa.float32()),
        ("placed_by", pa.string()),
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("phone_variants", pa.string()),
    ]
)
"""Columns of `lists/recommendations`."""
ROWS_AT_ONCE = 1_000_000
"""Rows whose texts are Python strings at a time; Arrow's columns, which they become, are much smaller."""


def build_recommendations(
    shop: ScoringData,
    arms: Sequence[Arm],
    names: tuple[StringArray, StringArray],
    vectors: FloatArray,
    popular: pa.Table,
    namer: VariantNamer,
    night: Night,
) -> pa.Table:
    """Build `lists/recommendations`, sorted by user and rank.

    Args:
        shop: The night's dataset and metadata.
        arms: The users of each treatment, with their finished lists.
        names: `(users,)` names of each user's experiments and of their variants; empty for none.
        vectors: `(items, d)` phone vectors.
        popular: `lists/popular_items`.
        namer: Names the other variants of a phone.
        night: The run.
    """
    settings = night.settings
    writer = ExplanationWriter(
        shop, settings.shop.locales, settings.shop.currency, _mark_popular(shop, popular), settings.score
    )
    parts = [
        part
        for arm in arms
        for group in arm.cohorts
        for part in _write_cohort(arm, group, names, vectors, writer, namer)
    ]
    # A shop that knows no customers yet has lists of popular and of similar phones only.
    table = pa.concat_tables(parts) if parts else ROW_SCHEMA.empty_table()
    return table.sort_by([("user_id", "ascending"), ("rank", "ascending")]).combine_chunks()


def _mark_popular(shop: ScoringData, popular: pa.Table) -> NDArray[np.bool_]:
    """Mark the phones on each country's popular list: `(countries, items)`.

    Users of unknown country (an empty name) have the list of all countries.
    """
    names, _ = shop.countries
    place = {name: row for row, name in enumerate(names)}
    found = np.zeros((len(names), len(shop.data.catalogue)), bool)
    segments, items = popular["segment"].to_pylist(), np.array(popular["item_id"].to_pylist(), dtype=str)
    # Ids are sorted in the catalogue, and every listed phone is in it.
    columns = np.searchsorted(shop.data.catalogue.item_ids, items)
    for segment, column in zip(segments, columns.tolist(), strict=True):
        row = place.get("" if segment == "all" else segment)
        if row is not None:
            found[row, column] = True
    return found


def _write_cohort(
    arm: Arm,
    group: Cohort,
    names: tuple[StringArray, StringArray],
    vectors: FloatArray,
    writer: ExplanationWriter,
    namer: VariantNamer,
) -> Iterator[pa.Table]:
    """Write one cohort's rows, a block at a time."""
    plan = arm.plan
    row_user, place = np.nonzero(group.lists.items >= 0)
    row_item = group.lists.items[row_user, place].astype(np.int64)
    is_by_model = len(group.sources) > 0 and group.sources[0] != POPULARITY
    counterfactuals = (
        find_counterfactuals(
            arm.scorer,
            plan.shop.data,
            vectors,
            group.users,
            row_user,
            row_item,
            anchors=plan.score_settings.reason_anchors,
            batch_users=plan.score_settings.scoring_batch_users,
        )
        if is_by_model
        else None
    )
    relaxed = find_broken_rules(plan, group.users, group.lists, group.is_added)
    for rows in split_into_blocks(np.arange(len(row_user)), ROWS_AT_ONCE):
        table = _write_rows(plan, group, counterfactuals, relaxed, writer, rows, row_user[rows], place[rows])
        for column, values in zip(("experiment", "variant"), names, strict=True):
            named = values[group.users[row_user[rows]]].tolist()
            table = table.append_column(column, pa.array([name or None for name in named], pa.string()))
        yield _append_variants(table, plan.shop, group.users[row_user[rows]], row_item[rows], namer)


def _write_rows(
    plan: ListPlan,
    group: Cohort,
    counterfactuals: Counterfactuals | None,
    relaxed: dict[tuple[int, int], str],
    writer: ExplanationWriter,
    rows: IntArray,
    row_user: IntArray,
    place: IntArray,
) -> pa.Table:
    """Write some rows of a cohort.

    Args:
        plan: The night's rules, settings and catalogue.
        group: The cohort.
        counterfactuals: Counterfactuals of all its rows; None where the lists are by popularity.
        relaxed: Names of broken rules by (row of the list, place).
        writer: Writes the explanations.
        rows: Numbers of the rows among all of the cohort's.
        row_user: `(rows,)` row of the list.
        place: `(rows,)` place on the list, from 0.
    """
    shop, lists = plan.shop, group.lists
    row_item = lists.items[row_user, place].astype(np.int64)
    pinned_by = {one.item: one.campaign for one in plan.pins}
    codes, texts, sources = [], [], []
    for number, local, item, origin in zip(
        rows.tolist(),
        row_user.tolist(),
        row_item.tolist(),
        lists.origin[row_user, place].tolist(),
        strict=True,
    ):
        user = int(group.users[local])
        row = ListRow(user, item, PlacementSource(origin), pinned_by.get(item, ""))
        cause = NO_CAUSE if counterfactuals is None else choose_cause(counterfactuals, number)
        code, text = writer.explain(row, cause)
        codes.append(code)
        texts.append(text)
        sources.append(_name_source(str(group.sources[local]), row.origin))
    return pa.table(
        {
            "user_id": pa.array(shop.data.users.user_ids[group.users[row_user]].tolist(), pa.string()),
            "rank": (place + 1).astype(np.int16),
            "item_id": pa.array(shop.data.catalogue.item_ids[row_item].tolist(), pa.string()),
            "score": group.scores[row_user, place],
            "source": pa.array(sources, pa.string()),
            "reason": pa.array(texts, pa.string()),
            "reason_code": pa.array(codes, pa.string()),
            "relaxed_rules": pa.array(
                [relaxed.get(key) for key in zip(row_user.tolist(), place.tolist(), strict=True)], pa.string()
            ),
            "propensity": lists.propensity[row_user, place],
            "placed_by": pa.array(PLACED_BY).take(pa.array(lists.origin[row_user, place])),
        }
    )


def _append_variants(
    rows: pa.Table, shop: ScoringData, users: IntArray, items: IntArray, namer: VariantNamer
) -> pa.Table:
    """Append the names of each row's other variants that its user's country sells."""
    _, country = shop.countries
    pairs = zip(items.tolist(), country[users].tolist(), strict=True)
    named = [namer.name_others(item, code) for item, code in pairs]
    return rows.append_column("phone_variants", pa.array(named, pa.string()))


def _name_source(scored_by: str, origin: PlacementSource) -> str:
    """Name what put a phone at its place: the members that scored it, exploration or a campaign."""
    if origin is PlacementSource.EXPLORATION:
        return "exploration"
    return "campaign" if origin is PlacementSource.CAMPAIGN else scored_by
