"""Runs damaged settings and folders through the commands, and says whether any ends in a traceback."""

from __future__ import annotations

import importlib
import tomllib
import traceback
from datetime import date
from pathlib import Path
from typing import Any

DAY = date(2026, 1, 10)


def find_crash_of_settings(seed: int, home: Path) -> str:
    """Return the traceback, or the message of several lines, that damaged settings lead to; empty for none.

    Settings are loaded, all files are read and mapped as `check` does, and the night is landed.
    """
    cases, damage = importlib.import_module("shop_cases"), importlib.import_module("setting_damage")
    for source, content in damage.FILES.items():
        (home / "landing" / source).mkdir(parents=True)
        (home / "landing" / source / f"{DAY}.csv").write_text(content)
    (home / "handpick.toml").write_bytes(damage.damage_settings(seed))
    with cases.working_in(home, {"HANDPICK_CONFIG": str(home / "handpick.toml")}):
        return _explain(_land)


def _land() -> None:
    from handpick.contracts import CONTRACTS
    from handpick.night import Night
    from handpick.settings.load import load
    from handpick.stages import land
    from handpick.stages.validate.dry_run import find_unreadable

    night = Night(load(), DAY)
    findings = [finding for source in CONTRACTS for finding in find_unreadable(night, source)]
    assert not any("\n" in finding.text for finding in findings), findings
    land.run(night)


def find_crash_of_init(seed: int, home: Path) -> str:
    """Return the traceback that `init` on a damaged folder leads to, or settings of its that cannot be loaded."""
    cases = importlib.import_module("shop_cases")
    (home / "dump").mkdir(parents=True)
    importlib.import_module("setting_damage").damage_folder(
        seed, home / "dump", importlib.import_module("damage").damaged
    )
    file = home / "handpick.toml"
    with cases.working_in(home, {"HANDPICK_CONFIG": str(file)}):
        _, crash = cases.call("init", str(home / "dump"), "--out", str(file))
        if crash or not file.exists():
            return str(crash)
        return _explain(lambda: _use(file))


def _use(file: Path) -> None:
    """Load proposed settings, and land with them."""
    tomllib.loads(file.read_text(encoding="utf-8"))
    _land()


def find_crash_of_check(home: Path) -> str:
    """Return the traceback that `check` leads to in a folder that has settings; empty for none."""
    cases = importlib.import_module("shop_cases")
    with cases.working_in(home, {"HANDPICK_CONFIG": str(home / "handpick.toml")}):
        _, crash = cases.call("check", "--date", str(DAY))
    return str(crash)


def _explain(action: Any) -> str:
    from handpick.errors import HandpickError

    try:
        action()
    except HandpickError as error:
        return str(error) if "\n" in str(error) else ""
    except Exception:
        return traceback.format_exc()
    return ""
