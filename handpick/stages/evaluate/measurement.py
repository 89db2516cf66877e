"""The evaluation of a night: what is measured on which split, and the files of the `evaluation` partition."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handpick.dataset.evaluation_splits import TooFewUsers, build_splits
from handpick.dataset.model_store import create_popularity, load_members
from handpick.lake.partitions import digest_partition, write_parquet
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.stages.evaluate.blend_storage import write_blend
from handpick.stages.evaluate.impressions import ImpressionLog, make_unlogged_impressions
from handpick.stages.evaluate.metrics_table import build_metrics_table
from handpick.stages.evaluate.model_comparison import ModelLists, learn_blend, rank_by_oracle, rank_models
from handpick.stages.evaluate.off_policy import build_off_policy_log
from models.dataset import Dataset, FloatArray, StringArray
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.split import EvaluationSplit

MAX_ORACLE_PAIRS = 100_000_000
"""User-item pairs up to which the oracle is computed; beyond, it would take most of the stage's time."""


def measure_models(night: Night, data: Dataset, log: ImpressionLog | None = None) -> StageResult:
    """Learn the blend, measure all models on the test split, and write `evaluation`.

    Args:
        night: The night to evaluate.
        data: Everything that is known on its logical date.
        log: The impressions with their positions and propensities; by default the dataset's own, without
            either.

    Returns:
        The stage's result; its notes hold NDCG by model and the blend in words.

    Raises:
        MissingPartition: If the night has no trained models.
    """
    settings = night.settings.evaluate
    try:
        validation, test = build_splits(night, data)
    except TooFewUsers as shortage:
        return _measure_nothing(night, str(shortage))
    members = load_members(night, night.logical_date, "selection")
    # Popularity is the baseline of every comparison, also where it is not a configured member.
    members.setdefault("popularity", create_popularity(night.settings.family))
    blend, learned = learn_blend(members, validation, settings, night.seed)
    # One ranking serves all cutoffs: metrics at k look at the first k places only.
    k = max(*settings.cutoffs, settings.gate_cutoff)
    entries = rank_models(blend, validation, test, night.settings.family, seed=night.seed, k=k)
    truth = compute_oracle_scores(night, test)
    if truth is not None:
        entries["oracle"] = rank_by_oracle(truth, test, k)
    exponent = night.settings.transform.default_position_exponent
    impressions = build_off_policy_log(
        make_unlogged_impressions(data) if log is None else log, test, data, exponent
    )
    table = build_metrics_table(entries, test, impressions, settings, night.seed)
    overall = _overall_ndcg(table, settings.gate_cutoff)
    # The name breaks ties, so that equal figures give the same file.
    best = max((name for name in members), key=lambda name: (overall[name], name))
    with night.lake.replace_partition("evaluation", night.logical_date) as folder:
        write_parquet(table, folder / "metrics.parquet")
        kept = write_blend(blend, learned, best, folder)
        write_parquet(
            _user_table(entries, test, blend.segments(test.past, test.users), settings.gate_cutoff),
            folder / "users.parquet",
        )
    where = night.lake.partition("evaluation", night.logical_date)
    for segment, line in kept["explained"].items():
        log_progress(f"  {segment}: {line}")
    return StageResult(
        stage="evaluate",
        logical_date=night.logical_date,
        where=str(where),
        flows=(Flow("test users", len(test.users), len(test.users)),),
        digest=digest_partition(where),
        notes={
            "ndcg": {name: round(value, 4) for name, value in sorted(overall.items(), key=lambda x: -x[1])},
            "blend": kept["explained"],
            "best_member": best,
            "test_users": len(test.users),
            "validation_users": len(validation.users),
        },
    )


def _measure_nothing(night: Night, shortage: str) -> StageResult:
    """Write an `evaluation` that says why no model was measured."""
    log_progress(f"  no model was measured: {shortage}")
    with night.lake.replace_partition("evaluation", night.logical_date) as folder:
        (folder / "shortage.json").write_text(json.dumps({"shortage": shortage}, indent=1))
    where = night.lake.partition("evaluation", night.logical_date)
    return StageResult(
        stage="evaluate",
        logical_date=night.logical_date,
        where=str(where),
        flows=(Flow("test users", 0, 0),),
        digest=digest_partition(where),
        notes={"not_measured": shortage},
    )


def compute_oracle_scores(
    night: Night, test: EvaluationSplit, without: Collection[str] = ()
) -> FloatArray | None:
    """Sum the demo shop's expected events over the test window.

    Args:
        night: Night whose settings name the truth folder.
        test: The test split.
        without: Blocks of utility that the oracle does not know: `specs`, `image`, `text`, `hidden`.

    Returns:
        `(users, items) float32`, or None where there is no demo shop or the split is too large.
    """
    folder = night.settings.path(night.settings.lake.truth)
    if not folder.is_dir() or len(test.users) * len(test.candidates) > MAX_ORACLE_PAIRS:
        return None
    from handpick.dataset.oracle.scores import compute_expected_rates
    from handpick.dataset.oracle.truth_files import OutdatedTruth

    users = test.past.users.user_ids[test.users].tolist()
    items = test.past.catalogue.item_ids.tolist()
    total = np.zeros((len(users), len(items)), np.float32)
    first = datetime.fromtimestamp(test.past.as_of, UTC).date()
    try:
        for day in range(night.settings.evaluate.test_days):
            total += compute_expected_rates(folder, users, items, first + timedelta(days=day), without)
    except OutdatedTruth as outdated:
        log_progress(f"  the oracle is left out: {outdated}")
        return None
    return total


def _overall_ndcg(table: pa.Table, k: int) -> dict[str, float]:
    """Return NDCG@k over all users by model."""
    keep = pc.and_(pc.equal(table["metric"], "ndcg"), pc.equal(table["slice"], "all"))
    rows = table.filter(pc.and_(keep, pc.equal(table["k"], k))).to_pylist()
    return {row["member"]: row["value"] for row in rows}


def _user_table(
    entries: dict[str, ModelLists], test: EvaluationSplit, segment: StringArray, k: int
) -> pa.Table:
    """Return a row for each test user with the lists and NDCG@k of the blend and of popularity."""
    ids = test.past.catalogue.item_ids
    columns: dict[str, pa.Array] = {
        "user_id": pa.array(test.past.users.user_ids[test.users].tolist(), pa.string()),
        "segment": pa.array(segment.tolist(), pa.string()),
    }
    for name in ("weighted", "popularity"):
        if name in entries:
            lists = entries[name].lists[:, :k]
            columns[f"{name}_items"] = pa.array(
                [ids[row[row >= 0]].tolist() for row in lists], pa.list_(pa.string())
            )
            columns[f"{name}_ndcg"] = pa.array(ndcg_at_k(find_hits(lists, test.relevant), k))
    return pa.table(columns)
