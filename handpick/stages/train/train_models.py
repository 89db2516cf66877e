"""Fits and saves the models of one night from a loaded dataset."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from handpick.dataset import model_store
from handpick.dataset.evaluation_splits import TooFewUsers, build_splits
from handpick.dataset.time_split import compute_time_split
from handpick.errors import NightStopped
from handpick.lake.partitions import digest_partition
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.runtime.prefetch import prefetch_library
from handpick.stages.train.serving_training import (
    SERVING,
    can_train_in_parallel,
    halve_threads,
    train_serving_in_worker,
)
from handpick.stages.train.tracking import log_training
from handpick.stages.train.training_progress import show_progress
from models.dataset import Dataset
from models.evaluation.split import EvaluationSplit
from models.network.data_signature import ModelMismatch, build_signature
from models.recommender.factory import load_fusion_recommender, make_fusion_recommender
from models.recommender.recommender import FusionRecommender
from models.training.errors import TrainingError
from models.training.fit_options import FitOptions
from models.training.trainer import hash_dataset
from models.training.warm_start import has_same_inputs


def train_models(night: Night, data: Dataset) -> StageResult:
    """Fit the family and the fusion model, and write tonight's `models` partition.

    It has no models where there are too few users to compare them: the gate then keeps the champion, or lets
    popularity make the lists.

    Args:
        night: Gives settings, seed and lake.
        data: The night's dataset.

    Raises:
        NightStopped: If the fusion model's training cannot continue.
    """
    events = len(data.interactions)
    positive = int((data.interactions.weight > 0).sum())
    validation: EvaluationSplit | None = None
    shortage = ""
    try:
        validation = build_splits(night, data)[0]
    except TooFewUsers as short:
        shortage = str(short)
        log_progress(f"  no model was trained: {shortage}")
    with night.lake.replace_partition("models", night.logical_date) as folder:
        try:
            curves, seconds = ({}, {}) if validation is None else _fit_models(night, data, validation, folder)
        except TrainingError as error:
            raise NightStopped(
                f"Training the fusion model for {night.logical_date} stopped: {error}. No model of tonight "
                "was kept; the champion and the published lists are unchanged."
            ) from None
        (folder / "training.json").write_text(json.dumps({"curves": curves}, indent=1, sort_keys=True))
    where = night.lake.partition("models", night.logical_date)
    return StageResult(
        stage="train",
        logical_date=night.logical_date,
        where=str(where),
        flows=(Flow("interactions", events, positive, {"no preference shown": events - positive}),),
        digest=digest_partition(where),
        notes={"seconds_by_model": seconds, **({"not_trained": shortage} if shortage else {})},
    )


def _fit_models(
    night: Night, data: Dataset, validation: EvaluationSplit, folder: Path
) -> tuple[dict[str, Any], dict[str, float]]:
    """Fit and save all models of the night; return the learning curves, and the seconds of each step.

    The fusion model is fitted for selection, with early stopping on the validation window, and for serving,
    on all data and for as many epochs as selection finds best.
    """
    settings, seconds = night.settings, dict[str, float]()
    validation = sample_users(validation, settings.training.validation_users, night.seed)
    checkpoints = settings.path(settings.lake.root) / ".cache" / "training" / night.logical_date.isoformat()
    is_parallel = can_train_in_parallel(night, data)
    training = halve_threads(settings.training) if is_parallel else settings.training
    start = find_warm_start(night, validation.past)
    serving_start = find_warm_start(night, data, "serving")
    # Both or neither: selection's best epoch only applies to serving where both start alike.
    is_warm = start is not None and serving_start is not None
    start, serving_start = (start, serving_start) if is_warm else (None, None)
    epochs = min(training.epochs, training.warm_epochs) if is_warm else training.epochs
    where = folder / "fusion" / "serving"
    with ExitStack() as stack:
        if is_parallel:
            cache = checkpoints / "serving"
            serving_training = stack.enter_context(
                train_serving_in_worker(night, data, epochs, serving_start, folder, cache)
            )
            # numpy's and scipy's libraries too, or both processes would use more threads than there are cores
            stack.enter_context(threadpool_limits(training.threads))
        with _timed(seconds, "family"):
            which = ("selection",) if is_parallel else model_store.PURPOSES
            model_store.fit_family(night, data, compute_time_split(night), folder / "family", which)
        with _timed(seconds, "fusion_selection"), show_progress("train fusion") as watch:
            plan = FitOptions(
                validation, epochs=epochs, checkpoint_folder=checkpoints / "selection", on_step=watch
            )
            selection = make_fusion_recommender(settings.fusion, training).fit(
                validation.past, night.seed, plan, start
            )
            selection.save(folder / "fusion" / "selection")
        with _timed(seconds, "fusion_serving"):
            if is_parallel:
                with prefetch_library("mlflow.tracking") if settings.training.tracking else nullcontext():
                    train_state = serving_training.finish(selection.train_state.best_epoch)
            else:
                with show_progress(SERVING, is_validated=False) as watch:
                    serving = selection.refit(data, night.seed, watch, serving_start)
                serving.save(where)
                train_state = serving.train_state
    shutil.rmtree(checkpoints, ignore_errors=True)
    curves = {"selection": selection.train_state.curves, "serving": train_state.curves}
    log_training(night, curves, hash_dataset(data), selection.train_state.best)
    return curves, seconds


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Measure the wall time of the block, in seconds, under a name."""
    started = time.perf_counter()
    yield
    seconds[what] = round(time.perf_counter() - started, 1)


def find_warm_start(night: Night, data: Dataset, which: str = "selection") -> FusionRecommender | None:
    """Return the newest earlier fusion model if tonight's training can start from its weights, else None.

    Args:
        night: Tonight.
        data: What tonight's model will be trained on.
        which: `selection` or `serving`.
    """
    before = night.lake.latest_date_before("models", night.logical_date)
    if before is None or not night.settings.training.warm_start:
        return None
    if not (night.lake.partition("models", before) / "fusion" / which).is_dir():  # a night with few users
        return None
    try:
        night.lake.check("models", [before], with_bytes=True)
        earlier = load_fusion_recommender(night.lake.partition("models", before) / "fusion" / which)
    except ModelMismatch:
        return None
    if not isinstance(earlier, FusionRecommender) or earlier.network is None:
        return None
    is_same = earlier.config == night.settings.fusion and has_same_inputs(
        earlier.network.signature, build_signature(data)
    )
    return earlier if is_same else None


def sample_users(whole: EvaluationSplit, count: int, seed: int) -> EvaluationSplit:
    """Return the evaluation split of at most `count` of its users, drawn with a seed."""
    if len(whole.users) <= count:
        return whole
    rows = np.random.default_rng(seed).choice(len(whole.users), count, replace=False)
    return whole.select_users(np.sort(rows))
