"""The train stage on a dataset that is loaded."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from handpick import family
from handpick.errors import NightStopped
from handpick.evaluate.exams import validation_exam
from handpick.lake import digest_of
from handpick.ledger import Flow, StageResult
from handpick.night import Night
from handpick.train.tracking import track
from handpick.train.watch import watching
from handpick.windows import windows
from models.data import Dataset
from models.evaluation.split import Exam
from models.recommender.choose import load, make
from models.recommender.fitted import FusionRecommender
from models.recommender.signature import Mismatch, signature_of
from models.recommender.warm import is_alike
from models.training.course import digest_of_dataset
from models.training.errors import TrainingError
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
    """Fit for selection with early stopping on the validation window, and for serving for as many epochs.

    Raises:
        NightStopped: If the training cannot go on.
    """
    settings = night.settings
    validation = sampled(validation_exam(night, data), settings.training.validation_users, night.seed)
    checkpoints = settings.path(settings.lake.root) / ".cache" / "training" / night.logical_date.isoformat()
    try:
        started = time.perf_counter()
        earlier = last_night(night, validation.past)
        training = settings.training
        epochs = min(training.epochs, training.warm_epochs) if earlier else training.epochs
        with watching("train fusion") as watch:
            plan = Plan(validation, epochs, checkpoints, watch)
            selection = make(settings.fusion, training).fit(validation.past, night.seed, plan, earlier)
        selection.save(folder / "selection")
        seconds["fusion_selection"] = round(time.perf_counter() - started, 1)
        started = time.perf_counter()
        with watching("train fusion for serving", is_validated=False) as watch:
            serving = selection.refit(data, night.seed, watch)
        serving.save(folder / "serving")
        seconds["fusion_serving"] = round(time.perf_counter() - started, 1)
    except TrainingError as error:
        raise NightStopped(
            f"Training the fusion model for {night.logical_date} stopped: {error}. No model of tonight was kept; the "
            "champion and the lists published last stay."
        ) from None
    shutil.rmtree(checkpoints, ignore_errors=True)
    curves = {"selection": selection.standing.curves, "serving": serving.standing.curves}
    track(night, curves, digest_of_dataset(data), selection.standing.best)
    return curves


def last_night(night: Night, data: Dataset) -> FusionRecommender | None:
    """The newest earlier night's model of what was known before its validation window, if tonight can start from it."""
    before = night.lake.before("models", night.logical_date)
    if before is None or not night.settings.training.warm_start:
        return None
    try:
        earlier = load(night.lake.partition("models", before) / "fusion" / "selection")
    except Mismatch:
        return None
    if not isinstance(earlier, FusionRecommender) or earlier.network is None:
        return None
    is_same = earlier.config == night.settings.fusion and is_alike(
        earlier.network.signature, signature_of(data)
    )
    return earlier if is_same else None


def sampled(whole: Exam, most: int, seed: int) -> Exam:
    """The exam of a seeded sample of its users where there are more than that."""
    if len(whole.users) <= most:
        return whole
    rows = np.random.default_rng(seed).choice(len(whole.users), most, replace=False)
    return whole.part(np.sort(rows))
