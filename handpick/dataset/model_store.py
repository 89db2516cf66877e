"""Fitting and saving of a night's recommender family, and loading of a night's models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from handpick.dataset.time_split import TimeSplit
from handpick.errors import MissingPartition, NightStopped
from handpick.night import Night
from handpick.runtime.log import log_progress, track_progress
from models.config import FamilyConfig
from models.dataset import Dataset
from models.recommender_interface import Recommender

PURPOSES = ("selection", "serving")
"""`selection` models are fitted on events before the validation window and are evaluated; `serving` models on
all events."""


def fit_family(
    night: Night, dataset: Dataset, time_split: TimeSplit, folder: Path, purposes: Sequence[str] = PURPOSES
) -> None:
    """Fit every configured member of the family and save it under `folder/{selection,serving}/<member>/`.

    Members that the dataset is too large for are left out, and named in the log.

    Args:
        night: Gives settings and seed.
        dataset: The night's dataset.
        time_split: The night's time split.
        folder: Where the models are saved.
        purposes: `selection`, `serving`, or both.

    Raises:
        NightStopped: If there is no event before the validation window.
    """
    from models.member_registry import make_member

    history = dataset.until(time_split.train_end)
    if not len(history.interactions.positive()):
        raise NightStopped(
            f"No event is older than the validation window of {night.logical_date}, so nothing can be "
            "learned and tested. Nothing was published; shorten [evaluate] test_days and validation_days, or "
            "wait for more days."
        )
    config = night.settings.family
    # Checked with the larger dataset for both purposes: a model that serves must have been evaluated.
    too_large = {name: make_member(name, config).describe_size_limit(dataset) for name in config.members}
    for name, reason in too_large.items():
        # Logged once, also where both purposes are fitted one after the other.
        if reason and purposes[0] == PURPOSES[0]:
            log_progress(f"  family: {name} is left out: {reason}")
    chosen = [name for name in config.members if not too_large[name]]
    for which in purposes:
        data = history if which == "selection" else dataset
        for name in track_progress(chosen, f"fit the family for {which}"):
            make_member(name, config).fit(data, night.seed).save(folder / which / name)
    log_progress(f"  family: {len(chosen)} members fitted for {' and for '.join(purposes)}")


def load_members(night: Night, logical_date: date, which: str) -> dict[str, Recommender]:
    """Return the fusion model, where there is one, and the family of a night's `models` partition, by name.

    Args:
        night: Night whose lake is read.
        logical_date: The partition; the champion's may be an earlier night's.
        which: `selection` or `serving`.

    Raises:
        MissingPartition: If that night has not trained.
        DamagedData: If a file of the models is not what train wrote.
        NightStopped: If the fusion model's file is damaged or of an incompatible version.
    """
    from models.member_registry import MEMBER_CLASSES, load_member

    folder = night.lake.partition("models", logical_date)
    if not folder.is_dir():
        raise MissingPartition(
            f"models has no partition for {logical_date}: run `handpick train --date {logical_date}` first."
        )
    night.lake.check("models", [logical_date], with_bytes=True)
    members: dict[str, Recommender] = {}
    if (folder / "fusion" / which).is_dir():
        from models.network.data_signature import ModelMismatch
        from models.recommender.factory import load_fusion_recommender as load_fusion

        try:
            members["fusion"] = load_fusion(folder / "fusion" / which)
        except ModelMismatch as error:
            raise NightStopped(
                f"{error}: `handpick train --date {logical_date}`. Nothing was published."
            ) from None
    for member in sorted((folder / "family" / which).glob("*/")):
        if member.name in MEMBER_CLASSES:  # members that this release does not know are skipped
            members[member.name] = load_member(member.name, member)
    return members


def create_popularity(config: FamilyConfig) -> Recommender:
    """Return the popularity baseline, which is not fitted beforehand.

    Args:
        config: `[family]`.
    """
    from models.member_registry import make_member

    return make_member("popularity", config)
