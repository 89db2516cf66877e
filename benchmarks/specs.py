"""Measures the parsing of raw spec sheets of real phones, against 200 phones that a person read.

`benchmarks/expectations/specs.csv` names each phone by the number of its page and holds what a person found
stated on its raw sheet (inches, mAh, grams, megapixels; empty if the sheet states nothing; VGA is 0.3 and CIF
0.1 megapixels). Coverage is counted twice: on the sample, and on all phones by a simple search for a number
with its unit that is independent of the parsers.
"""

from __future__ import annotations

import csv
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.benchmark import DATA

EXPECTED = Path(__file__).parent / "expectations" / "specs.csv"
FIGURES = ("display_inches", "battery_mah", "weight_g", "main_camera_mp")
STATED = {
    "display_inches": ("size", r"\d\s*(?:inch|\"|cm\b)"),
    "battery_mah": ("battery-type", r"\d\s*m?Ah"),
    "weight_g": ("weight", r"\d\s*(?:g\b|kg|oz|lb)"),
    "main_camera_mp": ("main-camera", r"\d\s*MP|VGA|CIF"),
}
Figures = dict[str, float | None]


def measure() -> dict[str, Any]:
    """Measure coverage and correctness over all four values, and the coverage of each."""
    catalog = import_sheets()
    read = parse_sheets(catalog)
    expected = load_expectations()
    covered, stated = 0, 0
    measured: dict[str, Any] = {}
    for name in FIGURES:
        key, pattern = STATED[name]
        stating = [
            item for item, sheet in catalog.items() if re.search(pattern, sheet.get(key, ""), re.IGNORECASE)
        ]
        got = sum(read[item][name] is not None for item in stating)
        covered, stated = covered + got, stated + len(stating)
        measured[f"{name}_coverage"] = got / len(stating)
    stated_pairs = [
        (item, name) for item, row in expected.items() for name in FIGURES if row[name] is not None
    ]
    found = [(item, name) for item in expected for name in FIGURES if read[item][name] is not None]
    right = sum(read[item][name] == expected[item][name] for item, name in found)
    both = set(stated_pairs) & set(found)
    wrong = [f"{item} {name}" for item, name in found if read[item][name] != expected[item][name]]
    return {
        "coverage": covered / stated,
        "sample_coverage": len(both) / len(stated_pairs),
        "correctness": right / len(found),
        **measured,
        "phones": len(catalog),
        "sample_phones": len(expected),
        "sample_figures": len(stated_pairs),
        "wrong": ", ".join(wrong) or "none",
    }


def import_sheets() -> dict[str, dict[str, str]]:
    """Return the raw sheets of all real phones by item id, as `handpick import gsmarena` writes them."""
    from handpick.demo.public_data.gsmarena import import_gsmarena

    with tempfile.TemporaryDirectory(prefix="handpick-specs-") as folder:
        file, _ = import_gsmarena(DATA / "phones" / "gsmarena.csv", Path(folder), "EUR")
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {row["item_id"]: json.loads(row["specs"]) for row in rows}


def parse_sheets(catalog: dict[str, dict[str, str]]) -> dict[str, Figures]:
    """Return the values that the night's transform parses from the sheets."""
    from handpick.stages.transform.specs import read_specs

    read = {item: read_specs(sheet) for item, sheet in catalog.items()}
    return {item: {name: found[name] for name in FIGURES} for item, found in read.items()}


def load_expectations() -> dict[str, Figures]:
    """Return the values that a person read on the sample's sheets."""
    with EXPECTED.open(newline="") as file:
        return {
            f"gsmarena-{row['page']}": {name: float(row[name]) if row[name] else None for name in FIGURES}
            for row in csv.DictReader(file)
        }
