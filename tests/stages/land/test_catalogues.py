"""Catalogues of other shops straight from `init`: ids that are joined, currencies of headers, what is no stock."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.errors import ConfigurationError
from handpick.stages.land.derived_columns import join_columns
from handpick.stages.land.source_discovery import SourceProposal, discover_sources


def propose(folder: Path, text: str) -> SourceProposal:
    """The proposal for a catalogue of one CSV file."""
    (folder / "list.csv").write_text(text, encoding="utf-8")
    (found,), _ = discover_sources(str(folder))
    assert found.source == "catalog"
    return found


def columns(found: SourceProposal) -> dict[str, str | None]:
    return {match.column: match.owner_column for match in found.matches}


def test_an_id_is_joined_from_what_tells_variants_apart_and_not_from_the_price(tmp_path: Path) -> None:
    found = propose(
        tmp_path,
        "Company Name,Model Name,Storage,RAM,Launched Price (USA)\n"
        'Apple,iPhone 16,128GB,6GB,USD 799\nApple,iPhone 16,256GB,6GB,USD 899\nNokia,T21,64GB,4GB,"USD 396,22"\n',
    )
    assert found.mapping.joined == {"item_id": "{Company Name} {Model Name} {Storage}"}
    assert any("joined" in question for question in found.mapping.open_questions)


def test_colors_available_is_no_stock_a_launch_date_comes_before_a_year_and_a_header_has_a_currency(
    tmp_path: Path,
) -> None:
    found = propose(
        tmp_path,
        "phone_brand,phone_model,price_usd,launch_date,year,colors_available,battery\n"
        "apple,Apple iPhone SE (2020),157.68,2020-04-24,2020-01-01,3,1821\n"
        "apple,Apple iPhone SE (2022),243.0,2022-03-18,2022-01-01,4,2018\n",
    )
    assert columns(found)["in_stock"] is None
    assert columns(found)["release_date"] == "launch_date"
    assert found.mapping.constants["currency"] == "USD"


def test_init_and_check_show_what_would_be_read_of_ten_phones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"Nuvo,Nuvo Aria {n},{n}99 EUR,Akku {4000 + n} mAh,64 MB" for n in range(1, 30)]
    (tmp_path / "products.csv").write_text("\n".join(["brand,name,price,battery,storage", *rows]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    monkeypatch.setenv("COLUMNS", "200")
    init = CliRunner().invoke(app, ["init", "."])
    assert init.exit_code == 0 and "of 10 phones" in init.output
    assert " 4001 " in init.output and "64 MB" in init.output and " 4029 " not in init.output
    check = CliRunner().invoke(app, ["check", "--date", "2026-01-10"])
    assert "of 10 phones" in check.output


def test_a_sheet_that_is_one_text_is_collected_and_read(tmp_path: Path) -> None:
    sheet = '"Display: 6.1 inch; Battery: 3500 mAh"'
    found = propose(tmp_path, f"sku,name,price,specifications\n1,A 1,99,{sheet}\n2,A 2,99,{sheet}\n")
    assert columns(found)["specs"] is None and found.mapping.collected == {"specs": ["*"]}


def test_other_prices_are_asked_about(tmp_path: Path) -> None:
    found = propose(
        tmp_path,
        'Name,Brand,Price (India),Price (USA)\nA 1,Nuvo,"INR 79,999",USD 799\nA 2,Nuvo,"INR 89,999",USD 899\n',
    )
    assert any("it could be Price" in question for question in found.mapping.open_questions)


def test_columns_are_joined_to_texts_and_identifiers() -> None:
    rows = pa.table({"brand": ["Apple", None, None], "model": [" iPhone 16 ", "T21", None]})
    assert join_columns(rows, "{brand} {model}", False).to_pylist() == ["Apple iPhone 16", "T21", None]
    assert join_columns(rows, "{brand} {model}", True).to_pylist() == ["Apple-iPhone-16", "T21", None]
    with pytest.raises(ConfigurationError, match="names colour, which is no column; there are brand, model"):
        join_columns(rows, "{brand} {colour}", True)
