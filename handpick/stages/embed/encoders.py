"""The encoders of one night.

They are registered versions, or are trained now where there is none. A worker process may have made some of
their vectors already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from handpick.dataset.encoder_registry import read_text_space
from handpick.dataset.encoders import (
    join_text_parts,
    load_audio_encoder,
    load_image_encoder,
    load_text_part,
    stop_on_encoder_error,
)
from handpick.stages.pretrain.public import IMAGES, EncoderTrainer, Precomputed
from models.dataset import FloatArray
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN, SPECS
from models.encoders.interface import Encoder

TEXTS = "texts"
"""Texts of items that the worker process encodes with the text encoders that are not trained on the shop."""
Batch = tuple[str, ...]


@dataclass(frozen=True)
class NightEncoders:
    """One encoder for each modality, loaded when it is first read.

    An encoder that has no version yet is trained then.

    Reading any of them raises `EncoderUnusable` if it cannot be loaded, and `NightStopped` if training it
    fails.

    Args:
        trainer: The night's trainer; its settings choose the encoders.
    """

    trainer: EncoderTrainer

    @cached_property
    def text(self) -> Encoder[str]:
        """The text encoder."""
        trainer, precomputed = self.trainer, self.trainer.precomputed
        settings, parts = trainer.night.settings.embed, list[Encoder[str]]()
        with stop_on_encoder_error():
            for name in settings.text:
                if name == SHOP_BERT:
                    folder = (
                        trainer.registry.find_version(SHOP_BERT, trainer.first_night) or trainer.train_text()
                    )
                    parts.append(load_text_part(settings, SHOP_BERT, folder))
                    continue
                part = load_text_part(settings, name)
                if precomputed is not None and precomputed.has(TEXTS):
                    part = PrecomputedTextEncoder(part, precomputed)
                parts.append(part)
            return join_text_parts(parts)

    @cached_property
    def specs(self) -> Encoder[Any]:
        """The spec sheet encoder."""
        from models.encoders.specs import SpecsEncoder

        trainer = self.trainer
        with stop_on_encoder_error():
            return SpecsEncoder.load(
                trainer.registry.find_version(SPECS, trainer.first_night) or trainer.fit_specs()
            )

    @cached_property
    def image(self) -> Encoder[Any] | None:
        """The image encoder; None where the shop has no pictures."""
        trainer = self.trainer
        if not trainer.has_pictures():
            return None
        settings, folder = trainer.night.settings.embed, None
        with stop_on_encoder_error():
            if settings.image == SHOP_CNN:
                folder = trainer.registry.find_version(SHOP_CNN, trainer.first_night)
                if folder is None:
                    precomputed = trainer.precomputed
                    if precomputed is not None and precomputed.has(IMAGES):
                        folder = trainer.register_precomputed_image(precomputed)
                    else:
                        folder = trainer.train_image(self.text)
            return load_image_encoder(settings, folder)

    @cached_property
    def audio(self) -> Encoder[Any] | None:
        """The audio encoder, trained again when its text encoder has changed.

        None where the shop has no recordings.
        """
        trainer, text = self.trainer, self.text
        if not trainer.has_sounds():
            return None
        settings, folder = trainer.night.settings.embed, None
        with stop_on_encoder_error():
            if settings.audio == BILSTM:
                folder = trainer.registry.find_version(BILSTM, trainer.first_night)
                if folder is None or read_text_space(folder) != text.fingerprint:
                    folder = trainer.train_audio(text)
            return load_audio_encoder(settings, folder)

    def precomputed_pictures(self, whose: str) -> Mapping[str, FloatArray]:
        """Return vectors `(d,)` that the worker process made of pictures, by content key.

        Args:
            whose: `item` or `query`.
        """
        precomputed = self.trainer.precomputed
        if precomputed is None or not precomputed.has(IMAGES):
            return {}
        result = precomputed.wait_for(IMAGES)
        return result[1][whose] if result is not None else {}


class PrecomputedTextEncoder:
    """A text encoder that returns the worker process's vectors where it has encoded the same batch.

    Args:
        encoder: Encodes all other batches.
        precomputed: Results of the worker process.
    """

    def __init__(self, encoder: Encoder[str], precomputed: Precomputed) -> None:
        self.encoder, self.precomputed = encoder, precomputed
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint

    def encode(self, batch: Sequence[str]) -> FloatArray:
        """Return `(len(batch), dim) float32`."""
        # Whole batches, not single texts: padding depends on a batch's other texts, and with it a vector's
        # last bits.
        known: Mapping[Batch, FloatArray] = self.precomputed.wait_for(TEXTS).get(self.name, {})
        found = known.get(tuple(batch))
        return self.encoder.encode(batch) if found is None else found
