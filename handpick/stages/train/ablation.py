"""What each part of the fusion model is worth: trained without it, on the same exam, with paired intervals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from handpick.dataset.splits import test_exam, validation_exam
from handpick.errors import NightStopped
from handpick.night import Night
from handpick.runtime.log import say
from handpick.stages.train.pretrainings import pretrained, pretrainings
from handpick.stages.train.stage import sampled
from models.config import FusionConfig
from models.data import Dataset
from models.evaluation.bootstrap import Interval, paired
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg
from models.evaluation.split import Exam
from models.recommender.factory import make
from models.topn.dense import top_lists
from models.training.errors import TrainingError
from models.training.options import K, Plan

MODALITIES = (
    "text", "image", "specs", "facts", "identity",
    "behaviour", "query_text", "query_image", "query_audio", "profile",
)  # fmt: skip
FULL = "as configured"


class Part(NamedTuple):
    """One row of the table.

    Args:
        name: What was changed.
        ndcg: Mean NDCG@20 over all test users and seeds.
        change: Of the same users, against the model as configured.
        slices: NDCG@20 by slice.
        seconds: Of one training of the fusion model, on average.
    """

    name: str
    ndcg: float
    change: Interval
    slices: dict[str, float]
    seconds: float


def variants(config: FusionConfig, only: Sequence[str] = ()) -> dict[str, FusionConfig]:
    """The settings of each row by its name; `only` keeps those whose name holds one of these words."""
    found = {FULL: config}
    for name in MODALITIES:
        if name not in config.without:
            found[f"without {name}"] = config.model_copy(update={"without": (*config.without, name)})
    for what, key in (("fusion", "fusion"), ("identity from", "identity_start")):
        for word in get_args(FusionConfig.model_fields[key].annotation):
            if word != getattr(config, key):
                found[f"{what} {word}"] = config.model_copy(update={key: word})
    return {name: one for name, one in found.items() if name == FULL or is_wanted(name, only)}


def is_wanted(name: str, only: Sequence[str]) -> bool:
    """Whether a row's name holds one of the words, or there are none."""
    return not only or any(word in name for word in only)


def ablate(night: Night, data: Dataset, seeds: Sequence[int], only: Sequence[str] = ()) -> Iterator[Part]:
    """Train and measure each variant of the fusion model, then each way to pretrain; the first is as configured.

    Raises:
        NightStopped: If a training cannot go on.
    """
    whole: NDArray[np.float64] | None = None
    for name, config in variants(night.settings.fusion, only).items():
        part, by_user = _part(night, name, data, config, seeds, whole)
        whole = by_user if whole is None else whole
        yield part
    settings = night.settings
    ways = pretrainings(
        settings.pretraining,
        settings.embed,
        has_pictures="image" in data.catalogue.modalities,
        has_sounds="audio" in data.queries.modalities,
    )
    for name, way in ways.items():
        if is_wanted(name, only):
            with pretrained(night, way) as other:
                yield _part(night, name, other, settings.fusion, seeds, whole)[0]


def _part(
    night: Night,
    name: str,
    data: Dataset,
    config: FusionConfig,
    seeds: Sequence[int],
    whole: NDArray[np.float64] | None,
) -> tuple[Part, NDArray[np.float64]]:
    """A row, and `(users,)` NDCG@20 of each test user.

    Args:
        whole: The same of the model as configured; None for that model itself.
    """
    validation = sampled(validation_exam(night, data), night.settings.training.validation_users, night.seed)
    started = time.perf_counter()
    try:
        slices, by_user = _measured(night, config, validation, test_exam(night, data), seeds)
    except TrainingError as error:
        raise NightStopped(f"ablate, {name}: {error}. Nothing was changed.") from None
    seconds = (time.perf_counter() - started) / len(seeds)
    change = paired(by_user, by_user if whole is None else whole, seed=night.seed)
    say(f"  {name}: NDCG@{K} {by_user.mean():.4f} ({seconds:.0f} s)")
    return Part(name, float(by_user.mean()), change, slices, seconds), by_user


def _measured(
    night: Night, config: FusionConfig, validation: Exam, test: Exam, seeds: Sequence[int]
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """NDCG@20 by slice, and `(users,)`, means over the seeds."""
    users = np.zeros(len(test.users))
    slices: dict[str, list[float]] = {}
    for seed in seeds:
        model = make(config, night.settings.training).fit(validation.past, seed, Plan(validation))
        lists = top_lists(model.factors(test.past, test.users), K, test.exclude, test.candidates)
        users += ndcg(judge(lists, test.relevant), K) / len(seeds)
        for name, relevant in test.slices.items():
            rows = np.flatnonzero(np.diff(relevant.indptr))
            if len(rows):
                slices.setdefault(name, []).append(float(ndcg(judge(lists[rows], relevant[rows]), K).mean()))
    return {name: float(np.mean(values)) for name, values in slices.items()}, users


def as_json(parts: Sequence[Part]) -> list[Mapping[str, Any]]:
    """The rows as `ablation.json` keeps them."""
    return [{**part._asdict(), "change": part.change._asdict()} for part in parts]
