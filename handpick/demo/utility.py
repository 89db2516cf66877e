"""How much each person likes each phone on each day: one inner product, the same for the shop and for the oracle.

`utility(u, i, day) = specs + image + text + hidden + price + quality + novelty + fashion`, each block scaled to a fixed
standard deviation over people and phones. Written as `people_side[u] · phone_side[i, day] + constant[u]`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from handpick.demo.arrays import Doubles, Floats, Ints
from handpick.demo.customers import People, draw_archetypes, draw_people
from handpick.demo.parameters import Plan
from handpick.demo.phones import Phones, draw_lines, draw_phones, style_floats

BLOCKS = ("specs", "image", "text", "hidden")
"""What a modality shows: `specs` includes the price, `image` the fashion of the season."""

WEIGHTS = {"specs": 0.95, "image": 1.1, "text": 1.15}
QUALITY_WEIGHT = 0.45
NOVELTY_WEIGHT = 0.7
NOVELTY_DAYS = 12.0
PRICE_WEIGHT = 1.1
FASHION_WEIGHT = 0.35
FASHION_PERIOD_DAYS = 75.0


@dataclass(frozen=True)
class Scales:
    """Factors that give each block its standard deviation; measured once on people and phones drawn for the purpose."""

    specs: float
    image: float
    text: float
    hidden: float
    sharpness: float
    fashion: float = FASHION_WEIGHT


@lru_cache(maxsize=4)
def measure_scales(plan: Plan) -> Scales:
    """The factors, measured on 800 people and 800 phones of a parallel shop with the same seed."""
    lines = draw_lines(plan)
    phones = draw_phones(lines, 800, plan.stream("reference"), np.zeros(len(lines.brand), np.int64), 0)
    people = draw_people(plan, draw_archetypes(plan), 800, "reference-people", 0)

    has_looks = plan.catalog_digest is None

    def scale(taste: Doubles, block: Doubles, weight: float) -> float:
        spread = np.cov(block, rowvar=False, bias=True)
        return weight / float(np.sqrt(((taste @ spread) * taste).sum(axis=1)).mean())

    return Scales(
        specs=scale(people.specs, phones.specs, WEIGHTS["specs"]),
        image=scale(people.style, phones.style(), WEIGHTS["image"]) * has_looks,
        text=scale(people.persona, phones.persona, WEIGHTS["text"]),
        hidden=scale(people.hidden, phones.hidden, plan.dials.hidden_weight),
        sharpness=plan.dials.sharpness,
        fashion=FASHION_WEIGHT * has_looks,
    )


def people_side(
    people: People, scales: Scales, rows: Ints, without: Collection[str] = ()
) -> tuple[Floats, Floats]:
    """`(rows, d) float32` and the constant `(rows,) float32` of each person; blocks in `without` count nothing."""
    on = {block: float(block not in without) * scales.sharpness for block in BLOCKS}
    thrift = PRICE_WEIGHT * people.thrift[rows] * on["specs"]
    budget = people.budget[rows]
    side = np.column_stack(
        [
            people.specs[rows] * scales.specs * on["specs"],
            people.style[rows] * scales.image * on["image"],
            people.persona[rows] * scales.text * on["text"],
            people.hidden[rows] * scales.hidden * on["hidden"],
            -thrift,
            2 * thrift * budget,
            np.full(len(rows), scales.sharpness),
            scales.fashion * people.fashion[rows] * on["image"],
        ]
    )
    return side.astype(np.float32), (-thrift * budget**2).astype(np.float32)


def phone_side(plan: Plan, phones: Phones, log_price: Doubles, day: int) -> Floats:
    """`(phones, d) float32` as of a day; `log_price` is the logarithm of each phone's price in euros on that day."""
    age = np.maximum(day - phones.launch_day, 0)
    everybody = QUALITY_WEIGHT * phones.quality + NOVELTY_WEIGHT * np.exp(-age / NOVELTY_DAYS)
    style = style_floats(phones)
    own = np.hstack([phones.specs, style, phones.persona, phones.hidden])
    shared = np.column_stack([log_price**2, log_price, everybody, style @ fashion(plan, day)])
    return np.hstack([own, shared]).astype(np.float32)


def fashion(plan: Plan, day: int) -> Doubles:
    """`(10,)` the looks in favour on a day: a slow drift with a phase of its own for every part of a look."""
    phase = plan.stream("fashion").uniform(0, 2 * np.pi, 10)
    return np.sin(2 * np.pi * day / FASHION_PERIOD_DAYS + phase)
