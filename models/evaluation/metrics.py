"""The ranking metrics by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.evaluation.average_precision import average_precision_at_k
from models.evaluation.hit_rate import hit_rate_at_k
from models.evaluation.hits import Hits
from models.evaluation.mrr import mrr_at_k
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.precision import precision_at_k
from models.evaluation.recall import recall_at_k

RANKING_METRICS: dict[str, Callable[[Hits, int], NDArray[np.float64]]] = {
    "recall": recall_at_k,
    "precision": precision_at_k,
    "ndcg": ndcg_at_k,
    "mrr": mrr_at_k,
    "map": average_precision_at_k,
    "hit_rate": hit_rate_at_k,
}
"""Each computes one value per user from hits and a list length k."""
