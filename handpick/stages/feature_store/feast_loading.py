"""Loads Feast without the checks of argument types that it writes into its own code as it is loaded: 3 s become 1.

What they would find are mistakes in definitions, which the tests and the `feast` command find with the checks on.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch


def _as_it_is(target: Any = None, **_: Any) -> Any:
    """In place of `typeguard.typechecked`, with and without arguments."""
    return (lambda decorated: decorated) if target is None else target


with patch("typeguard.typechecked", _as_it_is):
    import feast  # noqa: F401
