"""Work of a first night that a worker process does while this process trains the text encoder.

None of it needs that text encoder: synthesizing phrases for the audio encoder, encoding texts of items with
the text encoders that are not trained on the shop, training the image encoder and encoding pictures with it.
The results are, to the byte, what this process would have made, because every batch is computed with one
thread wherever it is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock
from typing import Any

import numpy as np

from handpick.dataset.content_tables import read_items, read_queries
from handpick.dataset.encoders import load_text_part, stop_on_encoder_error
from handpick.dataset.item_text import format_item_text
from handpick.dataset.media_files import MediaFiles
from handpick.night import Night
from handpick.runtime.speech_synthesis import can_synthesize
from handpick.runtime.worker_process import WorkerProcess, run_in_worker_process
from handpick.stages.embed.embedding_tables import encode_media, encode_texts
from handpick.stages.embed.encoders import TEXTS, Batch, NightEncoders
from handpick.stages.embed.vector_columns import VectorColumn
from handpick.stages.pretrain.public import IMAGES, SOUNDS, EncoderTrainer
from models.dataset import FloatArray
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN
from models.encoders.interface import Encoder

MAX_TEXTS = 8192
"""Items whose texts the worker encodes. With more, this process would wait longer than it takes to encode
them itself with two threads."""


@dataclass
class WorkerResults:
    """Results of the worker process, received as they are waited for; implements `pretrain`'s `Precomputed`.

    Args:
        worker: The process.
        tasks: The tasks that it computes, in this order.
    """

    worker: WorkerProcess
    tasks: tuple[str, ...]
    _results: dict[str, Any] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def has(self, task: str) -> bool:
        """Return whether the worker computes the results of this task."""
        return task in self.tasks

    def wait_for(self, task: str) -> Any:
        """Return a task's results, waiting for them where they have not arrived yet.

        Raises:
            Exception: What the worker raised instead.
        """
        with self._lock:  # batches of texts are encoded in several threads, and each may be the first to wait
            while task not in self._results:
                done, result = self.worker.receive()
                self._results[done] = result
        return self._results[task]


class RecordingTextEncoder:
    """A text encoder that keeps the vectors of each batch that it encodes.

    Args:
        encoder: Does the encoding.
    """

    def __init__(self, encoder: Encoder[str]) -> None:
        self.encoder, self.recorded = encoder, dict[Batch, FloatArray]()
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint

    def encode(self, batch: Sequence[str]) -> FloatArray:
        """Return `(len(batch), dim) float32`."""
        vectors = self.recorded[tuple(batch)] = self.encoder.encode(batch)
        return vectors


def plan_precompute(trainer: EncoderTrainer) -> tuple[str, ...]:
    """Return the tasks of the worker process tonight, in order.

    There are none unless the text encoder is to be trained tonight, on a CPU, with at least two threads.
    """
    import torch

    settings, registry = trainer.night.settings.embed, trainer.registry
    is_gpu = settings.device != "cpu" and torch.cuda.is_available()
    if settings.threads < 2 or is_gpu or SHOP_BERT not in settings.text:
        return ()
    if registry.find_version(SHOP_BERT, trainer.first_night) is not None:
        return ()
    needs_text = "text_image" in trainer.night.settings.pretraining.image.objectives
    has_no_version = registry.find_version(SHOP_CNN, trainer.first_night) is None
    planned = {
        SOUNDS: trainer.has_sounds() and settings.audio == BILSTM and can_synthesize(),
        TEXTS: len(settings.text) > 1,
        IMAGES: trainer.has_pictures() and settings.image == SHOP_CNN and has_no_version and not needs_text,
    }
    return tuple(task for task, is_planned in planned.items() if is_planned)


@contextmanager
def run_precompute(trainer: EncoderTrainer) -> Iterator[WorkerResults | None]:
    """Run the worker process during the block, where there is something for it to do.

    Args:
        trainer: The night's trainer of encoders.

    Yields:
        Its results; None where there is nothing to do.
    """
    tasks = plan_precompute(trainer)
    if not tasks:
        yield None
        return
    try:
        with run_in_worker_process(
            _run_worker, trainer.night, tasks, purpose="precompute what needs no text encoder"
        ) as worker:
            yield WorkerResults(worker, tasks)
    finally:
        # The worker is killed if the block raises, and then leaves an unfinished version.
        trainer.registry.remove_staging(SHOP_CNN, trainer.first_night)


def _run_worker(
    inbox: SimpleQueue[Any],  # noqa: ARG001
    night: Night,
    tasks: tuple[str, ...],
) -> Iterator[tuple[str, Any]]:
    """Compute the results in the worker process.

    It reads the marts itself instead of receiving them by pickle.
    """
    import torch

    torch.set_num_threads(1)
    trainer = EncoderTrainer(
        night, read_items(night), read_queries(night), MediaFiles(night), night.logical_date
    )
    for task in tasks:
        yield (
            task,
            {SOUNDS: _synthesize_sounds, TEXTS: _encode_item_texts, IMAGES: _encode_pictures}[task](trainer),
        )


def _synthesize_sounds(trainer: EncoderTrainer) -> Any:
    """Return the audio encoder's training examples."""
    return trainer.synthesize_sounds()


def _encode_item_texts(trainer: EncoderTrainer) -> dict[str, dict[Batch, FloatArray]]:
    """Return the vectors of batches of items' texts, by encoder.

    Texts of queries are encoded by the parent process.
    """
    settings = trainer.night.settings.embed
    with stop_on_encoder_error():
        parts = [load_text_part(settings, name) for name in settings.text if name != SHOP_BERT]
    encoders = {encoder.name: RecordingTextEncoder(encoder) for encoder in parts}
    texts = [format_item_text(row) for row in trainer.items.slice(0, MAX_TEXTS).to_pylist()]
    for encoder in encoders.values():
        encode_texts(texts, encoder, None, threads=1)
    return {name: encoder.recorded for name, encoder in encoders.items()}


def _encode_pictures(trainer: EncoderTrainer) -> tuple[str, dict[str, dict[str, FloatArray]]] | None:
    """Return the image encoder's version, and the vectors of items' and queries' pictures by content key.

    None where there is no picture to learn from. Items and queries are kept apart because a picture that both
    show may differ in its vector's last bit, as it is encoded in different batches.
    """
    with trainer.registry.skip_registration(trainer.first_night):
        folder = trainer.train_image(None)
        if folder is None:
            return None
        vectors: dict[str, dict[str, FloatArray]] = {}
        for whose, rows in (("item", trainer.items), ("query", trainer.queries)):
            column, _ = encode_media("image", whose, rows, trainer.files, NightEncoders(trainer), None)
            vectors[whose] = _index_by_key(column)
    return folder.name, vectors


def _index_by_key(column: VectorColumn) -> dict[str, FloatArray]:
    """Return the vectors `(d,) float32` of a column by content key."""
    rows = {key: row for row, key in enumerate(column.keys.to_pylist()) if key is not None}
    return {key: np.asarray(column.vectors[row].values, np.float32) for key, row in rows.items()}
