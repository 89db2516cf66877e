"""Trainable encoders as modules: each recomputes its own columns of a modality's vectors.

Columns of other origin (frozen encoders of the same modality, fixed features) stay as the night's vectors
have them. So a network whose encoders have not been trained yet sees exactly what a network without them
sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.encoders.bilstm import BiLstmAudioEncoder
from models.encoders.cnn import ShopImageEncoder
from models.encoders.image import HuggingFaceImageEncoder
from models.encoders.interface import Encoder, LearnableEncoder
from models.encoders.text import ConcatenatedTextEncoder, HuggingFaceTextEncoder

TRAINABLE_CLASSES: dict[str, Any] = {
    "text": HuggingFaceTextEncoder,
    "cnn": ShopImageEncoder,
    "image": HuggingFaceImageEncoder,
    "bilstm": BiLstmAudioEncoder,
}
"""Classes of encoders that can be trained, by the word for them in `model.json`."""
RECOMPUTE_BATCH = 16
"""Contents encoded at once where memory is saved by recomputing."""


class ColumnEncoder(nn.Module):
    """One encoder, and the columns of a modality's vectors that it computes.

    Args:
        encoder: The encoder with its weights.
        first: Column of the modality's vectors at which the encoder's begin.
        scale: Factor of its vectors where several encoders are concatenated.
    """

    def __init__(self, encoder: LearnableEncoder[Any], first: int, scale: float) -> None:
        super().__init__()
        self.encoder, self.module, self.first, self.scale = encoder, encoder.module, first, scale
        begin, end = encoder.learned_columns
        self.columns = range(first + begin, first + end)

    def forward(self, prepared: Sequence[Tensor], save_memory: bool = False) -> Tensor:
        """Return `(len(prepared), columns)` vectors.

        Args:
            prepared: Contents as `encoder.prepare` returns them.
            save_memory: Keep no activations for the backward pass, which recomputes them piece by piece.
        """
        if not save_memory:
            return self.encoder.vectors(prepared) * self.scale
        pieces = [prepared[at : at + RECOMPUTE_BATCH] for at in range(0, len(prepared), RECOMPUTE_BATCH)]
        vectors = [checkpoint(self.encoder.vectors, piece, use_reentrant=False) for piece in pieces]
        return torch.cat(vectors) * self.scale

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the encoder, and return what `load` needs in addition."""
        folder.mkdir(parents=True, exist_ok=True)
        self.encoder.save(folder)
        kind = next(word for word, one in TRAINABLE_CLASSES.items() if type(self.encoder) is one)
        return {
            "class": kind,
            "settings": dict(self.encoder.settings),
            "first": self.first,
            "scale": self.scale,
        }

    @classmethod
    def load(cls, folder: Path, about: Mapping[str, Any]) -> ColumnEncoder:
        """Read back what `save` wrote and returned.

        Raises:
            EncoderError: If a file is missing or damaged.
        """
        encoder_class = TRAINABLE_CLASSES[about["class"]]
        # Hugging Face encoders take a model's name or a folder, as text; the shop's own take a path.
        where = folder if encoder_class in (ShopImageEncoder, BiLstmAudioEncoder) else str(folder)
        return cls(encoder_class(where, device="cpu", **about["settings"]), about["first"], about["scale"])


def find_column_encoders(kind: str, encoder: Encoder[Any], frozen: Sequence[str]) -> list[ColumnEncoder]:
    """Return the parts of an encoder that can be trained and are not frozen.

    Args:
        kind: `text`, `image` or `audio`.
        encoder: Encoder of a modality; several ones if it is a `ConcatenatedTextEncoder`.
        frozen: Kinds of content, and names of encoders, that must not change.
    """
    if kind in frozen:
        return []
    parts = encoder.parts if isinstance(encoder, ConcatenatedTextEncoder) else [encoder]
    found, first = [], 0
    for part in parts:
        if (
            type(part) in TRAINABLE_CLASSES.values()
            and part.name not in frozen
            and isinstance(part, LearnableEncoder)
        ):
            # The factor by which `ConcatenatedTextEncoder` gives the concatenation a length of 1.
            found.append(ColumnEncoder(part, first, len(parts) ** -0.5))
        first += part.dim
    return found
