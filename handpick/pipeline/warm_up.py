"""Compiles the numba kernels of train, evaluate, score and publish, and measures first passes of the top-N.

So the first night need not.

Run once where the environment is installed: `python -m handpick.pipeline.warm_up`. Numba keeps the machine
code in `__pycache__` and compiles a kernel again whose source file has changed.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy import sparse

from handpick.serving.relations import RELATIONS
from handpick.stages.publish.fingerprint import compute_fingerprint
from handpick.stages.publish.pg_copy import COPY_TYPES, encode_batches
from models.hybrids.blend_weights import ValidationScores
from models.recommender_interface import Factors
from models.topn.dense import find_top_n_in_float32
from models.topn.exact import find_top_n
from models.topn.pair_scores import compute_exact_scores

SAMPLES = {"text": "a", "smallint": 1, "real": 0.5, "double precision": 0.5, "boolean": True, "date": 1}
"""A value of each SQL type, as Arrow holds it."""


def main() -> None:
    """Score and select top-N lists of a small shop, and encode a row of every served table for COPY."""
    # Numba compiles a kernel once per signature, so shapes do not matter, but types and layouts are those of
    # a night.
    random = np.random.default_rng(0)
    factors = Factors(*(random.standard_normal((count, 16), np.float32) for count in (64, 256)))
    excluded = sparse.csr_matrix(factors.users @ factors.items.T > 8)
    find_top_n(factors, 5, exclude=excluded)
    find_top_n_in_float32(factors, 5, excluded, np.ones(256, bool))
    compute_exact_scores(*factors, np.arange(64), np.arange(64))
    ValidationScores(np.ones((1, 2, 3), np.float32), sparse.csr_matrix(np.eye(2, 3)), 1).ndcg(
        np.ones((2, 3), np.float32)
    )
    for relation in RELATIONS:
        row = {
            column.name: pa.array([SAMPLES[column.sql_type]], COPY_TYPES[column.sql_type][0])
            for column in relation.columns
        }
        for batch in encode_batches(pa.table(row), relation):
            compute_fingerprint(batch, relation)


if __name__ == "__main__":
    main()
