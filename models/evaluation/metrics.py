"""The ranking metrics by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.evaluation.average_precision import average_precision
from models.evaluation.hit_rate import hit_rate
from models.evaluation.lists import Judged
from models.evaluation.mrr import mrr
from models.evaluation.ndcg import ndcg
from models.evaluation.precision import precision
from models.evaluation.recall import recall

RANKING: dict[str, Callable[[Judged, int], NDArray[np.float64]]] = {
    "recall": recall,
    "precision": precision,
    "ndcg": ndcg,
    "mrr": mrr,
    "map": average_precision,
    "hit_rate": hit_rate,
}
"""Each computes one value a user from hits and a list length k."""
