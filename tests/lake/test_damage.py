"""Damage of a partition is noticed by who reads it, and the message names the file."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from handpick.errors import DamagedData
from handpick.lake.checksums import CHECKSUM_FILE, digest_from_checksums, write_checksums
from handpick.lake.partitions import Lake, digest_files, digest_partitions

NIGHT = date(2026, 3, 1)
TABLE = "marts/dim_user"
ROWS = pa.table(
    {
        "user_id": [f"u{number % 300}" for number in range(2000)],
        "score": [number * 1.5 for number in range(2000)],
        "vector": [[float(number), 1.0] for number in range(2000)],
    }
)
FILE = "part-00000.parquet"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    lake.write(TABLE, NIGHT, ROWS)
    return lake


def flip_bit(file: Path, place: int, bit: int = 0) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(bytes(content))


def test_no_flipped_bit_changes_what_is_read(lake: Lake) -> None:
    file = lake.partition(TABLE, NIGHT) / FILE
    written, choose = file.read_bytes(), random.Random(0)
    unnoticed = 0
    for _ in range(300):
        flip_bit(file, choose.randrange(len(written)), choose.randrange(8))
        try:
            assert lake.read(TABLE, NIGHT).equals(ROWS)
            unnoticed += 1
        except DamagedData as error:
            assert str(file) in str(error)
        file.write_bytes(written)
    # The heads of pages have fields that no reader needs.
    assert unnoticed < 20
    assert lake.read(TABLE, NIGHT).equals(ROWS)


def test_comparing_all_bytes_notices_every_flipped_bit(lake: Lake) -> None:
    file = lake.partition(TABLE, NIGHT) / FILE
    lake.check(TABLE, [NIGHT], with_bytes=True)
    for place in range(0, file.stat().st_size, 97):
        flip_bit(file, place)
        with pytest.raises(DamagedData):
            lake.check(TABLE, [NIGHT], with_bytes=True)
        flip_bit(file, place)


def cut(folder: Path) -> None:
    file = folder / FILE
    file.write_bytes(file.read_bytes()[:-100])


def empty(folder: Path) -> None:
    (folder / FILE).write_bytes(b"")


def remove(folder: Path) -> None:
    (folder / FILE).unlink()


def add(folder: Path) -> None:
    shutil.copy(folder / FILE, folder / "part-00001.parquet")


def damage_checksums(folder: Path) -> None:
    file = folder / CHECKSUM_FILE
    file.write_text(file.read_text().replace("1", "2", 1))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (cut, f"{FILE} has "),
        (empty, f"{FILE} has 0 bytes"),
        (remove, f"{FILE} is missing"),
        (add, "part-00001.parquet was not written with its partition"),
        (damage_checksums, f"{CHECKSUM_FILE} is damaged"),
    ],
)
def test_damage_is_named_in_one_line(lake: Lake, harm: Callable[[Path], None], named: str) -> None:
    harm(lake.partition(TABLE, NIGHT))
    with pytest.raises(DamagedData) as caught:
        lake.read(TABLE, NIGHT)
    message = str(caught.value)
    assert named in message
    assert f"`handpick verify --date {NIGHT} --repair`" in message
    assert "\n" not in message


def test_a_partition_without_checksums_is_read_and_its_damage_is_still_one_line(lake: Lake) -> None:
    folder = lake.partition(TABLE, NIGHT)
    (folder / CHECKSUM_FILE).unlink()
    assert lake.read(TABLE, NIGHT).equals(ROWS)
    # By a release whose pages had no checksums either.
    pq.write_table(ROWS, folder / FILE)
    assert lake.read(TABLE, NIGHT).equals(ROWS)
    cut(folder)
    with pytest.raises(DamagedData, match=f"{FILE} cannot be read"):
        lake.read(TABLE, NIGHT)


def test_history_that_is_trained_on_is_compared_byte_by_byte(lake: Lake) -> None:
    next_night = date(2026, 3, 2)
    with lake.replace_partition(TABLE, next_night) as folder:
        # As DuckDB writes it: pages without checksums, and values that may change without breaking the file.
        pq.write_table(ROWS, folder / FILE, compression="none", use_dictionary=False)
    file = lake.partition(TABLE, next_night) / FILE
    flip_bit(file, file.read_bytes().index(b"u299") + 3)
    assert not lake.read(TABLE, next_night).equals(ROWS)
    with pytest.raises(DamagedData, match=r"has other bytes than were written"):
        lake.read_through(TABLE, next_night, check_bytes=True)
    with pytest.raises(DamagedData, match=r"has other bytes than were written"):
        lake.list_files(TABLE, [NIGHT, next_night], with_bytes=True)
    assert [path.name for path in lake.list_files(TABLE, [NIGHT])] == [FILE]


def test_asking_for_a_column_that_does_not_exist_is_no_damage(lake: Lake) -> None:
    with pytest.raises(pa.ArrowInvalid, match="nonsense"):
        lake.read(TABLE, NIGHT, where=pc.field("nonsense") > 0)


@pytest.mark.parametrize("name", ["logical_date=2026-03-01 copy", "logical_date=20260302", "logical_date="])
def test_a_stray_folder_is_named(lake: Lake, name: str) -> None:
    shutil.copytree(lake.partition(TABLE, NIGHT), lake.root / TABLE / name)
    with pytest.raises(DamagedData, match=r"move the folder out of the lake") as caught:
        lake.list_dates(TABLE)
    assert str(lake.root / TABLE / name) in str(caught.value)


def test_the_digest_of_the_checksums_is_that_of_the_files(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.replace_partition("models", NIGHT) as folder:
        for name in ("a/b", "a.b", "a-b/c", "z", "_manifest.json"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(name)
    folder = lake.partition("models", NIGHT)
    assert digest_from_checksums(folder) == digest_files(folder)
    before = digest_partitions(lake, ["models"], NIGHT)
    (folder / CHECKSUM_FILE).unlink()
    assert digest_partitions(lake, ["models"], NIGHT) == before
    write_checksums(folder)
    assert json.loads((folder / CHECKSUM_FILE).read_text())["files"]["z"]["bytes"] == 1


def test_tables_are_listed_by_their_first_parts(lake: Lake) -> None:
    lake.write("marts/dim_item", NIGHT, ROWS)
    lake.write("gate", NIGHT, ROWS)
    assert lake.list_tables() == ["gate", "marts/dim_item", TABLE]
    assert lake.list_tables(["marts", "nothing"]) == ["marts/dim_item", TABLE]
    assert lake.list_tables(["gate", TABLE]) == ["gate", TABLE]
