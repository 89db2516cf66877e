"""Compares the family's members with published results on public splits: quality, seconds and memory.

Gowalla: all items ranked, training items excluded. MovieLens-100k: each user's last fifth, in time, is the
test. Members run with their default settings, except for those in `LARGE_SETTINGS`, which a catalogue of this
size needs; they were chosen on a tenth of the training pairs. Item-item matrices of 40,981 items do not fit
into memory; the graph filter and the two-stage hybrid at full size (`benchmarks/gowalla.py`) replace them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

PUBLISHED = {
    "gowalla": {
        "NGCF": (0.1570, 0.1327),
        "LightGCN": (0.1830, 0.1554),
        "GF-CF": (0.1849, 0.1518),
        "UltraGCN": (0.1862, 0.1580),
        "BSPM": (0.1920, 0.1597),
    },
    "movielens-100k": {},
}
"""Published Recall@20 and NDCG@20, from the table in the data's README."""
MEMBERS = {
    "gowalla": ("popularity", "als", "bpr", "mult_vae", "filter_fast", "filter", "two_stage"),
    "movielens-100k": (
        "popularity", "user_cosine", "user_pearson", "item_cosine", "item_tf_idf", "item_bm25",
        "als", "bpr", "ease", "graph_filter", "mult_vae",
    ),
}  # fmt: skip
LARGE_SETTINGS: dict[str, dict[str, float]] = {
    "als": {"dim": 128, "regularization": 1.0, "alpha": 5.0, "iterations": 8},
    "bpr": {"dim": 128, "regularization": 0.005, "iterations": 60},
    "mult_vae": {"hidden": 256, "dim": 128, "epochs": 10, "batch": 512},
}


def measure() -> dict[str, Any]:
    """Measure every member in its own process and print a table for each split."""
    console, figures = Console(highlight=False), {}
    for split, members in MEMBERS.items():
        rows = {}
        for member in members:
            console.print(f"  {split}: {member}", style="dim")
            command = [sys.executable, "-m", "benchmarks.run_member", split, member]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows[member] = json.loads(done.stdout.splitlines()[-1])
        _print_split(split, rows, console)
        for member, row in rows.items():
            for name, value in row.items():
                figures[f"{split}_{member}_{name}"] = value
        figures[f"{split}_best_recall_20"] = max(row["recall_20"] for row in rows.values())
        figures[f"{split}_over_popularity"] = (
            max(row["ndcg_20"] for row in rows.values()) / rows["popularity"]["ndcg_20"]
        )
    return figures


def _print_split(split: str, rows: dict[str, dict[str, float]], console: Console) -> None:
    table = Table(title=f"{split}: all items ranked, what was seen excluded", title_justify="left")
    table.add_column("")
    for heading in ("Recall@20", "NDCG@20", "fit s", "score s", "peak MiB"):
        table.add_column(heading, justify="right")
    lines = [(row["recall_20"], member, row) for member, row in rows.items()]
    lines += [
        (recall, f"{name} (published)", {"ndcg_20": gain})
        for name, (recall, gain) in PUBLISHED[split].items()
    ]
    for recall, name, row in sorted(lines, reverse=True, key=lambda line: line[0]):
        style = "dim" if name.endswith("(published)") else ""
        rest = [
            f"{row[key]:,.0f}" if key in row else "" for key in ("fit_seconds", "score_seconds", "peak_mib")
        ]
        table.add_row(name, f"{recall:.4f}", f"{row['ndcg_20']:.4f}", *rest, style=style)
    console.print(table)
