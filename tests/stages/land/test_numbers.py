"""Numbers with currencies and separators: what is read cell by cell, and what is proposed for a column."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.settings.sources import SourceSettings
from handpick.stages.land.mapping import conform_rows
from handpick.stages.land.number_inference import infer_numbers
from handpick.stages.land.numbers import read_numbers

CURRENCIES = ["", "€", "EUR", "$", "US$", "CHF", "₹", "Rs.", "zł", "kr", "руб."]
BLANKS = ["", " ", "\u00a0", "\u202f"]


def read(text: str, form: str) -> str | None:
    """A text as `read_numbers` rewrites it."""
    result: str | None = read_numbers(pa.chunked_array([pa.array([text])]), form)[0].as_py()
    return result


def write(amount: int, group: str, decimal: str, decimals: int) -> str:
    """An amount in hundredths with marks."""
    whole = f"{amount // 100:,}".replace(",", group)
    return whole + (f"{decimal}{amount % 100:02d}"[: decimals + 1] if decimals else "")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**9),
    st.sampled_from([(".", ","), (",", "."), (" ", ","), ("\u202f", ","), ("'", "."), ("’", "."), ("", ","), ("", ".")]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from(CURRENCIES),
    st.sampled_from(BLANKS),
    st.booleans(),
    st.sampled_from(["", "-", "\u2212"]),
)  # fmt: skip
def test_an_amount_is_read_as_it_was_written_or_not_at_all(
    amount: int, marks: tuple[str, str], decimals: int, currency: str, blank: str, is_before: bool, sign: str
) -> None:
    group, decimal = marks
    number = sign + write(amount, group, decimal, decimals)
    text = f"{currency}{blank}{number}" if is_before else f"{number}{blank}{currency}"
    form = "1.299,00" if decimal == "," else "1,299.00"
    expected = (
        (amount if decimals == 2 else amount - amount % (10 if decimals else 100)) / 100 * (-1 if sign else 1)
    )
    found = read(text, form)
    assert found is not None
    assert re.fullmatch(r"-?\d+(\.\d+)?", found), (text, found)
    assert float(found) == pytest.approx(expected, abs=1e-9), (text, found)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.text("0123456789.,' €-x", max_size=12), st.sampled_from(["1.299,00", "1,299.00"]))
def test_any_text_is_a_plain_number_with_its_digits_or_stays(text: str, form: str) -> None:
    found = read(text, form)
    assert found is not None
    if found != text:
        assert "".join(filter(str.isdigit, found)).lstrip("0") == "".join(filter(str.isdigit, text)).lstrip(
            "0"
        )


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [("1,29,999", "1,299.00", "129999"), ("CHF 1'049.–", "1,299.00", "1049"), ("249,-", "1.299,00", "249"),
     ("1.049", "1.299,00", "1049"), ("1.049", "1,299.00", "1.049"), ("   24900", "1,299.00", "24900"), (".5", "1,299.00", "0.5"),
     ("249 / 299", "1,299.00", "249 / 299"), ("12 34", "1.299,00", "12 34"), ("1.2.3", "1.299,00", "1.2.3")],
)  # fmt: skip
def test_amounts_of_single_kinds(text: str, form: str, expected: str) -> None:
    assert read(text, form) == expected


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["249.00 EUR", "299.00 EUR"], "1,299.00"),
        (["249 €", "999 €", "1.049 €"], "1.299,00"),
        (["249,00 €", "1 049,00 €"], "1.299,00"),
        (["USD 799", "USD 1,099", "USD 1,199", "USD 699", "USD 799,50"], "1,299.00"),
        (["₹12,999", "₹1,29,999"], "1,299.00"),
        (["249.00", "1049.50"], ""),
    ],
)
def test_the_form_of_a_column_is_inferred_from_all_its_cells(texts: list[str], form: str) -> None:
    inferred = infer_numbers(texts)
    assert (inferred.form, inferred.share, inferred.question) == (form, 1.0, "")


def test_a_column_in_which_nothing_tells_is_a_question_and_not_a_guess() -> None:
    inferred = infer_numbers(["1.049", "1.250"])
    assert not inferred.form
    assert "can be 1049 or 1.049" in inferred.question


def test_a_price_that_can_be_either_stops_the_night_until_its_form_is_set() -> None:
    rows = pa.table({"item_id": ["a", "b"], "title": ["A", "B"], "price": ["249 €", "1.049 €"], "in_stock": ["1", "1"],
                     "updated_at": ["2026-01-09", "2026-01-09"]})  # fmt: skip
    pattern = {"price": r"([+-]?\d+(?:[.,]\d+)*)"}
    with pytest.raises(InputError, match=r"price '1\.049' can be 1049 or 1\.049"):
        conform_rows(rows, "a.csv", CONTRACTS["catalog"], SourceSettings(patterns=pattern))
    told = SourceSettings(patterns=pattern, numbers={"price": "1.299,00"})
    landed, _ = conform_rows(rows, "a.csv", CONTRACTS["catalog"], told)
    assert landed.column("price").to_pylist() == ["249", "1049"]


def test_a_pattern_never_cuts_a_price_in_two() -> None:
    rows = pa.table(
        {
            "item_id": ["a"],
            "title": ["A"],
            "price": ["ab 1\u202f049,00 €"],
            "in_stock": ["1"],
            "updated_at": ["2026-01-09"],
        }
    )
    settings_ = SourceSettings(patterns={"price": r"(\d+(?:[.,]\d+)*)"}, numbers={"price": "1.299,00"})
    landed, _ = conform_rows(rows, "a.csv", CONTRACTS["catalog"], settings_)
    assert landed.column("price").to_pylist() == ["1049.00"]
