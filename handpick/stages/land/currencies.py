"""Currencies that price texts state, by sign or ISO 4217 code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

SIGN_CODES = {
    "€": "EUR", "$": "USD", "£": "GBP", "¥": "CNY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY",
    "₸": "KZT",
    "₴": "UAH", "₫": "VND", "฿": "THB", "₦": "NGN", "₱": "PHP", "₪": "ILS", "US$": "USD", "A$": "AUD",
    "AU$": "AUD", "NZ$": "NZD", "C$": "CAD", "CA$": "CAD", "R$": "BRL", "HK$": "HKD", "S$": "SGD",
    "NT$": "TWD", "MX$": "MXN",
}  # fmt: skip
"""What a sign means where nothing else is said; of a sign with letters, the letters count."""
WORD_CODES = {
    "руб": "RUB", "рублей": "RUB", "грн": "UAH", "сом": "KGS", "сум": "UZS", "тг": "KZT", "тенге": "KZT",
    "zł": "PLN", "zl": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN", "tl": "TRY", "元": "CNY",
    "円": "JPY", "원": "KRW", "rp": "IDR", "rm": "MYR", "euro": "EUR", "euros": "EUR", "dollar": "USD",
    "dollars": "USD", "đ": "VND", "ksh": "KES", "kshs": "KES", "sfr": "CHF", "rs": "INR", "dt": "TND",
}  # fmt: skip
"""What a word beside an amount means, in small letters; `Rs` is the currency of several countries."""
AMBIGUOUS_WORDS = frozenset(("rs",))
THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
"""Currencies with a thousandth part."""
SIGNS = "$£€¥₹₽₩₺₴₫฿₦₱₪₸"
SIGN_PATTERN = rf"(?:\b[A-Z]{{1,3}})?[{SIGNS}]"
"""A sign, with the letters before it."""


def read_sign(text: str) -> str | None:
    """Return the code of the first sign in a text; None without a sign, or for one that is not known."""
    found = re.search(SIGN_PATTERN, text)
    return SIGN_CODES.get(found.group()) if found else None


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Count the texts by the word, in small letters and without a point, beside their only amount."""
    found: Counter[str] = Counter()
    for text in texts:
        words = re.findall(r"[^\W\d_]+", text.lower())
        if len(words) == 1 and any(char.isdigit() for char in text):
            found[words[0]] += 1
    return found


def count_sign_codes(texts: Iterable[str]) -> Counter[str]:
    """Count the texts by the currency that their first sign stands for; texts without a sign do not count."""
    return Counter(code for text in texts if (code := read_sign(text)) is not None)
