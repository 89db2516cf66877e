"""Users of synthetic datasets with only a country and a language; tests add what they need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dataset import Users


def build_plain_users(user_ids: list[str], country: NDArray[Any], locale: NDArray[Any]) -> Users:
    """Return users without features and without a phone, who consented."""
    count = len(user_ids)
    return Users(
        user_ids=np.array(user_ids),
        features=np.zeros((count, 0), np.float32),
        feature_names=(),
        country=country,
        locale=locale,
        owned_item=np.full(count, -1, np.int64),
        signed_up_at=np.zeros(count, np.int64),
        is_consented=np.ones(count, bool),
    )
