"""Popularity by country: the lists of users of whom nothing is known, and of those who did not consent."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from handpick.stages.score.distinct_models import find_distinct_models
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.variants import VariantNamer
from models.dataset import DAY_SECONDS, BoolArray, FloatArray, IntArray
from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n

ALL_COUNTRIES = "all"
"""The segment of the list of all countries."""
SHARED_WEIGHT = 0.1
"""Weight of all countries' popularity in each country's, so that a small country has a full list."""


def compute_popularity(shop: ScoringData, half_life_days: float) -> tuple[FloatArray, FloatArray]:
    """Sum the weights of recent events with exponential time decay.

    A weight is halved for every half-life between the event and the end of the logical date.

    Args:
        shop: The night's dataset.
        half_life_days: Age at which an event counts half.

    Returns:
        `(items,) float32` of all countries, and `(countries, items) float32` with a share of it mixed in.
    """
    events = shop.data.interactions.positive()
    age_days = (shop.data.as_of - events.at) / DAY_SECONDS
    weight = events.weight * 0.5 ** (age_days / half_life_days)
    names, codes = shop.countries
    items = len(shop.data.catalogue)
    flat = np.bincount(codes[events.user] * items + events.item, weights=weight, minlength=len(names) * items)
    by_country = flat.reshape(len(names), items)
    whole = by_country.sum(axis=0)
    return whole.astype(np.float32), (by_country + SHARED_WEIGHT * whole).astype(np.float32)


def build_popular_lists(
    shop: ScoringData,
    whole: FloatArray,
    by_country: FloatArray,
    allowed: BoolArray,
    n: int,
    namer: VariantNamer,
) -> pa.Table:
    """Build `lists/popular_items`: the n most popular allowed models of all countries and of each one.

    Args:
        shop: The night's dataset.
        whole: `(items,)` popularity in all countries.
        by_country: `(countries, items)` popularity.
        allowed: `(countries, items)`, phones that may be shown in each country to an unknown user.
        n: Length of the lists.
        namer: Names the other variants of a phone.
    """
    names, _ = shop.countries
    segments: list[tuple[str, int | None, FloatArray, BoolArray]] = [
        (ALL_COUNTRIES, None, whole, np.asarray(allowed.all(axis=0)))
    ]
    segments += [(name, code, by_country[code], allowed[code]) for code, name in enumerate(names) if name]
    tables = []
    # One user with the factor 1 and items with their popularity: the exact top-N of a single list of scores.
    for segment, code, scores, mask in sorted(segments, key=lambda one: one[0]):
        factors = Factors(np.ones((1, 1), np.float32), scores[:, None])

        def find(_: IntArray, size: int, factors: Factors = factors, mask: BoolArray = mask) -> TopN:
            return find_top_n(factors, size, allowed=mask)

        best = find_distinct_models(find, 1, n, shop.model)
        items, kept = best.items[0][best.items[0] >= 0], best.scores[0][best.items[0] >= 0]
        tables.append(
            pa.table(
                {
                    "segment": pa.array([segment] * len(items), pa.string()),
                    "rank": np.arange(1, len(items) + 1, dtype=np.int16),
                    "item_id": shop.data.catalogue.item_ids[items].tolist(),
                    "score": kept,
                    "phone_variants": pa.array(
                        [namer.name_others(item, code) for item in items.tolist()], pa.string()
                    ),
                }
            )
        )
    return pa.concat_tables(tables)
