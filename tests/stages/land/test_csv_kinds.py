"""CSV as databases, spreadsheets and scripts write it, read back as it was; and the line of each row."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handpick.errors import InputError
from handpick.stages.land.file_formats import read_file

VALUES = st.one_of(
    st.sampled_from(["", "x", '6.1" display', "a,b;c\td|e", "one\ntwo", "one\r\ntwo", "\\", "é", "电", " ", "sep=;", "'"]),
    st.text(st.characters(exclude_characters="\x00\r\ufeff", exclude_categories=("Cs", "Cc")), max_size=12),
)  # fmt: skip


def write(
    rows: list[list[str]],
    delimiter: str,
    line_end: str,
    quoting: Literal[0, 1, 2, 3],
    has_backslashes: bool = False,
) -> str:
    """Rows as the csv module writes them."""
    out = io.StringIO()
    escape = "\\" if has_backslashes else None
    csv.writer(
        out, delimiter=delimiter, lineterminator=line_end, quoting=quoting, doublequote=not has_backslashes, escapechar=escape
    ).writerows(rows)  # fmt: skip
    return out.getvalue()


def read(content: bytes, name: str = "a.csv") -> pa.Table:
    """The rows of a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(content)
        return read_file(file)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)
def test_what_was_written_is_read(
    values: list[tuple[str, str]], delimiter: str, line_end: str, quoting: Literal[0, 1, 2, 3], has_mark: bool
) -> None:
    header = ["key", "first", "second", "when"]
    rows = [[f"k{number}", *pair, f"2026-01-{number + 10}"] for number, pair in enumerate(values)]
    text = write([header, *rows], delimiter, line_end, quoting)
    table = read(text.encode("utf-8-sig" if has_mark else "utf-8"))
    assert "_raw" not in table.column_names
    for place, name in enumerate(header):
        found = [(value or "").replace("\r\n", "\n") for value in table.column(name).to_pylist()]
        assert found == [row[place].replace("\r\n", "\n") for row in rows]


def test_quotes_after_backslashes_are_read_and_null_marks_beside_them_kept_apart() -> None:
    table = read(b'a,b,c\n"6.1\\" display","{\\"x\\": \\"y\\"}",1\n"plain",\\N,2\n')
    assert table.column("a").to_pylist() == ['6.1" display', "plain"]
    assert table.column("b").to_pylist() == ['{"x": "y"}', None]


def test_json_in_doubled_quotes_with_escaped_inches_is_not_taken_for_backslashes() -> None:
    table = read(b'a,b\n1,"{""x"": ""6.1\\"" y""}"\n2,"{""x"": ""z""}"\n')
    assert table.column("b").to_pylist() == ['{"x": "6.1\\" y"}', '{"x": "z"}']


@pytest.mark.parametrize(
    ("content", "rows", "lines"),
    [
        (b"a,b\n1,2\n\n3,4\n\n\n5,6\n", [("1", "2"), ("3", "4"), ("5", "6")], [2, 4, 7]),
        (b'a,b\n"1\n\n1",2\n3,4\n\n5,6\n', [("1\n\n1", "2"), ("3", "4"), ("5", "6")], [2, 5, 7]),
        (b"a,b\r\n1,2\r\n\r\n3,4", [("1", "2"), ("3", "4")], [2, 4]),
        (b"sep=;\na;b\n1;2\n3;4\n", [("1", "2"), ("3", "4")], [3, 4]),
        (b"Report\n\na;b\n1;2\n3;4\n", [("1", "2"), ("3", "4")], [4, 5]),
        (b"a;b\r1;2\r3;4\r", [("1", "2"), ("3", "4")], [2, 3]),
        (b"a;b\n1;2;\n3;4;\n", [("1", "2"), ("3", "4")], [2, 3]),
        (b"a;b;\n1;2\n3;4\n", [("1", "2"), ("3", "4")], [2, 3]),
        (b"\n\na,b\n1,2\n3,4\n", [("1", "2"), ("3", "4")], [4, 5]),
        (b"a^b\n1^2\n3^4\n", [("1", "2"), ("3", "4")], [2, 3]),
    ],
)
def test_rows_and_their_lines_in_the_file(
    content: bytes, rows: list[tuple[str, str]], lines: list[int]
) -> None:
    table = read(content)
    assert list(zip(table.column("a").to_pylist(), table.column("b").to_pylist(), strict=True)) == rows
    assert table.column("_source_line").to_pylist() == lines


def test_a_list_within_a_quoted_text_is_text_and_a_row_after_an_open_quote_is_a_row() -> None:
    head = b"id,user,text,when\n" + b"".join(
        b"q%d,u1,phone %d,2026-01-10T10:00:00Z\n" % (n, n) for n in range(5)
    )
    listed = read(head + b'q7,u1,"a phone with\ncamera, battery, size, price\nthanks",2026-01-10T10:00:00Z\n')
    assert listed.num_rows == 6
    assert "_raw" not in listed.column_names
    opened = read(
        head
        + b'q7,u1,"a phone,2026-01-10T10:00:00Z\nq8,u1,"other",2026-01-10T10:00:00Z\nq9,u1,x,2026-01-10T10:00:00Z\n'
    )
    assert {"q8", "q9"} <= set(opened.column("id").to_pylist())


def test_columns_of_one_name_are_kept_apart_and_their_difference_is_told() -> None:
    from handpick.stages.land.doubts import read_doubts

    table = read(b"note,note,note_2\n1,2,3\n")
    assert [name for name in table.column_names if name != "_source_line"] == ["note", "note_3", "note_2"]
    assert "two columns note with different values" in read_doubts(table)[0]


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
def test_compressed_files_are_read_and_damaged_ones_are_one_line(kind: str) -> None:
    content = b"a,b\n1,2\n"
    packed = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("rows.csv", content)
    zstd = pa.Codec("zstd").compress(content, asbytes=True)
    squeezers: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
    }
    squeezed = squeezers.get(kind, lambda _: zstd if kind == "zst" else b"")(content)
    data = squeezed or packed.getvalue()
    assert read(data, f"a.csv.{kind}").column("b").to_pylist() == ["2"]
    with pytest.raises(InputError, match=rf"a\.csv\.{kind} cannot be (unpacked|read)"):
        read(data[: len(data) // 2], f"a.csv.{kind}")


def test_an_archive_of_several_files_is_one_line() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
        archive.writestr("b.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match="a ZIP archive of 2 files"):
        read(packed.getvalue(), "a.zip")
