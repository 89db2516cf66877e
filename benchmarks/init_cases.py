"""Runs files that shops send through `init`, `check`, land and validate, and counts silent mistakes."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Unavailable
from benchmarks.shared_with_tests import load_test_module

SHOPS = 60
DAMAGED = {"settings": 1_400, "init": 600}
CHECKED = 40
"""Damaged settings, damaged folders, and how many of the former also go through the whole `check`."""


def measure() -> dict[str, Any]:
    """Judge every shared case and the generated shops."""
    return {**measure_cases(), **measure_shops()}


def measure_shops() -> dict[str, Any]:
    """Count the values of generated shops: right, doubtful and said so, or silently wrong."""
    load_test_module("stages/land/shop_cases")
    shops = load_test_module("stages/land/generated_shops")
    counts: Counter[str] = Counter()
    silent, lines, crashes = 0, 0, 0
    for seed in range(SHOPS):
        with tempfile.TemporaryDirectory(prefix="handpick-shop-") as folder:
            verdict = shops.run_generated_shop(seed, Path(folder) / "shop")
        counts.update(verdict.counts)
        silent, lines, crashes = (
            silent + bool(verdict.silent), lines + bool(verdict.line), crashes + bool(verdict.crash)
        )  # fmt: skip
    return {
        "shops": SHOPS,
        "shops_with_a_silent_wrong_value": silent,
        "shops_that_stopped_in_one_line": lines,
        "shops_crashed": crashes,
        "values_right": counts["right"],
        "values_stated": counts["stated"],
        "values_silently_wrong": counts["silent"],
    }


def measure_damage() -> dict[str, Any]:
    """Count damaged settings and folders that end in a traceback or in a message of several lines."""
    for name in ("shop_cases", "damage", "setting_damage"):
        load_test_module(f"stages/land/{name}")
    finders = load_test_module("stages/land/no_traceback")
    crashes: list[str] = []
    for kind, count in DAMAGED.items():
        find = getattr(finders, f"find_crash_of_{kind}")
        for seed in range(count):
            with tempfile.TemporaryDirectory(prefix="handpick-damage-") as folder:
                crash = find(seed, Path(folder))
                if not crash and kind == "settings" and seed < CHECKED:
                    crash = finders.find_crash_of_check(Path(folder))
            if crash:
                crashes.append(f"{kind} {seed}: {crash.strip().splitlines()[-1]}")
                print(crashes[-1], flush=True)
    return {
        "cases": sum(DAMAGED.values()),
        "whole_checks": CHECKED,
        "crashed": len(crashes),
        "crashes": crashes,
    }


def measure_cases() -> dict[str, Any]:
    """Judge every shared case, and tabulate them."""
    cases = load_test_module("stages/land/shop_cases")
    if not cases.CASES.is_dir():
        raise Unavailable(f"the shared cases are not in {cases.CASES}")
    verdicts: dict[str, str] = {}
    for name in cases.EXPECTED:
        with tempfile.TemporaryDirectory(prefix="handpick-case-") as folder:
            home = Path(folder) / "shop"
            outcomes = cases.run_shop(cases.CASES / name, home, True, cases.find_nights(name))
        verdict, why = cases.judge(name, outcomes)
        verdicts[name] = verdict
        print(f"{name:<20} {verdict:<6} {why}", flush=True)
    counts = Counter(verdicts.values())
    return {
        "cases": len(verdicts),
        "silently_wrong": counts["wrong"],
        "crashed": counts["crash"],
        "right": counts["right"],
        "stated_doubts": counts["doubt"],
        "clear_lines": counts["line"],
        "verdicts": verdicts,
    }
