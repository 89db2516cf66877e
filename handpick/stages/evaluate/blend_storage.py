"""Storage of a night's blend: its weights in `evaluation/blend.json`, read back together with its models."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from handpick.dataset.model_store import load_members
from handpick.errors import MissingPartition
from handpick.night import Night
from models.hybrids.blend_weights import LearnedWeights, describe_weights
from models.hybrids.weighted import Blend

BLEND_FILE = "blend.json"


def write_blend(blend: Blend, learned: LearnedWeights, best: str, folder: Path) -> dict[str, Any]:
    """Write `blend.json`: weights and validation NDCG by segment, and one sentence about each.

    Args:
        blend: The weighted hybrid.
        learned: How its weights were learned.
        best: The member with the best NDCG on the test split.
        folder: The partition of `evaluation` that is being written.

    Returns:
        What was written.
    """
    kept = {
        # Sorted, so that the same weights give the same bytes.
        "segments": {name: dict(sorted(part.items())) for name, part in blend.weights.items()},
        "best": best,
        "bounds": list(blend.bounds),
        "validation_ndcg": learned.ndcg,
        "own_weights": learned.own_segments,
        "explained": describe_weights(blend.weights),
    }
    (folder / BLEND_FILE).write_text(json.dumps(kept, indent=1, sort_keys=True))
    return kept


def load_blend(night: Night, logical_date: date, which: str = "serving") -> Blend:
    """Load the blend that a night learned, over that night's `selection` or `serving` models.

    Args:
        night: Night whose lake is read.
        logical_date: The night of the models and of `evaluation/blend.json`; a decision's `champion_date`.
        which: `serving` to make lists, `selection` to measure.

    Raises:
        MissingPartition: If that night was not trained and evaluated, or a weighted member's model is gone.
        DamagedData: If the blend or a model is not what was written.
    """
    file = night.lake.partition("evaluation", logical_date) / BLEND_FILE
    if not file.is_file():
        raise MissingPartition(f"There is no {file}: run `handpick evaluate --date {logical_date}` first.")
    night.lake.check("evaluation", [logical_date], with_bytes=True)
    kept = json.loads(file.read_text())
    members = load_members(night, logical_date, which)
    blend = Blend(members, kept["segments"], tuple(kept["bounds"]))
    # The models may have been trained again with other settings since the blend was learned.
    gone = sorted(set(blend.used_members) - set(members))
    if gone:
        raise MissingPartition(
            f"The blend of {logical_date} needs {', '.join(gone)}, which the models of {logical_date} "
            f"({which}) lack: run `handpick train --date {logical_date}` and `handpick evaluate --date "
            f"{logical_date}` again."
        )
    return blend
