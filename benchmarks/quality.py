"""Compares the fusion model with popularity, the best collaborative member, content and the oracle."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.evaluated_nights import get_evaluated_night

COLLABORATIVE = (
    "user_cosine", "user_pearson", "item_cosine", "item_tf_idf", "item_bm25", "als", "bpr", "ease",
    "graph_filter", "mult_vae",
)  # fmt: skip
K = 20


def measure_quality_s() -> dict[str, Any]:
    """Measure the ratios on the test week of the shop with seed 7."""
    return measure_shop(7)


def measure_shop(seed: int) -> dict[str, Any]:
    """Return one shop's NDCG@20 of all and query-only users, Recall@20 of cold phones, and their ratios."""
    night = get_evaluated_night("S", seed)
    table = pq.read_table(night.lake.partition("evaluation", night.logical_date) / "metrics.parquet")
    table = table.filter(pc.equal(table["k"], K))
    value = {(row["member"], row["slice"], row["metric"]): row["value"] for row in table.to_pylist()}

    def ndcg(member: str, of: str = "all") -> float:
        return float(value[member, of, "ndcg"])

    # Chosen on the test week itself, which favours the rival.
    best = max(COLLABORATIVE, key=ndcg)
    cold = {member: float(value[member, "cold_item", "recall"]) for member in ("fusion", "content", "oracle")}
    return {
        "fusion_over_best_collaborative": ndcg("fusion") / ndcg(best),
        "fusion_over_popularity": ndcg("fusion") / ndcg("popularity"),
        "fusion_share_of_oracle": ndcg("fusion") / ndcg("oracle"),
        "cold_phones_fusion_over_content": cold["fusion"] / max(cold["content"], 1e-9),
        "query_only_share_of_oracle": ndcg("fusion", "query_only") / ndcg("oracle", "query_only"),
        "best_collaborative_is": best,
        **{
            f"{name}_ndcg_20": ndcg(name)
            for name in ("fusion", best, "content", "popularity", "weighted", "oracle")
        },
        **{f"cold_phones_{name}_recall_20": found for name, found in cold.items()},
    }
