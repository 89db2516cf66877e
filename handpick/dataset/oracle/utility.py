"""The demo shop's utility: how much a user likes a phone on a day, as one inner product.

`utility(u, i, day) = specs + image + text + hidden + price + quality + novelty + fashion`, each block scaled
to a fixed standard deviation over users and phones. It is written as
`user_factors[u] · phone_factors[i, day] + constant[u]`, which is cheap for all pairs. The simulation draws
sessions from it and the oracle computes expected opens from it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray, IntArray

Doubles = NDArray[np.float64]

BLOCKS = ("specs", "image", "text", "hidden")
"""What one modality reveals: `specs` includes the price, `image` the fashion of the season."""

LAYOUT_COUNT, FINISH_COUNT = 4, 3
"""Camera layouts and back finishes of a phone; both are coded from 0."""

QUALITY_WEIGHT = 0.45
NOVELTY_WEIGHT = 0.7
NOVELTY_DAYS = 12.0
PRICE_WEIGHT = 1.1
FASHION_WEIGHT = 0.35
FASHION_PERIOD_DAYS = 75.0


@dataclass(frozen=True)
class UtilityScales:
    """Factors that give each block its standard deviation, measured once for each shop.

    They are measured on users and phones drawn for the purpose.

    Args:
        specs, image, text, hidden: Factor of each block.
        sharpness: Factor of the whole utility; higher means more deterministic choices.
        fashion: Weight of the season's looks; 0 where phones have no simulated looks.
    """

    specs: float
    image: float
    text: float
    hidden: float
    sharpness: float
    fashion: float = FASHION_WEIGHT


class UserTastes(Protocol):
    """The columns of `users.parquet` that utility is computed from; rows are users."""

    @property
    def specs(self) -> Doubles:
        """`(users, 4)` taste for battery, camera, screen and speed."""
        ...

    @property
    def style(self) -> Doubles:
        """`(users, 10)` taste for looks, in the layout of `build_style_vectors`."""
        ...

    @property
    def persona(self) -> Doubles:
        """`(users, 6)` taste for the personas that descriptions mention."""
        ...

    @property
    def hidden(self) -> Doubles:
        """`(users, 3)` taste for traits that only behaviour reveals."""
        ...

    @property
    def budget(self) -> Doubles:
        """`(users,)` natural logarithm of the EUR that the user likes to spend."""
        ...

    @property
    def thrift(self) -> Doubles:
        """`(users,)` weight of the squared difference between log price and budget."""
        ...

    @property
    def fashion(self) -> Doubles:
        """`(users,)` how far the user follows the season's looks."""
        ...


class PhoneTraits(Protocol):
    """The columns of `items.parquet` that utility is computed from; rows are phones."""

    @property
    def specs(self) -> Doubles:
        """`(phones, 4)` battery, camera, screen and speed, in standard deviations from the middle."""
        ...

    @property
    def hue(self) -> Doubles:
        """`(phones,)` colour, in radians."""
        ...

    @property
    def roundness(self) -> Doubles:
        """`(phones,)` shape, negative for sharp corners."""
        ...

    @property
    def layout(self) -> IntArray:
        """`(phones,)` camera layout, from 0 to `LAYOUT_COUNT - 1`."""
        ...

    @property
    def finish(self) -> IntArray:
        """`(phones,)` finish of the back, from 0 to `FINISH_COUNT - 1`."""
        ...

    @property
    def persona(self) -> Doubles:
        """`(phones, 6)` shares of personas, which sum to 1."""
        ...

    @property
    def hidden(self) -> Doubles:
        """`(phones, 3)` traits that only behaviour reveals."""
        ...

    @property
    def quality(self) -> Doubles:
        """`(phones,)` appeal to all users alike."""
        ...

    @property
    def launch_day(self) -> IntArray:
        """`(phones,)` day on which it went on sale, counted from the shop's first day."""
        ...


def build_style_vectors(traits: PhoneTraits) -> Doubles:
    """Return the phones' looks as numbers, `(phones, 10)`.

    Columns: cosine and sine of the hue, roundness, and centred one-hot layout and finish.
    """
    layout = np.eye(LAYOUT_COUNT)[traits.layout] - 1 / LAYOUT_COUNT
    finish = np.eye(FINISH_COUNT)[traits.finish] - 1 / FINISH_COUNT
    return np.column_stack([np.cos(traits.hue), np.sin(traits.hue), traits.roundness, layout, finish])


def build_user_factors(
    tastes: UserTastes, scales: UtilityScales, rows: IntArray, without: Collection[str] = ()
) -> tuple[FloatArray, FloatArray]:
    """Return the users' side of the inner product.

    Args:
        tastes: All users.
        scales: The shop's scales.
        rows: `(n,)` rows of `tastes`; a row may occur more than once.
        without: Blocks of `BLOCKS` that count nothing.

    Returns:
        `(n, d) float32` factors and the `(n,) float32` constant of each row.
    """
    on = {block: float(block not in without) * scales.sharpness for block in BLOCKS}
    # -thrift * (log_price - budget)^2, multiplied out: log_price^2 and log_price are columns of the phones'
    # side, and the budget's square is left as the constant.
    thrift = PRICE_WEIGHT * tastes.thrift[rows] * on["specs"]
    budget = tastes.budget[rows]
    factors = np.column_stack(
        [
            tastes.specs[rows] * scales.specs * on["specs"],
            tastes.style[rows] * scales.image * on["image"],
            tastes.persona[rows] * scales.text * on["text"],
            tastes.hidden[rows] * scales.hidden * on["hidden"],
            -thrift,
            2 * thrift * budget,
            np.full(len(rows), scales.sharpness),
            scales.fashion * tastes.fashion[rows] * on["image"],
        ]
    )
    return factors.astype(np.float32), (-thrift * budget**2).astype(np.float32)


def build_phone_factors(
    traits: PhoneTraits, log_price: Doubles, day: int, fashion_phases: Doubles
) -> FloatArray:
    """Return the phones' side of the inner product on a day, `(phones, d) float32`.

    Args:
        traits: All phones.
        log_price: `(phones,)` natural logarithm of each price in EUR on that day.
        day: Days since the shop's first day; may be negative.
        fashion_phases: `(10,)` the shop's phases, as `compute_fashion` takes them.
    """
    # Before its launch a phone counts as just launched; it is not on sale then.
    age = np.maximum(day - traits.launch_day, 0)
    everybody = QUALITY_WEIGHT * traits.quality + NOVELTY_WEIGHT * np.exp(-age / NOVELTY_DAYS)
    style = build_style_vectors(traits).astype(np.float32)
    own = np.hstack([traits.specs, style, traits.persona, traits.hidden])
    shared = np.column_stack(
        [log_price**2, log_price, everybody, style @ compute_fashion(day, fashion_phases)]
    )
    return np.hstack([own, shared]).astype(np.float32)


def compute_fashion(day: int, phases: Doubles) -> Doubles:
    """Return how fashionable each component of a look is on a day, `(10,)` from -1 to 1.

    Each component is a sine with a period of `FASHION_PERIOD_DAYS` and its own phase.
    """
    return np.sin(2 * np.pi * day / FASHION_PERIOD_DAYS + phases)
