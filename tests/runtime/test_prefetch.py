"""What is loaded ahead, beside and quickly is what would have been loaded anyway."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from handpick.runtime.prefetch import loading


def in_a_fresh_process(script: str) -> str:
    """What a script prints that has nothing loaded yet."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_is_loaded_ahead_is_not_handpicks_own() -> None:
    told = in_a_fresh_process(
        "import sys, threading\n"
        "from handpick.local_airflow.preload import preload, shared_libraries\n"
        "preload()\n"
        "own = sorted(name for name in sys.modules if name.startswith(('handpick.', 'models')))\n"
        "assert set(shared_libraries()) <= set(sys.modules)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "print(own)"
    )
    assert (
        told
        == "['handpick.local_airflow', 'handpick.local_airflow.preload', 'handpick.runtime.telemetry', 'handpick.runtime.openmp']"
    )


def test_feast_loads_without_checks_of_types_and_others_keep_theirs() -> None:
    told = in_a_fresh_process(
        "import typeguard\n"
        "before = typeguard.typechecked\n"
        "import handpick.stages.feature_store.feast_loading, feast\n"
        "assert typeguard.typechecked is before\n"
        "print('typeguard' in feast.Entity.__init__.__code__.co_names)"
    )
    plain = in_a_fresh_process("import feast; print('typeguard' in feast.Entity.__init__.__code__.co_names)")
    assert (told, plain) == ("False", "True")


def test_a_library_is_loaded_when_the_block_ends() -> None:
    with loading("colorsys"):
        time.sleep(0.01)
    assert "colorsys" in sys.modules


def test_a_library_that_is_missing_is_said_at_the_end_of_the_block() -> None:
    done = False
    with pytest.raises(ImportError), loading("no_such_library"):
        done = True
    assert done
