"""A night's blend of models as an object that recommends: for notebooks, and for MLflow's pyfunc.

It scores as the stage does, but knows no rules, diversity or reasons: those are in the lists.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.configuration_file import FILE_VARIABLE
from handpick.settings.load import load
from handpick.stages.evaluate.public import load_blend

if TYPE_CHECKING:
    import pandas as pd

    from models.dataset import Dataset
    from models.hybrids.weighted import Blend

USERS_COLUMN = "user_id"


@dataclass(frozen=True)
class NightModel:
    """The blend of one night, applied to what was known on another one or the same.

    Args:
        night: The night whose dataset it is applied to.
        trained_on: The night whose models and weights it has.
    """

    night: Night
    trained_on: date

    @cached_property
    def data(self) -> Dataset:
        """The night's dataset."""
        from handpick.dataset.load import load_dataset

        return load_dataset(self.night)

    @cached_property
    def blend(self) -> Blend:
        """The weighted models, trained on all events."""
        return load_blend(self.night, self.trained_on, "serving")

    def recommend(self, user_ids: Sequence[str], k: int = 20) -> pa.Table:
        """Return the k phones in stock with the highest scores of each user.

        Args:
            user_ids: Users of the night.
            k: Phones a user.

        Returns:
            `user_id`, `rank`, `item_id`, `score`, in the order of the users.

        Raises:
            InputError: If a user is not known on the night.
        """
        known = {user: place for place, user in enumerate(self.data.users.user_ids.tolist())}
        unknown = [user for user in user_ids if user not in known]
        if unknown:
            raise InputError(
                f"{len(unknown)} of {len(user_ids)} users are not known on {self.night.logical_date}, such "
                f"as {unknown[0]}; nothing was recommended. table('marts/dim_user') has those who are."
            )
        users = np.array([known[user] for user in user_ids], np.int64)
        factors = self.blend.factors(self.data, users)
        scores = factors.users @ factors.items.T
        scores[:, ~self.data.catalogue.is_sellable] = -np.inf
        k = min(k, int(self.data.catalogue.is_sellable.sum()))
        # Equal scores in the order of the phones' ids, as everywhere.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return pa.table(
            {
                "user_id": np.repeat(np.array(user_ids, dtype=str), k),
                "rank": np.tile(np.arange(1, k + 1, dtype=np.int16), len(users)),
                "item_id": self.data.catalogue.item_ids[best].ravel(),
                "score": np.take_along_axis(scores, best, axis=1).ravel(),
            }
        )

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return `recommend` of the column `user_id`, as MLflow's pyfunc calls it; `params` may hold `k`."""
        k = int((params or {}).get("k", 20))
        frame: pd.DataFrame = self.recommend(model_input[USERS_COLUMN].astype(str).tolist(), k).to_pandas()
        return frame


def _load_pyfunc(path: str) -> NightModel:
    """Load what a registered version points to; MLflow calls it by this name."""
    file = Path(path)
    stored = json.loads((file / "night.json" if file.is_dir() else file).read_text())
    day = date.fromisoformat(stored["logical_date"])
    before = os.environ.get(FILE_VARIABLE)
    os.environ[FILE_VARIABLE] = stored["configuration"]
    try:
        settings = load()
    finally:
        if before is None:
            del os.environ[FILE_VARIABLE]
        else:
            os.environ[FILE_VARIABLE] = before
    return NightModel(Night(settings, day), day)
