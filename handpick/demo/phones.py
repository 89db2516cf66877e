"""Draws the phones: model lines, generations, and the hidden traits that utility depends on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from handpick.dataset.oracle.utility import build_style_vectors
from handpick.demo.array_types import Doubles, Ints
from handpick.demo.parameters import Plan
from handpick.demo.phrases import BRAND_ENDS, BRAND_STARTS, LINE_ENDS, LINE_STARTS, PERSONAS

LAYOUTS = ("column", "square", "circle", "bar")
FINISHES = ("plain", "gradient", "stripes")
HIDDEN = 3
CURRENCIES = ("EUR", "USD", "GBP", "CNY", "INR")
EUR_RATES = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17, "CNY": 0.128, "INR": 0.011}
"""Fixed exchange rates to EUR; utility depends on the price in EUR, whatever the currency in the catalog."""


@dataclass(frozen=True)
class ProductLines:
    """Traits that the generations of a model line share, drawn once per shop; rows are lines."""

    brand: Ints
    brand_name: list[str]
    name: list[str]
    specs: Doubles
    hue: Doubles
    roundness: Doubles
    layout: Ints
    finish: Ints
    persona: Ints
    hidden: Doubles
    premium: Doubles
    popularity: Doubles


@lru_cache(maxsize=4)
def draw_lines(plan: Plan) -> ProductLines:
    """Draw brands and model lines with made-up names.

    The lines of a brand share hidden traits and a price premium.
    """
    random = plan.stream("lines")
    brands, per_brand = plan.size.brands, plan.size.lines_per_brand
    count = brands * per_brand
    brand = np.repeat(np.arange(brands), per_brand)
    every_brand = [start + end for end in BRAND_ENDS for start in BRAND_STARTS]
    every_line = [start + end for end in LINE_ENDS for start in LINE_STARTS]
    brand_name = [every_brand[i] for i in random.permutation(len(every_brand))[:brands]]
    name = [every_line[i] for _ in range(brands) for i in random.permutation(len(every_line))[:per_brand]]
    popularity = random.exponential(1.0, count) + 0.3
    return ProductLines(
        brand=brand,
        brand_name=brand_name,
        name=name,
        specs=random.normal(size=(count, 4)),
        hue=random.uniform(0, 2 * np.pi, count),
        roundness=random.choice([-1.0, 1.0], count),
        layout=random.integers(0, len(LAYOUTS), count),
        finish=random.integers(0, len(FINISHES), count),
        persona=random.integers(0, len(PERSONAS), count),
        hidden=random.normal(size=(brands, HIDDEN))[brand],
        premium=random.normal(0, 0.2, brands)[brand],
        popularity=popularity / popularity.sum(),
    )


@dataclass(frozen=True)
class Phones:
    """Traits of all phones launched so far; rows are phones in the order of launch.

    Args:
        line: Index into `ProductLines`.
        generation: Number of the generation, part of the title.
        launch_day: Day on which it went on sale; negative before the window.
        specs: `(phones, 4)` battery, camera, screen and speed, in standard deviations.
        hue: Colour in radians; as the other looks, visible in the picture only.
        roundness: Shape, negative for sharp corners.
        layout: Index into `LAYOUTS`, the arrangement of the cameras.
        finish: Index into `FINISHES`, the finish of the back.
        persona: `(phones, 6)` shares that sum to 1, revealed by the description only.
        hidden: `(phones, 3)` traits that only behaviour reveals.
        quality: Appeal to all customers.
        log_price: Natural logarithm of the launch price in EUR.
        currency: Index into `CURRENCIES`.
    """

    line: Ints
    generation: Ints
    launch_day: Ints
    specs: Doubles
    hue: Doubles
    roundness: Doubles
    layout: Ints
    finish: Ints
    persona: Doubles
    hidden: Doubles
    quality: Doubles
    log_price: Doubles
    currency: Ints

    def __len__(self) -> int:
        return len(self.line)

    def concat(self, more: Phones) -> Phones:
        """Return these phones followed by more of them."""
        return Phones(*(np.concatenate([getattr(self, f.name), getattr(more, f.name)]) for f in fields(self)))

    def ids(self) -> list[str]:
        """Return the item ids: `P` and the number in the order of launch."""
        return [f"P{number:06d}" for number in range(1, len(self) + 1)]

    def style(self) -> Doubles:
        """Return `(phones, 10)` looks as vectors, see `build_style_vectors`."""
        return build_style_vectors(self)


def draw_phones(
    lines: ProductLines, count: int, random: np.random.Generator, sold: Ints, launch_day: int | None
) -> Phones:
    """Draw phones of the model lines.

    Args:
        lines: The model lines.
        count: Number of phones.
        random: Random numbers.
        sold: `(lines,)` generations so far; incremented in place.
        launch_day: Day of the launch, or None for phones that were launched over the years before the window.
    """
    line = random.choice(len(lines.brand), count, p=lines.popularity)
    days = np.sort(-1 - np.minimum(random.exponential(300, count), 1500).astype(np.int64))
    if launch_day is not None:
        days = np.full(count, launch_day, np.int64)
    generation = np.zeros(count, np.int64)
    for row, its_line in enumerate(line):
        sold[its_line] += 1
        generation[row] = sold[its_line]

    def inherited(chance: float, parent: Ints, choices: int) -> Ints:
        """Draw a trait that is the line's with a probability, else uniform."""
        own = random.integers(0, choices, count)
        return np.where(random.random(count) < chance, parent[line], own).astype(np.int64)

    specs = 0.6 * lines.specs[line] + 0.8 * random.normal(size=(count, 4))
    # Newer generations have better specs, up to the eighth.
    specs += 0.06 * np.minimum(generation, 8)[:, None]
    own_hue = random.uniform(0, 2 * np.pi, count)
    hue = np.where(random.random(count) < 0.4, lines.hue[line] + random.normal(0, 0.25, count), own_hue)
    roundness = np.where(random.random(count) < 0.6, lines.roundness[line], -lines.roundness[line])
    persona = np.zeros((count, len(PERSONAS)))
    first = inherited(0.5, lines.persona, len(PERSONAS))
    second = random.integers(0, len(PERSONAS), count)
    share = random.choice([1.0, 0.7], count, p=[0.6, 0.4])
    np.add.at(persona, (np.arange(count), first), share)
    np.add.at(persona, (np.arange(count), second), 1 - share)
    # Better specs cost more; the premium is the brand's.
    log_price = 5.75 + 0.22 * specs.sum(1) + lines.premium[line] + random.normal(0, 0.2, count)
    return Phones(
        line=line.astype(np.int64),
        generation=generation,
        launch_day=days,
        specs=specs,
        hue=np.mod(hue, 2 * np.pi),
        roundness=roundness * random.uniform(0.6, 1.3, count),
        layout=inherited(0.4, lines.layout, len(LAYOUTS)),
        finish=inherited(0.4, lines.finish, len(FINISHES)),
        persona=persona,
        hidden=0.5 * lines.hidden[line] + 0.85 * random.normal(size=(count, HIDDEN)),
        quality=random.normal(size=count),
        log_price=np.clip(log_price, 4.0, 7.6),
        currency=random.choice(len(CURRENCIES), count, p=[0.86, 0.05, 0.04, 0.03, 0.02]).astype(np.int64),
    )
