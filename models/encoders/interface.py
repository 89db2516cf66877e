"""What every encoder is, and what goes wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from models.data import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Content_contra = TypeVar("Content_contra", contravariant=True)


class EncoderError(ValueError):
    """An encoder cannot be used: no such model, no safetensors, weights that do not fit."""


class UnreadableMedia(EncoderError):
    """A picture or sound cannot be decoded; the message is the reason, in a few words."""


@runtime_checkable
class Encoder(Protocol[Content_contra]):
    """Turns contents of one kind into vectors.

    Args:
        name: What people call it.
        dim: Width of its vectors.
        fingerprint: The name and a digest of the weights and of everything else that decides a vector; vectors with
            the same fingerprint and content are the same and may be kept.
    """

    name: str
    dim: int
    fingerprint: str

    def encode(self, batch: Sequence[Content_contra]) -> FloatArray:
        """`(len(batch), dim) float32`."""
        ...


@runtime_checkable
class Learnable(Encoder[Content_contra], Protocol[Content_contra]):
    """An encoder whose weights can learn on, together with a model that reads its vectors.

    Args:
        module: Its weights; `vectors` computes on the device that they are on.
        learned: First column of its vectors that the weights decide, and one past the last.
        settings: What its class needs besides a folder to be loaded again.
    """

    module: nn.Module
    learned: tuple[int, int]
    settings: Mapping[str, Any]

    def prepare(self, content: Content_contra) -> Tensor:
        """A content as `vectors` takes it: what is the same at every step is done once."""
        ...

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """`(len(prepared), learned columns)` with gradients; in evaluation mode the same columns as `encode`'s."""
        ...

    def save(self, folder: Path) -> None:
        """Write it so that its class loads it from the folder."""
        ...
