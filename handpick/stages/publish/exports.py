"""Exports for consumers without SQL: the lists as Parquet and CSV, one file of each per segment."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from handpick.night import Night
from handpick.serving.relations import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS, Relation
from handpick.stages.publish.row_preparation import is_sorted

UNKNOWN_SEGMENT = "unknown"
"""Segment of the users without a country."""
ROWS_AT_A_TIME = 500_000
FORMULA_STARTS = "=+@\t\r\n＝＋＠－-"
"""First letters that make a spreadsheet take a text for a formula; some also read wide signs."""
CELL_ENDS = ";\t\r\n"
"""What ends a cell for a spreadsheet that expects other separators than commas, as in most of Europe: there,
quotes in the middle of a line hold nothing together."""


def write_exports(night: Night) -> Path:
    """Write `exports/logical_date=D/`: recommendations by country, and all similar and popular phones.

    Titles and prices are in the files, so that a spreadsheet alone is enough. Memory is bounded: no more than
    `ROWS_AT_A_TIME` rows are joined with them at a time.

    Returns:
        The partition's folder.
    """
    day = night.logical_date
    items = night.lake.read("marts/dim_item", day, ["item_id", "title", "price"])
    users = night.lake.read("marts/dim_user", day, ["user_id", "country"])
    lists = _read_sorted(night, RECOMMENDATIONS)
    with night.lake.replace_partition("exports", day) as folder, ExitStack() as stack:
        files: dict[str, ExportFiles] = {}
        for start in range(0, len(lists), ROWS_AT_A_TIME):
            rows = lists.slice(start, ROWS_AT_A_TIME)
            rows = _join_columns(_join_columns(rows, "user_id", users), "item_id", items)
            segments = pc.fill_null(rows["country"], UNKNOWN_SEGMENT)
            # Sorted, so that files are opened in the same order on every run.
            for name in sorted(pc.unique(segments).to_pylist()):
                if name not in files:
                    stem = folder / "recommendations" / _make_file_name(name)
                    files[name] = stack.enter_context(ExportFiles(stem, rows.schema))
                files[name].write(rows.filter(pc.equal(segments, name)))
        for relation, item in ((SIMILAR_ITEMS, "similar_item_id"), (POPULAR_ITEMS, "item_id")):
            rows = _join_columns(_read_sorted(night, relation), item, items)
            stack.enter_context(ExportFiles(folder / relation.name, rows.schema)).write(rows)
    return night.lake.partition("exports", day)


def _read_sorted(night: Night, relation: Relation) -> pa.Table:
    """Read the lake's rows of a relation, sorted by key."""
    rows = night.lake.read(relation.lake_table, night.logical_date)
    return (
        rows
        if is_sorted(rows, relation.key)
        else rows.sort_by([(name, "ascending") for name in relation.key])
    )


def _join_columns(rows: pa.Table, key: str, others: pa.Table) -> pa.Table:
    """Join a table to rows by its unique first column; its other columns are null where there is no match."""
    # A look-up instead of a join keeps the order of the rows.
    places = pc.index_in(rows[key], others[0].combine_chunks())
    for name in others.column_names[1:]:
        rows = rows.append_column(name, others[name].combine_chunks().take(places))
    return rows


def _make_file_name(segment: str) -> str:
    """Return a segment as a file name: every other character than a letter or digit becomes `_`."""
    return "".join(letter if letter.isalnum() else "_" for letter in segment) or UNKNOWN_SEGMENT


def _quote_formulas(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put `'` before what a spreadsheet takes for a formula: at the start of a text or of a cell in it."""
    # The regular expression is slow, and hardly any column needs it.
    if not any(pc.any(pc.starts_with(texts, sign)).as_py() for sign in FORMULA_STARTS) and not any(
        pc.any(pc.match_substring(texts, end)).as_py() for end in CELL_ENDS
    ):
        return texts
    # Twice: a tab may end one cell and start the next, and matches do not overlap.
    for _ in range(2):
        texts = pc.replace_substring_regex(texts, f"(^|[{CELL_ENDS}])([{FORMULA_STARTS}])", "\\1'\\2")
    return texts


def rewrite_export(rows: pa.Table, file: Path) -> None:
    """Write one export anew with fewer rows, as Parquet and beside it as CSV.

    Args:
        rows: What it holds now.
        file: Its Parquet file.
    """
    with ExportFiles(file.with_suffix(""), rows.schema) as files:
        for start in range(0, max(len(rows), 1), ROWS_AT_A_TIME):
            files.write(rows.slice(start, ROWS_AT_A_TIME))


class ExportFiles:
    """Writer of `<stem>.parquet` and `<stem>.csv`; texts that look like formulas are quoted in the CSV."""

    def __init__(self, stem: Path, schema: pa.Schema) -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        self.parquet = pq.ParquetWriter(
            stem.with_suffix(".parquet"), schema, compression="zstd", write_page_checksum=True
        )
        self.csv = pyarrow.csv.CSVWriter(stem.with_suffix(".csv"), schema)

    def write(self, rows: pa.Table) -> None:
        """Append rows to both files."""
        self.parquet.write_table(rows)
        safe = [
            _quote_formulas(column) if pa.types.is_string(column.type) else column for column in rows.columns
        ]
        self.csv.write_table(pa.table(safe, rows.column_names))

    def __enter__(self) -> ExportFiles:
        return self

    def __exit__(self, *error: object) -> None:
        self.parquet.close()
        self.csv.close()
