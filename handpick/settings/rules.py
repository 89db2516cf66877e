"""`[rules]`: the merchandiser's rules for the lists."""

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from handpick.settings import Section

Relaxable = Literal[
    "price_band", "max_per_brand", "generation", "brand_exclusions", "not_returned", "simple_phone"
]


class NotSold(Section):
    """Phones that are not sold in some countries."""

    countries: tuple[str, ...] = Field(description="Country codes as in `users.country`.")
    brands: tuple[str, ...] = Field((), description="All phones of these brands.")
    items: tuple[str, ...] = Field((), description="These phones.")


class Campaign(Section):
    """Phones that get a higher score or a fixed rank for some days."""

    name: str = Field(description="Name, shown to users in the reason of a pinned phone.")
    starts_on: date = Field(description="First logical date.")
    ends_on: date = Field(description="Last logical date.")
    items: tuple[str, ...] = Field((), description="These phones.")
    brands: tuple[str, ...] = Field((), description="All phones of these brands.")
    countries: tuple[str, ...] = Field((), description="Only for users there; empty for everywhere.")
    boost: float = Field(
        0.0, description="Added to the score, in standard deviations of the user's scores over the catalogue."
    )
    pin_rank: int | None = Field(
        None, ge=1, description="Rank of the first of `items` that the other rules allow."
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Reject a campaign that ends before it starts, or that pins a rank without items."""
        if self.ends_on < self.starts_on:
            raise ValueError(f"campaign {self.name} ends on {self.ends_on}, before it starts")
        if self.pin_rank is not None and not self.items:
            raise ValueError(f"campaign {self.name} pins a rank but names no items")
        return self


class RulesSettings(Section):
    """Hard rules, and the order in which the other ones are relaxed for lists that are too short."""

    not_sold: tuple[NotSold, ...] = Field((), description="Phones that are not sold in some countries.")
    excluded_brands: tuple[str, ...] = Field((), description="Brands that are never recommended.")
    restricted_items: tuple[str, ...] = Field(
        (), description="Phones that are recommended only to users who consented."
    )
    price_band: tuple[float, float] | None = Field(
        (0.35, 2.5),
        description="Lowest and highest price, relative to the phones that the user owns and looks at; null "
        "for no band.",
    )
    not_returned: bool = Field(True, description="Do not recommend a phone that the user has returned.")
    generation: bool = Field(
        True,
        description="Do not recommend a phone that is older than the user's own of the same product line.",
    )
    simple_phone: bool = Field(
        True,
        description="Do not recommend a flagship (the dearest fifth of the phones on sale) to a user whose "
        "latest query asks for a phone that is simple to use.",
    )
    max_per_brand: int | None = Field(
        6, ge=1, description="Largest number of phones of one brand on a list; null for no limit."
    )
    one_per_model: bool = Field(
        True,
        description="Show each model once on a list, by its best variant, and name the other colours and "
        "memory sizes in the row's `phone_variants`; false: each variant is a phone of its own.",
    )
    campaigns: tuple[Campaign, ...] = Field((), description="Boosts and pins for a period.")
    min_items: int | None = Field(
        None,
        ge=1,
        description="Rules are relaxed for lists that are shorter than this; null for full lists.",
    )
    relax: tuple[Relaxable, ...] = Field(
        ("price_band", "max_per_brand", "generation", "simple_phone"),
        description="Rules that are relaxed for a list that is too short, one after another in this order; "
        "all others always hold.",
    )

    @model_validator(mode="after")
    def _check_price_band(self) -> Self:
        """Reject a price band whose bounds are negative or out of order."""
        if self.price_band is not None and not 0 <= self.price_band[0] < self.price_band[1]:
            raise ValueError(f"price_band must be (low, high) with 0 <= low < high, not {self.price_band}")
        return self
