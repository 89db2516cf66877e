"""Encodings, empty values, identifiers and stock: what they become, and what is said where two readings fit."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handpick.contracts import CONTRACTS
from handpick.settings.sources import SourceSettings
from handpick.stages.land.doubts import read_doubts
from handpick.stages.land.file_formats import read_file
from handpick.stages.land.identifiers import normalize_identifiers
from handpick.stages.land.mapping import conform_rows

TEXTS = {
    "cp1252": ["Größe für Anfänger, schön", "Téléphone à grand écran, très léger", "Teléfono móvil, señal estable", "Não incluído, duração"],
    "cp1250": ["Zářící žlutý telefon, skvělá výdrž", "Śliczny żółty telefon z dużą baterią", "Gyönyörű kijelző, hosszú üzemidő"],
    "cp1251": ["Отличный телефон с большой батареей", "Гарний телефон із великим екраном"],
    "koi8_r": ["Отличный телефон с большой батареей"], "cp866": ["Отличный телефон с большой батареей"],
    "cp1253": ["Κινητό τηλέφωνο με μεγάλη μπαταρία"], "cp1254": ["Şık telefon, güçlü pil, ışıklı"],
    "gb18030": ["旗舰手机 超长续航 大屏幕"], "big5": ["旗艦手機 超長續航 大螢幕"], "cp949": ["대화면 스마트폰 긴 배터리"],
    "shift_jis": ["大画面スマホ 長持ち電池"], "euc_jp": ["大画面スマホ 長持ち電池"], "utf-16": ["Größe 电"], "utf-16-le": ["Größe 电 and more"],
    "utf-8-sig": ["Größe 电"], "utf-32": ["Größe 电"],
}  # fmt: skip


def read(folder: Path, content: bytes, encoding: str = "", name: str = "a.csv") -> pa.Table:
    """The rows of a file."""
    (folder / name).write_bytes(content)
    return read_file(folder / name, "auto", encoding)


def write(text: str, encoding: str) -> bytes:
    """A catalog with a text in each description."""
    return ("sku,description,price\n" + "".join(f'p{n},"{text} {n}",9.50\n' for n in range(5))).encode(
        encoding
    )


@pytest.mark.parametrize(
    ("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts]
)
def test_letters_are_read_as_they_were_written(encoding: str, text: str, tmp_path: Path) -> None:
    assert read(tmp_path, write(text, encoding)).column("description")[0].as_py() == f"{text} 0"


def test_where_two_encodings_fit_the_words_of_both_are_shown_until_one_is_set(tmp_path: Path) -> None:
    content = write("Labs tālrunis ar ilgu bateriju, ļoti ātrs", "cp1257")
    (doubt,) = read_doubts(read(tmp_path, content))
    assert "'tâlrunis'" in doubt
    assert "'tālrunis'" in doubt
    assert 'Set encoding = "' in doubt
    told = read(tmp_path, content, "cp1257")
    assert not read_doubts(told)
    assert told.column("description")[0].as_py().startswith("Labs tālrunis")


def test_the_name_of_a_mapped_column_decides_about_a_header(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("sku,Tālrunis,price\n1,x,2\n".encode("cp1257"))
    assert "Tālrunis" in read_file(file, hints=["Tālrunis"]).column_names


def conform(rows: pa.Table, source: str = "catalog", **told: object) -> pa.Table:
    """Rows in the raw schema."""
    landed, _ = conform_rows(rows, "a.csv", CONTRACTS[source], SourceSettings.model_validate(told))
    return landed


def make_items(**columns: list[str | None]) -> pa.Table:
    """Phones as texts."""
    count = len(next(iter(columns.values())))
    plain = {"item_id": [f"p{n}" for n in range(count)], "title": ["A"] * count, "in_stock": ["1"] * count,
             "updated_at": ["2026-01-09"] * count}  # fmt: skip
    return pa.table({name: pa.array(values, pa.string()) for name, values in {**plain, **columns}.items()})


def test_nothing_is_empty_but_what_stands_for_it() -> None:
    rows = make_items(brand=["\\N", "N/A", "Nokla"], item_id=["nan", "null", "\\N"])
    assert conform(rows).column("brand").to_pylist() == [None, "N/A", "Nokla"]
    # `nan` may be an id; `\N` never is.
    assert conform(rows).column("item_id").to_pylist() == ["nan", "null", None]
    assert conform(rows, nulls=["N/A"]).column("brand").to_pylist() == ["\\N", None, "Nokla"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 10**15), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(["", "1.5", "00.0x", "A"]),
)
def test_integers_written_as_floats_are_integers_unless_other_ids_have_fractions(
    numbers: list[int], has_plain: bool, other: str
) -> None:
    texts = (
        [f"{number}.0" for number in numbers]
        + ([str(numbers[0])] if has_plain else [])
        + ([other] if other else [])
    )
    found = normalize_identifiers(pa.chunked_array([pa.array([*texts, None])])).to_pylist()
    expected = [text.removesuffix(".0") for text in texts] if not other else texts
    assert found == [*expected, None]


@pytest.mark.parametrize("text", ["007", "1e5", "ABC", "4.0.1", "0x1F"])
def test_other_ids_stay_as_they_are(text: str) -> None:
    assert normalize_identifiers(pa.chunked_array([pa.array([text, "2.0"])])).to_pylist() == [text, "2.0"]


def test_ids_lose_blanks_and_get_composed_letters() -> None:
    column = pa.chunked_array([pa.array([" a ", "\u00a0b", "e\u0301", "\ufeffc"])])
    assert normalize_identifiers(column).to_pylist() == ["a", "b", "é", "c"]


def test_ids_that_a_spreadsheet_shortened_are_told() -> None:
    doubts = read_doubts(conform(make_items(item_id=["4.01235E+12", "4.01236E+12"])))
    assert "shortened, '4.01235E+12' in 2 rows" in doubts[0]


def test_article_numbers_in_floating_point_columns_keep_their_digits(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": pa.array([4012345678901.0, None])}), tmp_path / "a.parquet")
    rows = read_file(tmp_path / "a.parquet").append_column("title", pa.array(["A", "B"]))
    rows = rows.append_column("in_stock", pa.array(["1", "1"])).append_column(
        "updated_at", pa.array(["2026-01-09"] * 2)
    )
    assert conform(rows).column("item_id").to_pylist() == ["4012345678901", None]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(-999, 9999), st.sampled_from(["{}", " {} ", "{} pcs", "{} Stk.", "{}.0", "{} 件"]))
def test_a_number_of_pieces_is_in_stock_above_zero_whatever_else_is_mapped(count: int, form: str) -> None:
    rows = make_items(in_stock=[form.format(count), "anything"])
    mapped = conform(rows, values={"in_stock": {"*": "true"}}).column("in_stock").to_pylist()
    assert mapped == ["true" if count > 0 else "false", "true"]


@pytest.mark.parametrize(
    ("text", "expected"), [("10+", "true"), (">5", "true"), ("-2", "false"), ("0", "false"), ("yes", "yes")]
)
def test_stock_in_other_forms(text: str, expected: str) -> None:
    assert conform(make_items(in_stock=[text])).column("in_stock").to_pylist() == [expected]


def test_a_stock_of_one_value_is_told_with_it_also_where_the_first_is_empty() -> None:
    (doubt,) = read_doubts(conform(make_items(in_stock=[None, *["7"] * 60])))
    assert doubt == "has one in_stock in all 60 rows, 'true': is that the stock"


def test_a_mapped_column_that_a_file_lacks_is_told() -> None:
    doubts = read_doubts(conform(make_items(Preis_neu=["1.50"]), columns={"price": "Preis"}))
    assert doubts == ["has no column Preis, to which columns.price is set: price is empty in all its rows"]


def test_a_column_may_give_its_own_value_and_another() -> None:
    landed = conform(make_items(price=["249.00 EUR"]), columns={"currency": "price"}, patterns={"currency": r"\b([A-Z]{3})\b"},
                     numbers={"price": "1,299.00"})  # fmt: skip
    assert (landed.column("price")[0].as_py(), landed.column("currency")[0].as_py()) == ("249.00", "EUR")
