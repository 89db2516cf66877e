"""The interface to results that a worker process computes while this process trains the text encoder."""

from __future__ import annotations

from typing import Any, Protocol

SOUNDS = "sounds"
"""What `EncoderTrainer.synthesize_sounds` returns."""
IMAGES = "images"
"""The digest of a trained version of the image encoder, and the vectors that it makes; None without any
picture."""


class Precomputed(Protocol):
    """Results of a worker process, by task.

    `pretrain` uses them where they are given; `embed` provides them.
    """

    def has(self, task: str) -> bool:
        """Return whether the worker computes the results of this task."""
        ...

    def wait_for(self, task: str) -> Any:
        """Return the results of a task, waiting for them where they have not arrived yet.

        Raises:
            Exception: What the worker raised instead.
        """
        ...
