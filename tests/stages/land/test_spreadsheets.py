"""Spreadsheets: cells become the texts that a CSV file would have, and damage ends in one line."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from handpick.errors import InputError
from handpick.stages.land.doubts import read_doubts
from handpick.stages.land.file_formats import read_file
from handpick.stages.land.source_discovery import discover_sources

Cell = str | float | bool | None
NAMESPACE = "http://schemas.openxmlformats.org"
RELATIONS = f"{NAMESPACE}/officeDocument/2006/relationships"


def write_xlsx(
    path: Path, sheets: dict[str, Sequence[Sequence[Cell]]], dates: frozenset[str] = frozenset()
) -> Path:
    """Write a workbook as office programs do; cells named in `dates` (such as `C2`) are formatted as days."""
    main = f"{NAMESPACE}/spreadsheetml/2006/main"
    styles = (
        f'<styleSheet xmlns="{main}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'
    )

    def write_cell(cell: Cell, name: str) -> str:
        if cell is None:
            return ""
        if isinstance(cell, bool):
            return f'<c r="{name}" t="b"><v>{int(cell)}</v></c>'
        if isinstance(cell, str):
            return f'<c r="{name}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
        return f'<c r="{name}" s="{int(name in dates)}"><v>{cell}</v></c>'

    def write_sheet(rows: Sequence[Sequence[Cell]]) -> str:
        body = "".join(
            f'<row r="{number}">'
            + "".join(write_cell(cell, f"{chr(65 + at)}{number}") for at, cell in enumerate(row))
            + "</row>"
            for number, row in enumerate(rows, 1)
        )
        return f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'

    with zipfile.ZipFile(path, "w") as archive:
        names = "".join(
            f'<sheet name="{name}" sheetId="{at}" r:id="rId{at}"/>' for at, name in enumerate(sheets, 1)
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{RELATIONS}"><sheets>{names}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="rId{at}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        links += f'<Relationship Id="rId99" Type="{RELATIONS}/styles" Target="styles.xml"/>'
        package = f"{NAMESPACE}/package/2006/relationships"
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{links}</Relationships>'
        )
        office = f'<Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{package}">{office}</Relationships>')
        archive.writestr("xl/styles.xml", styles)
        for at, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{at}.xml", write_sheet(rows))
    return path


ROWS: list[list[Cell]] = [
    ["Unsere Preisliste", None, None, None, None],
    [],
    ["Artikelnummer", "Name", "Preis", "erschienen", "auf Lager"],
    [4012345678901.0, "Nuvo Aria 12", 249.9, 45302.0, True],
    [None, None, None, None, None],
    [4012345678902.0, "Nuvo Aria 13 <5G>", 1049.0, 45303.0, False],
]


def test_cells_become_the_texts_of_a_csv_file(tmp_path: Path) -> None:
    rows = read_file(write_xlsx(tmp_path / "a.xlsx", {"Preise": ROWS}, frozenset({"D4", "D6"})))
    assert rows.drop_columns(["_source_line"]).to_pylist() == [
        {"Artikelnummer": "4012345678901", "Name": "Nuvo Aria 12", "Preis": "249.9",
         "erschienen": "2024-01-11", "auf Lager": "true"},
        {"Artikelnummer": "4012345678902", "Name": "Nuvo Aria 13 <5G>", "Preis": "1049",
         "erschienen": "2024-01-12", "auf Lager": "false"},
    ]  # fmt: skip
    assert rows.column("_source_line").to_pylist() == [4, 6]


def test_of_several_sheets_the_largest_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    sheets: dict[str, Sequence[Sequence[Cell]]] = {
        "Notes": [["by", "when"], ["Ada", "today"]],
        "Phones": ROWS,
    }
    rows = read_file(write_xlsx(tmp_path / "a.xlsx", sheets))
    assert rows.num_rows == 2
    assert read_doubts(rows) == ["has several sheets: Phones is read, Notes not"]


def test_init_proposes_a_spreadsheet(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "phones.xlsx", {"Preise": ROWS}, frozenset({"D4", "D6"}))
    (found,), rest = discover_sources(str(tmp_path))
    assert (found.source, found.rows, rest) == ("catalog", 2, [])
    assert {match.column for match in found.matches if match.owner_column} >= {"item_id", "title", "price"}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_cut_spreadsheet_ends_in_one_line(tmp_path: Path, share: float) -> None:
    whole = write_xlsx(tmp_path / "a.xlsx", {"Preise": ROWS}).read_bytes()
    cut = tmp_path / "b.xlsx"
    cut.write_bytes(whole[: int(share * len(whole))] or b"PK\x03\x04")
    with pytest.raises(InputError, match=r"cannot be read as a spreadsheet|no sheet") as caught:
        read_file(cut)
    assert "\n" not in str(caught.value)
