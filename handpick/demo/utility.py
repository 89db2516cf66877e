"""Measures the scales and draws the fashion phases of a demo shop, once for each shop.

The utility itself is in `handpick.dataset.oracle.utility`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from handpick.dataset.oracle.utility import FASHION_WEIGHT, UtilityScales, build_phone_factors
from handpick.demo.array_types import Doubles, Floats
from handpick.demo.customers import draw_archetypes, draw_customers
from handpick.demo.parameters import Plan
from handpick.demo.phones import Phones, draw_lines, draw_phones

WEIGHTS = {"specs": 0.95, "image": 1.1, "text": 1.15}
"""Standard deviation of each block's share of utility; that of `hidden` depends on the difficulty."""


@lru_cache(maxsize=4)
def measure_scales(plan: Plan) -> UtilityScales:
    """Measure the blocks' scales on 800 users and 800 phones of a parallel shop with the same seed."""
    lines = draw_lines(plan)
    phones = draw_phones(lines, 800, plan.stream("reference"), np.zeros(len(lines.brand), np.int64), 0)
    customers = draw_customers(plan, draw_archetypes(plan), 800, "reference-people", 0)

    # Phones of a real catalogue have no simulated looks.
    has_looks = plan.catalog_digest is None

    def scale(taste: Doubles, block: Doubles, weight: float) -> float:
        spread = np.cov(block, rowvar=False, bias=True)
        return weight / float(np.sqrt(((taste @ spread) * taste).sum(axis=1)).mean())

    return UtilityScales(
        specs=scale(customers.specs, phones.specs, WEIGHTS["specs"]),
        image=scale(customers.style, phones.style(), WEIGHTS["image"]) * has_looks,
        text=scale(customers.persona, phones.persona, WEIGHTS["text"]),
        hidden=scale(customers.hidden, phones.hidden, plan.difficulty_parameters.hidden_weight),
        sharpness=plan.difficulty_parameters.sharpness,
        fashion=FASHION_WEIGHT * has_looks,
    )


def draw_fashion_phases(plan: Plan) -> Doubles:
    """Draw the fashion phase of each component of a look, `(10,)`."""
    return plan.stream("fashion").uniform(0, 2 * np.pi, 10)


def compute_shop_phone_factors(plan: Plan, phones: Phones, log_price: Doubles, day: int) -> Floats:
    """Return the result of `build_phone_factors` for a plan's phones: `(phones, d) float32` as of a day.

    Args:
        plan: The shop.
        phones: Its phones.
        log_price: `(phones,)` natural logarithm of each price in EUR on that day.
        day: Days since the shop's first day.
    """
    return build_phone_factors(phones, log_price, day, draw_fashion_phases(plan))
