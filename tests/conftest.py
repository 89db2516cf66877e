"""How tests are shared out among processes: a room's tests stay together, as they share what is slow to start."""

from __future__ import annotations

from pathlib import Path

import pytest

LONGEST = ("end_to_end", "model", "transform", "features", "embed", "publish", "validate", "land")
"""Rooms that take minutes; they begin first, so that no process is left alone with one of them at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the group of its room, unless it has one of its own; the longest rooms come first."""
    tests = Path(__file__).parent
    order = {room: place for place, room in enumerate(LONGEST)}

    def room(item: pytest.Item) -> str:
        return item.path.relative_to(tests).parts[0]

    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.parent.relative_to(tests).as_posix()))
    items.sort(key=lambda item: order.get(room(item), len(order)))
