"""What other stages, commands and DAGs may import from `pretrain`: the trainer, and a table of results."""

from handpick.stages.pretrain.objective_results import render_objectives, rows_to_results
from handpick.stages.pretrain.precomputed import IMAGES, SOUNDS, Precomputed
from handpick.stages.pretrain.trainer import EncoderTrainer

__all__ = [
    "IMAGES",
    "SOUNDS",
    "EncoderTrainer",
    "Precomputed",
    "render_objectives",
    "rows_to_results",
]
