"""Encoders that learn together with the recommender: each makes its own columns of a modality's vectors anew.

What does not learn (other encoders side by side, fixed features) stays as the vectors of the night hold it. So a
network whose encoders have not moved yet sees what a network without them sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.encoders.bilstm import BiLstmAudio
from models.encoders.cnn import ShopCnn
from models.encoders.image import HuggingFaceImage
from models.encoders.interface import Encoder, Learnable
from models.encoders.text import HuggingFaceText, SideBySide

CLASSES: dict[str, Any] = {
    "text": HuggingFaceText,
    "cnn": ShopCnn,
    "image": HuggingFaceImage,
    "bilstm": BiLstmAudio,
}
"""Classes of encoders that can learn, by the word for them in `model.json`."""
PIECE = 16
"""Contents encoded at once where memory is saved."""


class Learner(nn.Module):
    """One encoder, and where its columns are.

    Args:
        first: Column of the modality's vectors at which the encoder's begin.
        scale: What its vectors are multiplied with where several stand side by side.
    """

    def __init__(self, encoder: Learnable[Any], first: int, scale: float) -> None:
        super().__init__()
        self.encoder, self.module, self.first, self.scale = encoder, encoder.module, first, scale
        begin, end = encoder.learned
        self.columns = range(first + begin, first + end)

    def forward(self, prepared: Sequence[Tensor], save_memory: bool = False) -> Tensor:
        """`(len(prepared), columns)`.

        Args:
            save_memory: Keep nothing for the gradients; they are computed piece by piece a second time.
        """
        if not save_memory:
            return self.encoder.vectors(prepared) * self.scale
        pieces = [prepared[at : at + PIECE] for at in range(0, len(prepared), PIECE)]
        made = [checkpoint(self.encoder.vectors, piece, use_reentrant=False) for piece in pieces]
        return torch.cat(made) * self.scale

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the encoder; what `load` needs besides."""
        folder.mkdir(parents=True, exist_ok=True)
        self.encoder.save(folder)
        kind = next(word for word, one in CLASSES.items() if type(self.encoder) is one)
        return {
            "class": kind,
            "settings": dict(self.encoder.settings),
            "first": self.first,
            "scale": self.scale,
        }

    @classmethod
    def load(cls, folder: Path, about: Mapping[str, Any]) -> Learner:
        """Read back what `save` wrote.

        Raises:
            EncoderError: If a file is missing or damaged.
        """
        made = CLASSES[about["class"]]
        where = folder if made in (ShopCnn, BiLstmAudio) else str(folder)
        return cls(made(where, device="cpu", **about["settings"]), about["first"], about["scale"])


def learners_of(kind: str, encoder: Encoder[Any], frozen: Sequence[str]) -> list[Learner]:
    """The parts of an encoder that may and can learn.

    Args:
        kind: `text`, `image` or `audio`.
        frozen: Kinds and names that may not.
    """
    if kind in frozen:
        return []
    parts = encoder.parts if isinstance(encoder, SideBySide) else [encoder]
    found, first = [], 0
    for part in parts:
        if type(part) in CLASSES.values() and part.name not in frozen and isinstance(part, Learnable):
            found.append(Learner(part, first, len(parts) ** -0.5))
        first += part.dim
    return found
