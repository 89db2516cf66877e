"""Imports Feast without typeguard's runtime type checks, which triple the time of the import (3 s, not 1).

The checks find mistakes in feature definitions; the tests and the `feast` command run with them.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch


def _leave_unchecked(target: Any = None, **_: Any) -> Any:
    """Replace `typeguard.typechecked`, with and without arguments, by a decorator that changes nothing."""
    return (lambda decorated: decorated) if target is None else target


with patch("typeguard.typechecked", _leave_unchecked):
    import feast  # noqa: F401
