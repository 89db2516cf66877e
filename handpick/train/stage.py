"""The train stage on a dataset that is loaded."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from handpick import family
from handpick.evaluate.exams import validation_exam
from handpick.lake import digest_of
from handpick.ledger import Flow, StageResult
from handpick.night import Night
from handpick.windows import windows
from models.data import Dataset
from models.recommender import FusionRecommender
from models.training.plan import Plan


def train(night: Night, data: Dataset) -> StageResult:
    """Fit the family and the fusion model, and write tonight's `models` partition."""
    cut = windows(night)
    events = len(data.interactions)
    positive = int((data.interactions.weight > 0).sum())
    with night.lake.writing("models", night.logical_date) as folder:
        started = time.perf_counter()
        family.fit(night, data, cut, folder / "family")
        seconds = {"family": round(time.perf_counter() - started, 1)}
        curves = _fusion(night, data, folder / "fusion", seconds)
        (folder / "training.json").write_text(json.dumps({"curves": curves}, indent=1, sort_keys=True))
    where = night.lake.partition("models", night.logical_date)
    return StageResult(
        stage="train",
        logical_date=night.logical_date,
        where=str(where),
        flows=(Flow("interactions", events, positive, {"no preference shown": events - positive}),),
        digest=digest_of(where),
        notes={"seconds_by_model": seconds},
    )


def _fusion(night: Night, data: Dataset, folder: Path, seconds: dict[str, Any]) -> dict[str, Any]:
    """Fit for selection with early stopping on the validation window, and for serving for as many epochs."""
    settings = night.settings
    validation = validation_exam(night, data)
    started = time.perf_counter()
    selection = FusionRecommender(settings.fusion, settings.training)
    selection.fit(validation.past, night.seed, Plan(validation))
    selection.save(folder / "selection")
    seconds["fusion_selection"] = round(time.perf_counter() - started, 1)
    started = time.perf_counter()
    serving = FusionRecommender(settings.fusion, settings.training)
    serving.fit(data, night.seed, Plan(epochs=selection.standing.best_epoch))
    serving.save(folder / "serving")
    seconds["fusion_serving"] = round(time.perf_counter() - started, 1)
    return {"selection": selection.standing.curves, "serving": serving.standing.curves}
