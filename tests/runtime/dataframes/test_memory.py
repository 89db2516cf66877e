"""Short memory: DuckDB spills below the warehouse's folder and says so; where it cannot, one line says why."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handpick.errors import ConfigurationError
from handpick.runtime.dataframes import duckdb_engine, start_engine
from handpick.settings.load import load

ROWS = 1_000_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of many rows in no order, which takes about 100 MB of memory."""
    draw = np.random.default_rng(7)
    table = pa.table({"key": draw.permutation(ROWS), "text": [f"user-{n:040d}" for n in range(ROWS)]})
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(table, file)
    return file


def sort_rows(home: Path, rows: Path, memory: str) -> tuple[int, Path]:
    """How many rows come back sorted, and the folder that spilled ones are below."""
    settings = load(home=home, transform={"memory": memory, "threads": 2})
    schema = pq.read_schema(rows)
    with start_engine(settings, rows=ROWS) as engine:
        batches = list(engine.stream_sorted(engine.read([rows], schema), schema, ["key"], home, ROWS))
    assert pa.Table.from_batches(batches)["key"].to_pylist() == list(range(ROWS))
    return ROWS, settings.path(settings.warehouse.path).parent


@contextmanager
def short_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size in bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_rows_that_do_not_fit_are_spilled_with_a_line_and_nothing_is_left(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_engine, "WATCH_SECONDS", 0.02)
    _, folder = sort_rows(tmp_path, rows, "70MiB")
    told = capsys.readouterr()
    assert (
        f"memory is short: DuckDB works with 70MiB and keeps the rest in {folder}/spill-"
        in told.out + told.err
    )
    assert list(folder.iterdir()) == []


def test_a_step_that_cannot_spill_names_the_key_to_raise(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"transform\.memory = '5MiB' is too small") as told:
        sort_rows(tmp_path, rows, "5MiB")
    assert "\n" not in str(told.value)


def test_a_spill_that_fills_the_disk_is_an_error_of_the_system(rows: Path, tmp_path: Path) -> None:
    with short_files(1_000_000), pytest.raises(OSError, match="spill-") as told:
        sort_rows(tmp_path, rows, "70MiB")
    assert told.value.errno == errno.EFBIG
