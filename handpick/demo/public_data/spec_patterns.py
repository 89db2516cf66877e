"""Parses dates and prices from the free text of spec pages."""

from __future__ import annotations

import re
from datetime import date

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"(?P<month>jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
DATE = re.compile(
    r"(?P<year>(?:19|20)\d\d)(?:\s*,\s*"
    rf"(?:Q(?P<quarter>[1-4])|(?P<turned>[1-4])Q|{MONTH}(?:\s+(?P<day>\d{{1,2}}))?))?"
    rf"|{MONTH.replace('month', 'month_first')}\s+(?P<year_after>(?:19|20)\d\d)",
    re.IGNORECASE,
)

SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "₹": "INR", "¥": "CNY", "₩": "KRW"}
CODES = ("EUR", "USD", "GBP", "INR", "CNY", "JPY", "KRW", "CHF", "SEK", "PLN", "AUD", "CAD", "BRL")
AMOUNT = r"(\d[\d,]*(?:\.\d+)?)"
PRICE = re.compile(rf"([{re.escape(''.join(SIGNS))}])\s*{AMOUNT}|\b{AMOUNT}\s*({'|'.join(CODES)})\b")


def parse_first_date(text: str) -> date | None:
    """Return the first date in free text, at its earliest: `2010, March` is 1 March, `2004, Q3` is 1 July.

    Returns:
        None if there is no date, or its day does not exist.
    """
    found = DATE.search(text)
    if not found:
        return None
    part = found.groupdict()
    name = part["month"] or part["month_first"]
    quarter = part["quarter"] or part["turned"]
    month = MONTHS.index(name[:3].lower()) + 1 if name else 3 * int(quarter or 1) - 2
    try:
        return date(int(part["year"] or part["year_after"]), month, int(part["day"] or 1))
    except ValueError:
        return None


def parse_prices(text: str) -> dict[str, float]:
    """Return the prices in free text by ISO 4217 code, the first of each currency.

    A comma groups thousands.
    """
    found: dict[str, float] = {}
    for sign, after_sign, before_code, code in PRICE.findall(text):
        amount = float((after_sign or before_code).replace(",", ""))
        found.setdefault(SIGNS[sign] if sign else code, amount)
    return found
