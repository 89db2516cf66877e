"""Ablation of the fusion model: each variant's NDCG@20 on the same test split, with paired intervals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from handpick.dataset.evaluation_splits import build_test_split, build_validation_split
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.stages.train.pretraining_ablation import list_pretraining_variants, load_dataset_with_variant
from handpick.stages.train.train_models import sample_users
from models.config import FusionConfig
from models.dataset import Dataset
from models.evaluation.bootstrap import Interval, bootstrap_difference
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.split import EvaluationSplit
from models.recommender.factory import make_fusion_recommender
from models.topn.dense import find_top_n_in_float32
from models.training.errors import TrainingError
from models.training.fit_options import VALIDATION_K, FitOptions

MODALITIES = (
    "text", "image", "specs", "facts", "identity",
    "behaviour", "query_text", "query_image", "query_audio", "profile",
)  # fmt: skip
AS_CONFIGURED = "as configured"


class AblationRow(NamedTuple):
    """One row of the ablation table.

    Args:
        name: What was changed.
        ndcg: Mean NDCG@20 over all test users and seeds.
        change: Difference in NDCG@20 from the model as configured, over the same users.
        slices: Mean NDCG@20 by slice of users.
        seconds: Mean wall time of one training and evaluation of the fusion model.
    """

    name: str
    ndcg: float
    change: Interval
    slices: dict[str, float]
    seconds: float


def list_fusion_variants(config: FusionConfig, only: Sequence[str] = ()) -> dict[str, FusionConfig]:
    """Return the `[fusion]` settings of each variant by the name of its row, the configured ones first.

    Args:
        config: `[fusion]` as configured.
        only: Keep variants whose name holds one of these words; all where empty.
    """
    found = {AS_CONFIGURED: config}
    for name in MODALITIES:
        if name not in config.without:
            found[f"without {name}"] = config.model_copy(update={"without": (*config.without, name)})
    for what, key in (("fusion", "fusion"), ("identity from", "identity_start")):
        for word in get_args(FusionConfig.model_fields[key].annotation):
            if word != getattr(config, key):
                found[f"{what} {word}"] = config.model_copy(update={key: word})
    return {name: one for name, one in found.items() if name == AS_CONFIGURED or has_any_word(name, only)}


def has_any_word(name: str, words: Sequence[str]) -> bool:
    """Return whether a row's name holds one of the words; True where there are no words."""
    return not words or any(word in name for word in words)


def run_ablation(
    night: Night, data: Dataset, seeds: Sequence[int], only: Sequence[str] = ()
) -> Iterator[AblationRow]:
    """Train and measure each variant of the fusion model, then each variant of pretraining.

    The first row is the model as configured.

    Args:
        night: Gives the settings.
        data: The night's dataset.
        seeds: Every variant is trained once with each.
        only: Measure only variants whose name holds one of these words, and the configured model.

    Yields:
        One row per variant, as soon as it is measured.

    Raises:
        NightStopped: If a training cannot continue.
    """
    configured: NDArray[np.float64] | None = None
    for name, config in list_fusion_variants(night.settings.fusion, only).items():
        row, by_user = _measure_variant(night, name, data, config, seeds, configured)
        configured = by_user if configured is None else configured
        yield row
    settings = night.settings
    pretraining_variants = list_pretraining_variants(
        settings.pretraining,
        settings.embed,
        has_pictures="image" in data.catalogue.modalities,
        has_sounds="audio" in data.queries.modalities,
    )
    for name, variant in pretraining_variants.items():
        if has_any_word(name, only):
            with load_dataset_with_variant(night, variant) as other:
                yield _measure_variant(night, name, other, settings.fusion, seeds, configured)[0]


def _measure_variant(
    night: Night,
    name: str,
    data: Dataset,
    config: FusionConfig,
    seeds: Sequence[int],
    configured: NDArray[np.float64] | None,
) -> tuple[AblationRow, NDArray[np.float64]]:
    """Return a variant's row, and `(users,) float64` NDCG@20 of each test user.

    Args:
        night: Gives the settings.
        name: Name of the row.
        data: The dataset to train and test on.
        config: `[fusion]` of the variant.
        seeds: Seeds of the trainings.
        configured: NDCG@20 of each test user by the model as configured; None for that model itself.
    """
    users = night.settings.training.validation_users
    validation = sample_users(build_validation_split(night, data), users, night.seed)
    started = time.perf_counter()
    try:
        slices, by_user = _train_and_measure(night, config, validation, build_test_split(night, data), seeds)
    except TrainingError as error:
        raise NightStopped(f"ablate, {name}: {error}. Nothing was changed.") from None
    seconds = (time.perf_counter() - started) / len(seeds)
    change = bootstrap_difference(by_user, by_user if configured is None else configured, seed=night.seed)
    log_progress(f"  {name}: NDCG@{VALIDATION_K} {by_user.mean():.4f} ({seconds:.0f} s)")
    return AblationRow(name, float(by_user.mean()), change, slices, seconds), by_user


def _train_and_measure(
    night: Night,
    config: FusionConfig,
    validation: EvaluationSplit,
    test: EvaluationSplit,
    seeds: Sequence[int],
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Return NDCG@20 by slice, and `(users,)` by test user, each the mean over the seeds."""
    users = np.zeros(len(test.users))
    slices: dict[str, list[float]] = {}
    for seed in seeds:
        model = make_fusion_recommender(config, night.settings.training).fit(
            validation.past, seed, FitOptions(validation)
        )
        lists = find_top_n_in_float32(
            model.factors(test.past, test.users), VALIDATION_K, test.exclude, test.candidates
        )
        # Averaged over seeds per user, so that the bootstrap compares users and not seeds.
        users += ndcg_at_k(find_hits(lists, test.relevant), VALIDATION_K) / len(seeds)
        for name, relevant in test.slices.items():
            rows = np.flatnonzero(np.diff(relevant.indptr))  # users with something to find in this slice
            if len(rows):
                slices.setdefault(name, []).append(
                    float(ndcg_at_k(find_hits(lists[rows], relevant[rows]), VALIDATION_K).mean())
                )
    return {name: float(np.mean(values)) for name, values in slices.items()}, users


def ablation_to_json(parts: Sequence[AblationRow]) -> list[Mapping[str, Any]]:
    """Return the rows as `ablation.json` stores them."""
    return [{**part._asdict(), "change": part.change._asdict()} for part in parts]
