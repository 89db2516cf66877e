"""The interface of encoders, and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from models.dataset import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Content_contra = TypeVar("Content_contra", contravariant=True)


class EncoderError(ValueError):
    """An encoder cannot be used: no such model, no safetensors, or weights that do not fit."""


class UnreadableMedia(EncoderError):
    """A picture or sound cannot be decoded; the message is the reason in a few words."""


@runtime_checkable
class Encoder(Protocol[Content_contra]):
    """Encoder of contents of one kind as vectors.

    Args:
        name: Name in settings and reports.
        dim: Width of its vectors.
        fingerprint: The name, and a digest of the weights and of everything else that decides a vector;
            vectors with equal fingerprint and content are equal and may be reused.
    """

    name: str
    dim: int
    fingerprint: str

    def encode(self, batch: Sequence[Content_contra]) -> FloatArray:
        """Return `(len(batch), dim) float32`."""
        ...


@runtime_checkable
class LearnableEncoder(Encoder[Content_contra], Protocol[Content_contra]):
    """An encoder whose weights can be trained further, end to end with a model that reads its vectors.

    Args:
        module: Its weights; `vectors` computes on their device.
        learned_columns: The first column of its vectors that depends on the weights, and one past the last.
        settings: What its class needs, in addition to a folder, to be loaded again.
    """

    module: nn.Module
    learned_columns: tuple[int, int]
    settings: Mapping[str, Any]

    def prepare(self, content: Content_contra) -> Tensor:
        """Return a content as `vectors` reads it: work that is not repeated at every training step."""
        ...

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return `(len(prepared), learned columns)` with gradients.

        In evaluation mode they are equal to the same columns of `encode`.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the encoder so that its class loads it from the folder."""
        ...
