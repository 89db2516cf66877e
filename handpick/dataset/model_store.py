"""Fits and loads the members of the recommender family for a night."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from handpick.dataset.time_split import Windows
from handpick.errors import MissingPartition, NightStopped
from handpick.night import Night
from handpick.runtime.log import say, track
from models.config import FamilyConfig
from models.data import Dataset
from models.interface import Recommender

WHICH = ("selection", "serving")
"""`selection` models know what happened before the validation window and are measured; `serving` models know all."""


def fit(
    night: Night, dataset: Dataset, windows: Windows, folder: Path, wanted: Sequence[str] = WHICH
) -> None:
    """Fit every configured member and save it under `folder/{selection,serving}/<member>/`.

    Args:
        wanted: For what; for both unless told.

    Raises:
        NightStopped: If nothing happened before the validation window.
    """
    from models.family import make

    history = dataset.until(windows.train_end)
    if not len(history.interactions.positive()):
        raise NightStopped(
            f"No event is older than the validation window of {night.logical_date}, so nothing can be learned and "
            "tested. Nothing was published; shorten [evaluate] test_days and validation_days, or wait for more days."
        )
    config = night.settings.family
    # Asked of the larger dataset for both: what serves must have been measured.
    why = {name: make(name, config).too_large(dataset) for name in config.members}
    for name, reason in why.items():
        if reason and wanted[0] == WHICH[0]:
            say(f"  family: {name} is left out: {reason}")
    chosen = [name for name in config.members if not why[name]]
    for which in wanted:
        data = history if which == "selection" else dataset
        for name in track(chosen, f"fit the family for {which}"):
            make(name, config).fit(data, night.seed).save(folder / which / name)
    say(f"  family: {len(chosen)} members fitted for {' and for '.join(wanted)}")


def load_members(night: Night, logical_date: date, which: str) -> dict[str, Recommender]:
    """The fusion model, where there is one, and the family of a night's `models` partition, by name.

    Args:
        night: Whose lake to read.
        logical_date: The partition; the champion's may be an earlier night's.
        which: `selection` or `serving`.

    Raises:
        MissingPartition: If the night has not trained.
    """
    from models.family import CLASSES, load

    folder = night.lake.partition("models", logical_date)
    if not folder.is_dir():
        raise MissingPartition(
            f"models has no partition for {logical_date}: run `handpick train --date {logical_date}` first."
        )
    members: dict[str, Recommender] = {}
    if (folder / "fusion" / which).is_dir():
        from models.network.data_signature import Mismatch
        from models.recommender.factory import load as load_fusion

        try:
            members["fusion"] = load_fusion(folder / "fusion" / which)
        except Mismatch as error:
            raise NightStopped(
                f"{error}: `handpick train --date {logical_date}`. Nothing was published."
            ) from None
    for member in sorted((folder / "family" / which).glob("*/")):
        if member.name in CLASSES:
            members[member.name] = load(member.name, member)
    return members


def fresh_popularity(config: FamilyConfig) -> Recommender:
    """The baseline, which learns nothing beforehand."""
    from models.family import make

    return make("popularity", config)
