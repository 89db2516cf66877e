"""Loading of models in Hugging Face's format, silently and without randomly initialized weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.encoders.interface import EncoderError

UNUSED_WEIGHTS = ("pooler", "masked_spec_embed", "position_ids")
"""Parts of the names of weights that encoding does not need; files often lack them."""


def load_model(folder: Path, name: str, kind: str) -> Any:
    """Load the model of a folder, in evaluation mode.

    A pooler that the file lacks is removed: transformers would initialize it at random, differently in every
    process.

    Args:
        folder: Folder in Hugging Face's format, with safetensors.
        name: Its name in the settings.
        kind: `text`, `image` or `audio`, for the error.

    Raises:
        EncoderError: If it cannot be loaded, or the file lacks a weight that encoding needs.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel

    silence_transformers()
    try:
        model, report = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise build_load_error(name, kind, error) from None
    lacking = sorted(str(name) for name in report["missing_keys"])
    needed = [name for name in lacking if not any(part in name for part in UNUSED_WEIGHTS)]
    if needed:
        raise EncoderError(
            f"{name}: its weights lack {needed[0]} and {len(needed) - 1} more; they would be random. Save "
            "it again."
        )
    if any("pooler" in name for name in lacking) and hasattr(model, "pooler"):
        model.pooler = None
    return model.eval()


def build_load_error(name: str, kind: str, error: Exception) -> EncoderError:
    """Return the error for a folder that transformers cannot load, in one line.

    Args:
        name: Its name in the settings.
        kind: `text`, `image` or `audio`.
        error: What transformers raised.
    """
    why = " ".join(str(error).split())[:200]
    article = "a" if kind == "text" else "an"
    return EncoderError(f"{name}: not {article} {kind} encoder that transformers can load ({why})")


def silence_transformers() -> None:
    """Turn off the progress bars and loading reports of transformers; callers show their own progress."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
