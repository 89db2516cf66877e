"""Sends a corpus of damaged files through landing and validation.

Checks that no file crashes the night, no good row is lost, and every landed row is either valid or in
quarantine.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.shared_with_tests import load_test_module

FILES = 2_400
DAY = date(2026, 1, 10)
USERS = "user_id,signed_up_at,consent\nu1,2025-01-01T00:00:00Z,true\n"
ITEMS = "item_id,title,in_stock,updated_at\np1,Phone,yes,2026-01-10T00:00:00Z\n"


def measure() -> dict[str, Any]:
    """Count the files, and those that crashed, lost a good row, or did not balance.

    A crash is anything but an error of one line.
    """
    # The tests use the same fuzzer on a smaller sample.
    fuzzer = load_test_module("stages/land/damage")
    corpus = [fuzzer.damaged(seed) for seed in range(FILES)]
    folder = Path(tempfile.mkdtemp(prefix="handpick-fuzz-"))
    try:
        return _run_corpus(folder, corpus)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_corpus(folder: Path, corpus: list[Any]) -> dict[str, Any]:
    from handpick.contracts import CONTRACTS
    from handpick.errors import InputError
    from handpick.night import Night
    from handpick.runtime.dataframes import start_engine
    from handpick.settings.load import load
    from handpick.settings.sources import SourceSettings
    from handpick.stages import land
    from handpick.stages.land.file_formats import read_file
    from handpick.stages.land.mapping import conform_rows
    from handpick.stages.validate.source_validation import validate_source

    for source, text in {"users": USERS, "catalog": ITEMS, "events": ""}.items():
        (folder / "landing" / source).mkdir(parents=True)
        if text:
            (folder / "landing" / source / "all.csv").write_text(text)
    rejected, crashed, readable = 0, 0, []
    for number, file in enumerate(corpus):
        path = folder / "landing" / "events" / f"{number:05d}{file.suffix}"
        path.write_bytes(file.content)
        try:
            conform_rows(read_file(path), path.name, CONTRACTS["events"], SourceSettings())
            readable.append(file)
        except InputError as error:
            rejected += 1
            crashed += "\n" in str(error)  # an error must be one line
            path.unlink()
        except Exception:  # any other error would be a traceback in the night
            crashed += 1
            path.unlink()
    sources = {"queries": {"needed": "never"}}
    lake = {"root": "lake", "landing": "landing", "media": "landing/media"}
    night = Night(load(home=folder, lake=lake, sources=sources), DAY)
    land.run(night)
    with start_engine(night.settings, rows=0) as engine:
        for source in ("catalog", "users", "events"):
            validate_source(engine, night, CONTRACTS[source])
    rows = {kind: night.lake.read(f"{kind}/events", DAY) for kind in ("raw", "valid", "quarantine")}
    counts = {kind: Counter(table.column("_source_file").to_pylist()) for kind, table in rows.items()}
    unbalanced = [
        name
        for name in counts["raw"]
        if counts["raw"][name] != counts["valid"][name] + counts["quarantine"][name]
    ]
    kept = set(rows["valid"].column("event_id").to_pylist())
    return {
        "files": len(corpus),
        "crashed": crashed,
        "files_that_lost_a_good_row": sum(not file.whole <= kept for file in readable),
        "files_that_do_not_balance": len(unbalanced),
        "refused_in_one_line": rejected,
        "rows_landed": rows["raw"].num_rows,
        "rows_set_aside": rows["quarantine"].num_rows,
    }
