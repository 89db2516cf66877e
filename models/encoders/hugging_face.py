"""Loads models of the Hugging Face format: without a word on the terminal, and without a weight that chance drew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.encoders.interface import EncoderError

UNUSED = ("pooler", "masked_spec_embed", "position_ids")
"""Parts of names of weights that encoding does not need; files often lack them."""


def load_model(folder: Path, called: str, kind: str) -> Any:
    """The model of a folder, ready to encode.

    A pooler that the file lacks is taken away: transformers would draw it at random, another one in every process.

    Args:
        called: What the settings call it.
        kind: `text`, `image` or `audio`, for the error.

    Raises:
        EncoderError: If it cannot be loaded, or the file lacks a weight that encoding needs.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel

    be_quiet()
    try:
        model, told = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise unusable(called, kind, error) from None
    lacking = sorted(str(name) for name in told["missing_keys"])
    needed = [name for name in lacking if not any(part in name for part in UNUSED)]
    if needed:
        raise EncoderError(
            f"{called}: its weights lack {needed[0]} and {len(needed) - 1} more; they would be random. Save it again."
        )
    if any("pooler" in name for name in lacking) and hasattr(model, "pooler"):
        model.pooler = None
    return model.eval()


def unusable(called: str, kind: str, error: Exception) -> EncoderError:
    """What is said of a folder that transformers cannot read, in one line."""
    why = " ".join(str(error).split())[:200]
    article = "a" if kind == "text" else "an"
    return EncoderError(f"{called}: not {article} {kind} encoder that transformers can load ({why})")


def be_quiet() -> None:
    """No bars and no reports of loading: progress is told by whoever loads, and only errors matter."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
