"""A settings file that names the shop."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, which `HANDPICK_CONFIG` names."""
    file = tmp_path / "handpick.toml"
    file.write_text('[shop]\nname = "Kiosk"\n')
    monkeypatch.setenv("HANDPICK_CONFIG", str(file))
    return file
