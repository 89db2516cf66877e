"""Damaged files cause no traceback and lose no intact row; every line is in a row or in `_raw`."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from hypothesis import given, settings
from hypothesis import strategies as st

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.settings.sources import SourceSettings
from handpick.stages.land.file_formats import read_file
from handpick.stages.land.mapping import conform_rows


def load_damage() -> ModuleType:
    """The module `damage` of this folder."""
    path = Path(__file__).with_name("damage.py")
    spec = importlib.util.spec_from_file_location("damage", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["damage"] = module
    spec.loader.exec_module(module)
    return module


damage = load_damage()


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_a_damaged_file_loses_no_row_that_the_damage_left_alone(seed: int) -> None:
    broken = damage.damaged(seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"events{broken.suffix}"
        file.write_bytes(broken.content)
        rows, _ = conform_rows(read_file(file), file.name, CONTRACTS["events"], SourceSettings())
    assert broken.whole <= set(rows.column("event_id").to_pylist())
    assert rows.schema == CONTRACTS["events"].raw_schema()


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.binary(max_size=400), st.sampled_from([".csv", ".json", ".jsonl", ".parquet", ".txt"]))
def test_any_bytes_are_rows_or_one_clear_line(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"events{suffix}"
        file.write_bytes(content or b"\n")
        try:
            rows, _ = conform_rows(read_file(file), file.name, CONTRACTS["events"], SourceSettings())
        except InputError as error:
            assert "\n" not in str(error)
        else:
            rows.validate(full=True)
