"""The rows of `lists/recommendations`: of each place on each list what put it there, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handpick.night import Night
from handpick.stages.score.cohorts import POPULARITY, Group
from handpick.stages.score.counterfactuals import Causes, find_causes
from handpick.stages.score.explanations import Reasons, Row, chosen_cause
from handpick.stages.score.item_metadata import Shop
from handpick.stages.score.lists import Plan, broken_rules
from handpick.stages.score.rerank import Origin
from handpick.stages.score.scorer import Scorer, blocks
from models.data import FloatArray, IntArray

ROWS_AT_ONCE = 1_000_000
"""Rows whose texts are Python's own at a time; what is written is Arrow's and much smaller."""


def recommendations(
    plan: Plan, groups: list[Group], scorer: Scorer, vectors: FloatArray, popular: pa.Table, night: Night
) -> pa.Table:
    """`lists/recommendations`, sorted by user and rank."""
    shop, settings = plan.shop, night.settings
    writer = Reasons(shop, settings.shop.locales, settings.shop.currency, _is_popular(shop, popular))
    parts = [part for group in groups for part in _rows(plan, group, scorer, vectors, writer)]
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


def _rows(
    plan: Plan, group: Group, scorer: Scorer, vectors: FloatArray, writer: Reasons
) -> Iterator[pa.Table]:
    """One group's rows, some at a time."""
    row_user, place = np.nonzero(group.lists.items >= 0)
    row_item = group.lists.items[row_user, place].astype(np.int64)
    by_model = len(group.source) > 0 and group.source[0] != POPULARITY
    causes = (
        find_causes(
            scorer,
            plan.shop.data,
            vectors,
            group.users,
            row_user,
            row_item,
            anchors=plan.score.reason_anchors,
            at_once=plan.score.users_at_once,
        )
        if by_model
        else None
    )
    relaxed = broken_rules(plan, group.users, group.lists, group.is_added)
    for rows in blocks(np.arange(len(row_user)), ROWS_AT_ONCE):
        yield _written(plan, group, causes, relaxed, writer, rows, row_user[rows], place[rows])


def _written(
    plan: Plan,
    group: Group,
    causes: Causes | None,
    relaxed: dict[tuple[int, int], str],
    writer: Reasons,
    rows: IntArray,
    row_user: IntArray,
    place: IntArray,
) -> pa.Table:
    """Some rows of a group, with what put each phone there and why."""
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
            "score": group.scores[row_user, place],
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
