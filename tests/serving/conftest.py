"""A real PostgreSQL server, started once for all tests of the serving database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from handpick.serving.embedded import stop_embedded
from handpick.settings.load import Settings, load


@pytest.fixture(scope="session")
def server_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings whose embedded server lives as long as the tests do."""
    os.environ.setdefault("HANDPICK_CONFIG", str(Path(__file__).parents[2] / "handpick.toml"))
    settings = load(home=tmp_path_factory.mktemp("serving"))
    yield settings
    stop_embedded(settings)
