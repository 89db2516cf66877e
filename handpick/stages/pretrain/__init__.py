"""Pretraining: new versions of the encoders that learn from the shop's texts, pictures and phrases, and what it is worth."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from handpick.night import Night

if TYPE_CHECKING:
    from rich.table import Table

    from handpick.stages.pretrain.downstream_eval import Judge
    from handpick.stages.pretrain.trainer import Trainer
    from models.encoders.interface import Encoder
    from models.pretraining.objective_ablation import Worth

WORTH = "pretraining/worth"
"""A row for each objective: its task, cases, and the NDCG@20 without and with it."""
_SCHEMA = pa.schema(
    [
        pa.field("objective", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("case_count", pa.int64(), nullable=False),
        pa.field("ndcg_20_without", pa.float64(), nullable=False),
        pa.field("ndcg_20_with", pa.float64(), nullable=False),
    ]
)


def pretrain(night: Night) -> list[Worth]:
    """Train the chosen encoders on one night's marts and judge every objective; `pretraining/worth` keeps the verdict.

    The versions serve from the next night on; each becomes visible when it is complete, and a failed training leaves
    the one before.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
        EncoderUnusable: If a configured encoder cannot be loaded.
        NightStopped: If a training fails.
        NothingToJudge: If nobody did anything in the days that should judge; the versions are kept.
    """
    from handpick.stages.embed.encoders import fresh
    from handpick.stages.embed.media_files import Files
    from handpick.stages.pretrain import corpus
    from handpick.stages.pretrain.downstream_eval import Judge
    from handpick.stages.pretrain.trainer import Trainer

    items, queries = corpus.items(night), corpus.queries(night)
    files = Files(night)
    trainer = Trainer(night, items, queries, files, night.logical_date + timedelta(days=1))
    encoders = fresh(trainer)
    files.keep()
    judged = _judged(Judge(trainer), trainer, encoders)
    rows = [
        {
            "objective": worth.objective,
            "task": worth.task,
            "case_count": worth.cases,
            "ndcg_20_without": worth.without,
            "ndcg_20_with": worth.with_it,
        }
        for worth in judged
    ]
    night.lake.write(WORTH, night.logical_date, pa.Table.from_pylist(rows, _SCHEMA))
    return judged


def _judged(judge: Judge, trainer: Trainer, encoders: Any) -> list[Worth]:
    from models.encoders.names import BILSTM, SHOP_BERT, SHOP_CNN

    chosen, found = trainer.night.settings.embed, []
    if SHOP_BERT in chosen.text:
        found += judge.text(_shop_bert(encoders.text))
    if chosen.image == SHOP_CNN and encoders.image is not None:
        found += judge.image(encoders.text)
    if chosen.audio == BILSTM and encoders.audio is not None:
        found += judge.audio(encoders.audio, encoders.text)
    return found + judge.rows(encoders.text, encoders.specs)


def _shop_bert(text: Encoder[str]) -> Encoder[str]:
    """The small BERT, of one encoder or of several side by side."""
    from models.encoders.names import SHOP_BERT
    from models.encoders.text import SideBySide

    parts = text.parts if isinstance(text, SideBySide) else [text]
    return next(part for part in parts if part.name == SHOP_BERT)


def worth_table(judged: list[Worth]) -> Table:
    """The verdict as people read it."""
    from rich.table import Table

    table = Table(title="What each objective is worth (NDCG@20)", title_justify="left", header_style="bold")
    table.add_column("objective")
    table.add_column("task")
    for heading in ("cases", "without", "with", "change"):
        table.add_column(heading, justify="right")
    for worth in judged:
        change = f"{worth.with_it / worth.without - 1:+.0%}" if worth.without else ""
        table.add_row(
            worth.objective,
            worth.task,
            f"{worth.cases:,}",
            f"{worth.without:.4f}",
            f"{worth.with_it:.4f}",
            change,
        )
    return table
