"""Computes ranking metrics of random lists with RecBole's evaluator, for the tests to compare with.

Run it with an interpreter that has RecBole (`benchmarks.training_speed` makes one in
`var/benchmarks/recbole`) and keep what it prints as `tests/models/evaluation/recbole_values.json`. It imports
nothing of the project.

RecBole divides the average precision by the smaller of k and the number of relevant items, the project by the
number of relevant items; the users here have at most `K`, so that both are the same.
"""

from __future__ import annotations

import json

import numpy as np
import torch

USERS, ITEMS, K, SEED = 60, 40, 10, 5
CUTOFFS = (5, K)


def main() -> None:
    """Print lists, relevant items and RecBole's values as JSON."""
    # RecBole 1.2.1 uses a name that numpy has removed.
    np.float = float  # type: ignore[attr-defined]
    from recbole.evaluator.collector import DataStruct
    from recbole.evaluator.metrics import MAP, MRR, NDCG, Hit, Precision, Recall

    random = np.random.default_rng(SEED)
    lists = [random.permutation(ITEMS)[:K].tolist() for _ in range(USERS)]
    # At most five, so that no user has more relevant items than the shorter lists have places.
    relevant = [
        sorted(random.choice(ITEMS, int(random.integers(1, 6)), replace=False).tolist()) for _ in range(USERS)
    ]
    hit = [
        [int(item in wanted) for item in row] + [len(wanted)]
        for row, wanted in zip(lists, relevant, strict=True)
    ]
    data = DataStruct()
    data.set("rec.topk", torch.tensor(hit))
    config = {"topk": list(CUTOFFS), "metric_decimal_place": 10}
    metrics = {
        "recall": Recall,
        "precision": Precision,
        "ndcg": NDCG,
        "mrr": MRR,
        "map": MAP,
        "hit_rate": Hit,
    }
    values = {}
    for name, metric in metrics.items():
        found = metric(config).calculate_metric(data)
        values[name] = {key.split("@")[1]: float(value) for key, value in found.items()}
    print(json.dumps({"lists": lists, "relevant": relevant, "items": ITEMS, "values": values}))


if __name__ == "__main__":
    main()
