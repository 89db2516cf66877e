"""What a second process makes on a first night while the text encoder is trained here, because it needs none of it.

It reads phrases out, encodes phones' texts with encoders that are not trained, and trains the image encoder and encodes pictures
with it. All of it is what this process would have made itself, to the byte: every piece of work takes one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from handpick.runtime.worker_process import Beside, beside
from models.data import FloatArray
from models.encoders.interface import Encoder
from models.encoders.names import BILSTM, SHOP_BERT, SHOP_CNN

if TYPE_CHECKING:
    import pyarrow as pa

    from handpick.night import Night
    from handpick.stages.pretrain.trainer import Trainer

Batch = tuple[str, ...]
SOUNDS, TEXTS, IMAGES = "sounds", "texts", "images"
MOST_TEXTS = 8192
"""Phones whose texts are encoded ahead at most: of more, the first process would wait for what two threads do sooner."""


@dataclass
class Ahead:
    """What the other process hands over, as soon as it is asked for.

    Args:
        makes: What it makes, in this order.
    """

    other: Beside
    makes: tuple[str, ...]
    _given: dict[str, Any] = field(default_factory=dict)
    _alone: Lock = field(default_factory=Lock)

    def of(self, what: str) -> Any:
        """One of the things that it makes.

        Raises:
            Exception: What kept it from making it.
        """
        with self._alone:  # batches of texts are encoded side by side, and each may be the first to ask
            while what not in self._given:
                made, content = self.other.next()
                self._given[made] = content
        return self._given[what]


class Recalling:
    """A text encoder that remembers batches which were encoded ahead."""

    def __init__(self, encoder: Encoder[str], ahead: Ahead) -> None:
        self.encoder, self.ahead = encoder, ahead
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint

    def encode(self, batch: Sequence[str]) -> FloatArray:
        """`(len(batch), dim) float32`."""
        known: Mapping[Batch, FloatArray] = self.ahead.of(TEXTS).get(self.name, {})
        found = known.get(tuple(batch))
        return self.encoder.encode(batch) if found is None else found


class Noting:
    """A text encoder that notes what it encoded, batch by batch."""

    def __init__(self, encoder: Encoder[str]) -> None:
        self.encoder, self.noted = encoder, dict[Batch, FloatArray]()
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint

    def encode(self, batch: Sequence[str]) -> FloatArray:
        """`(len(batch), dim) float32`."""
        vectors = self.noted[tuple(batch)] = self.encoder.encode(batch)
        return vectors


def makes(trainer: Trainer) -> tuple[str, ...]:
    """What can be made ahead tonight: nothing unless the text encoder is to be trained, on a CPU with two threads."""
    import torch

    settings, versions = trainer.night.settings.embed, trainer.versions
    is_gpu = settings.device != "cpu" and torch.cuda.is_available()
    if settings.threads < 2 or is_gpu or SHOP_BERT not in settings.text:
        return ()
    if versions.serving(SHOP_BERT, trainer.first_night) is not None:
        return ()
    needs_words = "text_image" in trainer.night.settings.pretraining.image.objectives
    is_fresh = versions.serving(SHOP_CNN, trainer.first_night) is None
    wanted = {
        SOUNDS: trainer.has_sounds() and settings.audio == BILSTM,
        TEXTS: len(settings.text) > 1,
        IMAGES: trainer.has_pictures() and settings.image == SHOP_CNN and is_fresh and not needs_words,
    }
    return tuple(what for what, is_wanted in wanted.items() if is_wanted)


@contextmanager
def ahead(trainer: Trainer) -> Iterator[Ahead | None]:
    """Start the other process where there is something for it to do; it is gone at the end."""
    wanted = makes(trainer)
    if not wanted:
        yield None
        return
    try:
        with beside(
            _make, trainer.night, wanted, what="make what the text encoder is not needed for"
        ) as other:
            yield Ahead(other, wanted)
    finally:
        trainer.versions.sweep(SHOP_CNN, trainer.first_night)


def _make(inbox: SimpleQueue[Any], night: Night, wanted: tuple[str, ...]) -> Iterator[tuple[str, Any]]:  # noqa: ARG001
    """The other process."""
    import torch

    from handpick.stages.embed.media_files import Files
    from handpick.stages.pretrain import corpus
    from handpick.stages.pretrain.trainer import Trainer

    torch.set_num_threads(1)
    trainer = Trainer(night, corpus.items(night), corpus.queries(night), Files(night), night.logical_date)
    for what in wanted:
        yield what, {SOUNDS: _sounds, TEXTS: _texts, IMAGES: _images}[what](trainer)


def _sounds(trainer: Trainer) -> Any:
    return trainer.heard()


def _texts(trainer: Trainer) -> dict[str, dict[Batch, FloatArray]]:
    """By encoder, the batches of the phones' texts; what was asked is left to the process that has time for it."""
    from handpick.stages.embed import text_column
    from handpick.stages.embed.encoders import usable, without_training
    from handpick.stages.pretrain.corpus import phone_text

    with usable():
        found = {encoder.name: Noting(encoder) for encoder in without_training(trainer)}
    phones = [phone_text(row) for row in trainer.items.slice(0, MOST_TEXTS).to_pylist()]
    for noting in found.values():
        text_column(phones, noting, None, threads=1)
    return {name: noting.noted for name, noting in found.items()}


def _images(trainer: Trainer) -> tuple[str, dict[str, dict[str, FloatArray]]] | None:
    """The image encoder's version, and the vectors of phones' and queries' pictures by their key.

    None where there is nothing to learn from. A picture of both may differ in its last bit, as it is one of other batches.
    """
    from handpick.stages.embed import media_column
    from handpick.stages.embed.encoders import Encoders

    with trainer.versions.apart(trainer.first_night):
        folder = trainer.image(None)
        if folder is None:
            return None
        found: dict[str, dict[str, FloatArray]] = {}
        for whose, rows in (("item", trainer.items), ("query", trainer.queries)):
            made, _ = media_column("image", whose, rows, trainer.files, Encoders(trainer), None)
            found[whose] = _by_key(made)
    return folder.name, found


def _by_key(made: Any) -> dict[str, FloatArray]:
    keys: pa.Array = made.keys
    places = {key: row for row, key in enumerate(keys.to_pylist()) if key is not None}
    return {key: np.asarray(made.vectors[row].values, np.float32) for key, row in places.items()}
