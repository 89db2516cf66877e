"""The ledger balances by construction; a partition is complete or absent."""

import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handpick.errors import LedgerImbalance, MissingPartition
from handpick.lake.partitions import Lake, count_rows, digest_files, digest_partitions
from handpick.ledger.flows import Flow, StageResult

NIGHT = date(2026, 3, 1)


@given(st.integers(0, 10**9), st.dictionaries(st.text(min_size=1), st.integers(0, 10**6)), st.integers(-3, 3))
def test_a_flow_exists_only_if_it_balances(rows_out: int, dropped: dict[str, int], error: int) -> None:
    rows_in = rows_out + sum(dropped.values())
    if error:
        with pytest.raises(LedgerImbalance):
            Flow("events", rows_in + error, rows_out, dropped)
    else:
        assert Flow("events", rows_in, rows_out, dropped).rows_dropped == sum(dropped.values())


def test_a_result_survives_json() -> None:
    result = StageResult(
        "land", NIGHT, "raw/", (Flow("users", 3, 2, {"empty": 1}),), "abc", 1.5, {"files": 2}
    )
    assert StageResult.from_json(result.to_json()) == result


def test_a_partition_is_invisible_until_its_writer_succeeds(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("raw/users", NIGHT, pa.table({"user_id": ["a"]}))
    before = digest_files(lake.partition("raw/users", NIGHT))
    with pytest.raises(RuntimeError), lake.replace_partition("raw/users", NIGHT) as folder:
        (folder / "half.parquet").write_bytes(b"half")
        raise RuntimeError("killed")
    assert digest_files(lake.partition("raw/users", NIGHT)) == before
    assert lake.list_dates("raw/users") == [NIGHT]


def test_rows_of_several_partitions_are_counted_from_their_files(tmp_path: Path) -> None:
    folder = Lake(tmp_path).partition("raw/events", NIGHT)
    assert count_rows(folder) == 0
    folder.mkdir(parents=True)
    for number in (0, 1):
        pq.write_table(pa.table({"event_id": ["a", "b"]}), folder / f"part-0000{number}.parquet")
    assert count_rows(folder, tmp_path) == 4


def test_a_digest_of_several_partitions_depends_on_every_one_and_on_their_order(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for table in ("a", "b"):
        lake.write(table, NIGHT, pa.table({"name": [table]}))
    both = digest_partitions(lake, ["a", "b"], NIGHT)
    digests = [digest_files(lake.partition(table, NIGHT)) for table in ("a", "b")]
    assert both == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert len({both, digest_partitions(lake, ["b", "a"], NIGHT), digest_partitions(lake, ["a"], NIGHT)}) == 3


def test_reading_what_was_not_written_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingPartition, match="handpick night --date 2026-03-01"):
        Lake(tmp_path).read("marts/dim_item", NIGHT)
