"""The `pretrain` stage: trains new versions of the shop's own encoders, and measures each objective."""

from __future__ import annotations

from datetime import timedelta

from handpick.lake.checksums import digest_json
from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Train and register the chosen encoders on one night's marts, and measure every pretraining objective.

    The new versions serve from the next night on, as one set; a failed training leaves the previous set in
    place. The lake's `pretraining/worth` keeps the measurements.

    Returns:
        The ledger lines of the content that was read for training, a digest of the new set, and in the notes
        `objectives`: the rows of `pretraining/worth`.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
        EncoderUnusable: If a configured encoder cannot be loaded.
        NightStopped: If a training fails.
        NoEvaluationEvents: If there are no events in the days to evaluate on; the new versions are kept.
    """
    from handpick.dataset.content_tables import read_items, read_queries
    from handpick.dataset.media_files import MediaFiles
    from handpick.stages.pretrain.downstream_eval import DownstreamEvaluator, evaluate_objectives
    from handpick.stages.pretrain.objective_results import OBJECTIVES_TABLE, results_to_rows, rows_to_table
    from handpick.stages.pretrain.train_all import train_encoders
    from handpick.stages.pretrain.trainer import EncoderTrainer

    items, queries = read_items(night), read_queries(night)
    files = MediaFiles(night)
    trainer = EncoderTrainer(night, items, queries, files, night.logical_date + timedelta(days=1))
    encoders = train_encoders(trainer)
    files.save_cache()
    rows = results_to_rows(evaluate_objectives(DownstreamEvaluator(trainer), encoders))
    night.lake.write(OBJECTIVES_TABLE, night.logical_date, rows_to_table(rows))
    members = trainer.registry.read_members(trainer.first_night)
    return StageResult(
        "pretrain",
        night.logical_date,
        str(trainer.registry.root),
        tuple(trainer.flows.values()),
        digest_json(members),
        notes={"objectives": rows},
    )
