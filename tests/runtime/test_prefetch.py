"""Preloading and prefetching import what an ordinary import does, and none of Handpick's own modules."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from handpick.runtime.prefetch import prefetch_library


def in_a_fresh_process(script: str) -> str:
    """Run a script in a new Python process and return what it prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_preloading_leaves_no_module_of_handpicks_own() -> None:
    left = in_a_fresh_process(
        "import sys, threading\n"
        "from handpick.local_airflow.preload import list_shared_libraries, preload_shared_libraries\n"
        "preload_shared_libraries()\n"
        "own = sorted(name for name in sys.modules if name.startswith(('handpick.', 'models')))\n"
        "assert set(list_shared_libraries()) <= set(sys.modules)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "print(own)"
    )
    imported_by_the_script = ["handpick.local_airflow", "handpick.local_airflow.preload"]
    imported_by_handpick_itself = [
        "handpick.runtime",
        "handpick.runtime.openmp",
        "handpick.runtime.telemetry",
    ]
    assert left == str(imported_by_the_script + imported_by_handpick_itself)


def test_feast_is_imported_without_typeguard_and_other_libraries_keep_it() -> None:
    ours = in_a_fresh_process(
        "import typeguard\n"
        "before = typeguard.typechecked\n"
        "import handpick.stages.feature_store.feast_loading, feast\n"
        "assert typeguard.typechecked is before\n"
        "print('typeguard' in feast.Entity.__init__.__code__.co_names)"
    )
    plain = in_a_fresh_process("import feast; print('typeguard' in feast.Entity.__init__.__code__.co_names)")
    assert (ours, plain) == ("False", "True")


def test_a_library_is_imported_when_the_block_ends() -> None:
    with prefetch_library("colorsys"):
        time.sleep(0.01)
    assert "colorsys" in sys.modules


def test_a_missing_library_is_an_import_error_at_the_end_of_the_block() -> None:
    done = False
    with pytest.raises(ImportError), prefetch_library("no_such_library"):
        done = True
    assert done
