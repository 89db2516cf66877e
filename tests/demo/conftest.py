"""Small demo shops, generated once for all tests of this folder."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from handpick.demo import shop
from handpick.demo.landing import DemoFolders
from handpick.demo.parameters import Plan

LAST = date(2026, 3, 1)
DAYS = 16


def plan(days: int = DAYS, seed: int = 7, media: bool = False, end: date = LAST, rung: str = "XS") -> Plan:
    """A plan for a few days at the smallest rung."""
    return Plan.ending(rung, seed, days, end, "default", media)


def made(folder: Path, of: Plan) -> DemoFolders:
    """A demo shop of a plan below a folder."""
    folders = DemoFolders.under(folder)
    shop.generate_shop(of, folders)
    return folders


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by path from there."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def rows_of(folders: DemoFolders, source: str) -> list[dict[str, Any]]:
    """All rows of a JSON Lines source, oldest file first, without lines that are not JSON."""
    rows = []
    for file in sorted((folders.landing / source).glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


@pytest.fixture(scope="session")
def shop_with_media(tmp_path_factory: pytest.TempPathFactory) -> DemoFolders:
    """Sixteen days at rung XS, pictures and voices included."""
    return made(tmp_path_factory.mktemp("shop"), plan(media=True))
