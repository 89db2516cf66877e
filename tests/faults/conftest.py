"""A small shop's night in a folder of its own, whose commands run in processes that can be killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.disturbed_nights import Home
from handpick.demo import shop
from handpick.demo.landing import DemoFolders
from handpick.demo.parameters import Plan
from handpick.night import Night
from tests.stages.publish.conftest import DAY, write_lists

DAYS = 3


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with three days of input and the lists of one night."""
    folder = tmp_path_factory.mktemp("faults")
    shop.generate_shop(
        Plan.ending("XS", 7, DAYS, DAY, "default", has_media=False),
        DemoFolders.under(folder / "home" / "var"),
    )
    home = Home(folder / "home", folder)
    write_lists(Night(home.settings, DAY), users=300)
    yield home
    home.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose path a mount may take."""
    return tmp_path / "disk"
