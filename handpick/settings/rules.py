"""`[rules]`: what the merchandiser decides about the lists."""

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from handpick.settings import Section

Relaxable = Literal["price_band", "max_per_brand", "generation", "brand_exclusions", "not_returned"]


class NotSold(Section):
    """Phones that are not sold in some countries."""

    countries: tuple[str, ...] = Field(description="Country codes as in `users.country`.")
    brands: tuple[str, ...] = Field((), description="All phones of these brands.")
    items: tuple[str, ...] = Field((), description="These phones.")


class Campaign(Section):
    """Phones that get more or a fixed place for some days."""

    name: str = Field(description="Shown to people in the reason of a pinned phone.")
    starts_on: date = Field(description="First logical date.")
    ends_on: date = Field(description="Last logical date.")
    items: tuple[str, ...] = Field((), description="These phones.")
    brands: tuple[str, ...] = Field((), description="All phones of these brands.")
    countries: tuple[str, ...] = Field((), description="Only for users there; empty for everywhere.")
    boost: float = Field(
        0.0, description="Added to the score, in standard deviations of the user's scores over the catalogue."
    )
    pin_rank: int | None = Field(
        None, ge=1, description="Place that the first listed phone is put at, if allowed."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.ends_on < self.starts_on:
            raise ValueError(f"campaign {self.name} ends on {self.ends_on}, before it starts")
        if self.pin_rank is not None and not self.items:
            raise ValueError(f"campaign {self.name} pins a place but names no items")
        return self


class RulesSettings(Section):
    """Hard rules, and the order in which the softer ones give way."""

    not_sold: tuple[NotSold, ...] = Field((), description="What is not sold where.")
    excluded_brands: tuple[str, ...] = Field((), description="Brands that are never recommended.")
    restricted_items: tuple[str, ...] = Field(
        (), description="Phones that only users who consented may be shown."
    )
    price_band: tuple[float, float] | None = Field(
        (0.35, 2.5),
        description="Lowest and highest price, relative to what the user owns and looks at; null for no band.",
    )
    not_returned: bool = Field(True, description="Keep what a user sent back off their list.")
    generation: bool = Field(True, description="Nothing older than the phone of the same line that one owns.")
    max_per_brand: int | None = Field(
        6, ge=1, description="Most phones of one brand on a list; null for no bound."
    )
    campaigns: tuple[Campaign, ...] = Field((), description="Boosts and pins with dates.")
    min_items: int = Field(10, ge=1, description="Lists shorter than this are filled up by relaxing rules.")
    relax: tuple[Relaxable, ...] = Field(
        ("price_band", "max_per_brand", "generation"),
        description="Rules set aside one after another for a list that is too short; all others always hold.",
    )

    @model_validator(mode="after")
    def _band_ascends(self) -> Self:
        if self.price_band is not None and not 0 <= self.price_band[0] < self.price_band[1]:
            raise ValueError(f"price_band must be (low, high) with 0 <= low < high, not {self.price_band}")
        return self
