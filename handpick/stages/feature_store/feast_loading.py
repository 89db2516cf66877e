"""Imports Feast without what the stage does not need: typeguard's runtime type checks, and torch.

The checks triple the time of the import (3 s, not 1); they find mistakes in feature definitions, and the
tests and the `feast` command run with them. Torch serves features that are read as tensors; Feast imports it
where it is installed and does without where it is not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


def _leave_unchecked(target: Any = None, **_: Any) -> Any:
    """Replace `typeguard.typechecked`, with and without arguments, by a decorator that changes nothing."""
    return (lambda decorated: decorated) if target is None else target


@contextmanager
def _hide_library(name: str) -> Iterator[None]:
    """Make the import of a library fail inside the block, unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what Python looks up to say that there is none
    try:
        yield
    finally:
        del sys.modules[name]


with patch("typeguard.typechecked", _leave_unchecked), _hide_library("torch"):
    import feast  # noqa: F401
