"""Loads modules of the tests that benchmarks use on more cases."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parents[1] / "tests"


def load_test_module(place: str) -> ModuleType:
    """Load a module, such as `stages/land/damage`, by its name alone, as others of its folder import it."""
    name = Path(place).name
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{place}.py")
    assert spec and spec.loader
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module
