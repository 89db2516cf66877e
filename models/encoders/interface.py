"""What every encoder is, and what goes wrong with one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from models.data import FloatArray

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
