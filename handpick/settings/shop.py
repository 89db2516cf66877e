"""`[shop]`: name, currency and languages of the shop."""

from pydantic import Field

from handpick.settings import Section


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
    locales: tuple[str, ...] = Field(("en", "zh"), description="Languages in which reasons are written.")
