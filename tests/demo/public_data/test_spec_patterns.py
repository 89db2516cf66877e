"""Dates and prices are read from what people write, and nothing is read where nothing is written."""

from __future__ import annotations

from datetime import date

import pytest

from handpick.demo.public_data.gsmarena import extract_brand, extract_release_date
from handpick.demo.public_data.spec_patterns import parse_first_date, parse_prices


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021, April 16", date(2021, 4, 16)),
        ("2010, January. Released 2010, March", date(2010, 1, 1)),
        ("2018, June 5th", date(2018, 6, 5)),
        ("2004, Q3", date(2004, 7, 1)),
        ("2006, 3Q", date(2006, 7, 1)),
        ("2013, Oct", date(2013, 10, 1)),
        ("1999", date(1999, 1, 1)),
        ("February 2013", date(2013, 2, 1)),
        ("2016, February 31", None),
        ("Not officially announced yet", None),
        ("Exp. announcement", None),
        ("", None),
    ],
)
def test_a_date_is_taken_at_its_earliest(text: str, day: date | None) -> None:
    assert parse_first_date(text) == day


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("About 130 EUR", {"EUR": 130.0}),
        ("$\u2009814.74 / £\u2009703.99 / €\u20091,484.84", {"USD": 814.74, "GBP": 703.99, "EUR": 1484.84}),
        ("₹\u2009103,860", {"INR": 103860.0}),
        ("About 14000 INR", {"INR": 14000.0}),
        ("About BTC 0.15/ETH 4.78(crypto curr)", {}),
        ("Contact the operator", {}),
    ],
)
def test_prices_come_with_their_currency(text: str, found: dict[str, float]) -> None:
    assert parse_prices(text) == found


def test_the_day_of_sale_wins_over_the_announcement() -> None:
    assert extract_release_date("2020, March 19", "Available. Released 2020, September 15") == date(
        2020, 9, 15
    )
    assert extract_release_date("2010, January. Released 2010, March", "Discontinued") == date(2010, 3, 1)
    assert extract_release_date("2003, Q4", "Discontinued") == date(2003, 10, 1)
    assert extract_release_date("2021, September", "Coming soon. Exp. release 2021, October 19") == date(
        2021, 10, 19
    )


def test_a_cancelled_phone_was_never_on_sale() -> None:
    assert extract_release_date("2011, February", "Cancelled") is None


def test_the_brand_is_spelled_as_in_the_title() -> None:
    assert extract_brand("alcatel OT-E265", "alcatel") == "alcatel"
    assert extract_brand("Sony Ericsson W810", "sony") == "Sony Ericsson"
    assert extract_brand("Tel.Me. T910", "telme") == "Tel.Me."
    assert extract_brand("Nokia 3310", "") == "Nokia"
