"""Files that shops really send: the shared cases, generated shops with eight troubles each, and damage."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_module(name: str) -> ModuleType:
    """A module of this folder, which pytest does not import by its name."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


shop_cases = load_module("shop_cases")
generated_shops = load_module("generated_shops")
load_module("damage")
load_module("setting_damage")
no_traceback = load_module("no_traceback")

VALIDATED = {"00_base", "init_dash", "datetime2_local", "full_history", "delisted", "zero_date"}
"""Cases that also go through `check` and validation; `make bench NAME=init-cases` runs all of them so."""
ACCEPTED = {"right", "doubt", "line"}


@pytest.mark.skipif(not shop_cases.CASES.is_dir(), reason=f"the shared cases are not in {shop_cases.CASES}")
@pytest.mark.parametrize("name", sorted(shop_cases.EXPECTED))
def test_a_shared_case_gives_the_right_values_a_stated_doubt_or_one_line(name: str, tmp_path: Path) -> None:
    outcomes = shop_cases.run_shop(
        shop_cases.CASES / name, tmp_path / "shop", name in VALIDATED, shop_cases.find_nights(name)
    )
    verdict, why = shop_cases.judge(name, outcomes)
    assert verdict in ACCEPTED, why


@pytest.mark.parametrize("seed", range(500, 508))
def test_a_generated_shop_with_eight_troubles_has_no_silent_wrong_value(seed: int, tmp_path: Path) -> None:
    verdict = generated_shops.run_generated_shop(seed, tmp_path / "shop")
    assert not verdict.crash
    assert not verdict.silent, (generated_shops.make_shop(seed).troubles, verdict.silent[:5])


def test_damaged_settings_end_in_no_traceback(tmp_path: Path) -> None:
    crashes = {}
    for seed in range(9_000, 9_150):
        (home := tmp_path / str(seed)).mkdir()
        crashes[seed] = no_traceback.find_crash_of_settings(seed, home)
    assert not any(crashes.values()), next(crash for crash in crashes.values() if crash)


def test_init_on_damaged_folders_ends_in_no_traceback(tmp_path: Path) -> None:
    crashes = {}
    for seed in range(9_000, 9_050):
        (home := tmp_path / str(seed)).mkdir()
        crashes[seed] = no_traceback.find_crash_of_init(seed, home)
    assert not any(crashes.values()), next(crash for crash in crashes.values() if crash)
