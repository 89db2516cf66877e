"""`[shop]`: name, currency and languages of the shop."""

from typing import Literal, get_args

from pydantic import Field

from handpick.settings import Section

Language = Literal["en", "zh", "de", "fr", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
"""Languages in which reasons can be written, by ISO 639 code."""


class ShopSettings(Section):
    """The shop that the lists are for."""

    name: str = Field(
        "Phone shop",
        description="Name of the shop, shown on reports and pages. A demo shop is shown under its own name.",
    )
    currency: str = Field(
        "EUR", pattern="^[A-Z]{3}$", description="Prices are converted to this ISO 4217 currency."
    )
    exchange_rates: dict[str, float] = Field(
        {"EUR": 1.0, "USD": 0.92, "GBP": 1.17, "CNY": 0.128, "INR": 0.011},
        description="Units of the shop's currency for one unit of another currency.",
    )
    locales: tuple[Language, ...] = Field(
        LANGUAGES,
        min_length=1,
        description="Languages in which reasons are written: each user's own where it is offered, else the "
        "first, in which similar phones are explained too.",
    )
