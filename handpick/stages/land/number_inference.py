"""Infers how a column of numbers is written, and verifies it on all of its texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from handpick.stages.land.currencies import SIGNS, THOUSANDTHS, WORD_CODES, count_words
from handpick.stages.land.numbers import EITHER, NUMERAL, read_numbers

MIN_SHARE = 0.8
"""Share of the values that must be read for a form to be proposed."""
NUMBER_PATTERN = r"([+-]?\d+(?:[.,]\d+)*)"
PLAIN = r"^[+-]?\d+(\.\d+)?$"
SAID = re.compile(r"(?i)\b(?:rs|euros?|dollars?|kr|zł|kč|ft|lei|руб|fr|sfr)\b")
CURRENCY_MARKS = {
    "EUR": "(?:€|EUR)", "USD": r"(?:\$|USD)", "GBP": "(?:£|GBP)", "INR": r"(?:₹|INR|Rs\.?)",
    "CNY": "(?:¥|CNY)",
}  # fmt: skip
"""Signs and codes of the currencies that prices in several currencies are looked for in."""
MIN_ENDINGS = 10
"""Distinct cells from which their last digits tell what the mark is."""
NEAR = 5
"""Readings of doubtful cells count as likely within this factor of the range of the others."""


@dataclass(frozen=True)
class InferredNumbers:
    """How a column of numbers is written.

    Args:
        form: `1.299,00`, `1,299.00`, or empty for plain numbers.
        pattern: A regular expression that extracts the number from its text; empty for none.
        zeros: Texts that say 0.
        unread: Texts that are not read.
        share: Share of the distinct texts that are read.
        question: What only the owner can decide; empty for none.
        currency: Code of the currency whose amounts are taken of texts that state several; empty for none.
        foreign: Texts that state no amount of that currency, whose first amount is taken.
    """

    form: str = ""
    pattern: str = ""
    zeros: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    share: float = 0.0
    question: str = ""
    currency: str = ""
    foreign: tuple[str, ...] = ()


def infer_numbers(texts: Sequence[str]) -> InferredNumbers:
    """Infer how numbers are written.

    Args:
        texts: Distinct, non-empty texts of the whole column.
    """
    shown = [text.strip() for text in texts]
    if not shown:
        return InferredNumbers()
    amounts, pattern = shown, ""
    if _count_read(shown) < MIN_SHARE * len(shown):
        found = [re.findall(NUMERAL, text) for text in shown]
        if sum(len(numerals) == 1 for numerals in found) < MIN_SHARE * len(shown):
            if sum(len(numerals) > 1 for numerals in found) < 0.5 * len(shown):
                return InferredNumbers(unread=tuple(shown[:3]))
            if several := _infer_one_of_several(texts, shown):
                return several
            example = next(text for text, numerals in zip(shown, found, strict=True) if len(numerals) > 1)
            return InferredNumbers(
                unread=tuple(shown[:3]), question=f"'{example}' holds several numbers: which is the value"
            )
        amounts, pattern = (
            [n[0] if len(n) == 1 else text for text, n in zip(shown, found, strict=True)],
            NUMBER_PATTERN,
        )
    form, question = _choose_form(amounts, shown)
    values = _read(amounts, form)
    return InferredNumbers(
        form="" if question else form,
        pattern=pattern,
        zeros=tuple(text for text, value in zip(texts, values, strict=True) if value == 0)[:10],
        unread=tuple(text for text, value in zip(texts, values, strict=True) if value is None)[:3],
        share=sum(value is not None for value in values) / len(values),
        question=question,
    )


def _infer_one_of_several(texts: Sequence[str], shown: Sequence[str]) -> InferredNumbers | None:
    """Infer prices that are stated in several currencies, `$ 179 / € 199`, as those of the most usual one."""
    counts = {
        code: sum(re.search(sign, text) is not None for text in shown)
        for code, sign in CURRENCY_MARKS.items()
    }
    code = max(counts, key=lambda each: counts[each])
    if not counts[code]:
        return None
    mark, number = CURRENCY_MARKS[code], r"[+-]?\d+(?:[.,]\d+)*"
    # An amount that stands alone counts too if its currency is a code, which is read with it.
    others = rf"[^\d{SIGNS}]*"
    own = rf"(?s)^.*?{mark}\s?({number})|^.*?({number})\s?{mark}|^{others}({number}){others}$"
    # The first amount of a text in other currencies; the pattern of the currency reads the first sign, too.
    pattern = rf"{own}|(?=.*[{SIGNS}])^\D*({number})"
    found = [re.search(pattern, text) for text in shown]
    amounts = [
        next(group for group in match.groups() if group) if match else text
        for match, text in zip(found, shown, strict=True)
    ]
    form, question = _choose_form(amounts, shown)
    values = _read(amounts, form)
    share = sum(value is not None for value in values) / len(values)
    if question or share < MIN_SHARE:
        return None
    unread = tuple(text for text, value in zip(texts, values, strict=True) if value is None)[:3]
    foreign = tuple(
        text for text, match in zip(texts, found, strict=True) if match and match[match.re.groups]
    )
    return InferredNumbers(form, pattern, (), unread, share, currency=code, foreign=foreign)


def _choose_form(amounts: Sequence[str], texts: Sequence[str]) -> tuple[str, str]:
    """Return the form that cells such as `1.049` have, and the question if nothing tells it.

    Args:
        amounts: The amounts.
        texts: The texts that they are in.
    """
    doubtful = _find_either(amounts)
    if not doubtful and pc.all(pc.match_substring_regex(pa.array(amounts, pa.string()), PLAIN)).as_py():
        return "", ""
    either = frozenset(doubtful)
    told = {"1.299,00": 0, "1,299.00": 0}
    for text in amounts:
        if text not in either and (kind := _tell_form(text)):
            told[kind] += 1
    if not doubtful:
        return max(told, key=lambda form: told[form]) if any(told.values()) else "1,299.00", ""
    # Prices have three decimals in a few currencies only: elsewhere the mark before three digits groups.
    marks = {"." if "." in text else "," for text in doubtful}
    stated = [_has_cents(text) for amount, text in zip(amounts, texts, strict=True) if amount in either]
    if len(marks) == 1 and sum(stated) >= 0.5 * len(stated):
        return ("1.299,00" if marks == {"."} else "1,299.00"), ""
    word, count = max(count_words(texts).items(), key=lambda pair: pair[1], default=("", 0))
    if len(marks) == 1 and count >= 0.5 * len(texts) and WORD_CODES.get(word, word.upper()) in THOUSANDTHS:
        return ("1.299,00" if marks == {","} else "1,299.00"), ""
    if len(marks) == 1 and _end_like_whole_prices(doubtful, next(iter(marks))):
        return ("1.299,00" if marks == {"."} else "1,299.00"), ""
    others = [value for value in _read([text for text in amounts if text not in either], "1,299.00") if value]
    likely = [form for form in told if _is_near(_read(doubtful, form), others)]
    if len(others) >= 3 and len(likely) == 1 and (told[likely[0]] or not any(told.values())):
        return likely[0], ""
    decided = [form for form, count in told.items() if count]
    if len(decided) == 1 and (not others or decided[0] in likely):
        return decided[0], ""
    if len(others) >= 3 and len(likely) == 1:
        # Most cells tell one form, and the sizes another: the sizes are right, as a mark is easily mistyped.
        return likely[0], ""
    whole, part = _read(doubtful[:1], "1.299,00"), _read(doubtful[:1], "1,299.00")
    return "", (
        f"'{doubtful[0]}' can be {max(whole[0] or 0, part[0] or 0):g} or "
        f"{min(whole[0] or 0, part[0] or 0):g}, "
        "and no other value tells which: set numbers to '1.299,00' or '1,299.00'"
    )


def _end_like_whole_prices(doubtful: Sequence[str], mark: str) -> bool:
    """Return whether many cells such as `34,999` end as whole prices do, and thousandths do not.

    Shops price in thousandths with a point, in steps of five (`89.900`), or, where a comma is the decimal
    mark, in hundreds of them (`1 299,000`).
    """
    if len(doubtful) < MIN_ENDINGS:
        return False
    ends = re.compile(r"[05]\D*$" if mark == "." else r"00\D*$")
    return sum(ends.search(text) is None for text in doubtful) >= 0.5 * len(doubtful)


def _has_cents(text: str) -> bool:
    """Return whether a text states a currency, and one without thousandth parts."""
    codes = re.findall(r"\b[A-Z]{3}\b", text)
    if any(code in THOUSANDTHS for code in codes) or re.search("د|ر\\.ع", text):
        return False
    return bool(codes) or any(unicodedata.category(char) == "Sc" for char in text) or bool(SAID.search(text))


def _tell_form(text: str) -> str:
    """Return the form that a text tells by itself: where its decimal mark or its repeated group mark is."""
    numeral = re.search(NUMERAL, text)
    if numeral is None:
        return ""
    number = numeral.group()
    last = max(number.rfind("."), number.rfind(","))
    if last < 0:
        return ""
    mark, digits = number[last], len(number) - last - 1
    is_decimal = digits != 3 or ("." in number and "," in number) or number.startswith("0")
    if not is_decimal and number.count(mark) == 1 and not re.search(r"[ '’\u00a0\u202f]", number):
        return ""
    if re.search(r"[ '’\u00a0\u202f]", number) or (is_decimal and number.count(mark) == 1):
        return "1.299,00" if mark == "," else "1,299.00"
    return "1,299.00" if mark == "," else "1.299,00"


def _find_either(amounts: Sequence[str]) -> list[str]:
    """Return the texts whose one mark, before three digits, can be the decimal or the group mark."""
    found = []
    for text in amounts:
        numeral = re.search(NUMERAL, text)
        if numeral and re.fullmatch(EITHER, numeral.group()):
            found.append(text)
    return found


def _is_near(values: Sequence[float | None], others: Sequence[float]) -> bool:
    """Return whether the middle of some values is near the range of others."""
    given = [abs(value) for value in values if value]
    if not given or not others:
        return False
    low, high = min(map(abs, others)) / NEAR, max(map(abs, others)) * NEAR
    return low <= median(given) <= high


def _count_read(texts: Sequence[str]) -> int:
    return sum(value is not None for value in _read(texts, "1,299.00"))


def _read(texts: Sequence[str], form: str) -> list[float | None]:
    """Return the values of texts in a form; None for those that are not read."""
    if not texts:
        return []
    written = read_numbers(pa.chunked_array([pa.array(texts, pa.string())]), form or "1,299.00")
    return [float(text) if re.fullmatch(PLAIN, text) else None for text in written.to_pylist()]
