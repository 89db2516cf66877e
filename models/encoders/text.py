"""Text encoders: any Hugging Face encoder by name or path, mean pooled; or several concatenated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.dataset import FloatArray
from models.encoders.device import choose_device
from models.encoders.hugging_face import build_load_error, load_model
from models.encoders.interface import Encoder
from models.encoders.safetensors_loading import digest_model_folder, find_model_folder

BATCH_TOKENS = 4096
"""Tokens of one batch with padding: enough for efficient products, few enough for the cache."""

TRAINING_BATCH_TOKENS = 1024
"""The same in training: less padding where short queries and long descriptions are in one step."""


class HuggingFaceTextEncoder:
    """A transformer whose last hidden states are averaged over the tokens and scaled to length 1.

    Args:
        name_or_path: A folder in Hugging Face's format, `all-MiniLM-L6-v2`, or a model in the hub's cache.
        max_tokens: Longer texts are cut.
        allow_download: Whether the model may be downloaded from the hub.
        device: `auto`, `cpu`, `cuda` or `cuda:1`, see `choose_device`.
        name: The encoder's name; by default the last part of `name_or_path`.

    Raises:
        EncoderError: If the model cannot be loaded as a text encoder.
    """

    def __init__(
        self,
        name_or_path: str,
        max_tokens: int = 128,
        allow_download: bool = False,
        device: str = "auto",
        name: str | None = None,
    ) -> None:
        from transformers import AutoTokenizer

        folder = find_model_folder(name_or_path, allow_download)
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise build_load_error(name_or_path, "text", error) from None
        model: Any = load_model(folder, name_or_path, "text")
        # CLIP has its text tower here; of an encoder-decoder (T5) only the encoder is used.
        model = getattr(model, "text_model", model)
        self.model = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
        # A fast tokenizer stores the truncation of the current call, so a second thread must wait.
        self._tokenizer_lock = Lock()
        self.device = choose_device(device)
        self.model = self.model.to(self.device).eval()
        longest = getattr(model.config, "max_position_embeddings", None) or max_tokens
        self.max_tokens = min(max_tokens, longest)
        self.dim = int(model.config.hidden_size)
        self.name = name or Path(name_or_path).name
        self.module: nn.Module = self.model
        self.learned_columns, self.settings = (
            (0, self.dim),
            {"max_tokens": self.max_tokens, "name": self.name},
        )
        self.fingerprint = f"{self.name}:{digest_model_folder(folder, 'mean', self.max_tokens)}"

    @torch.inference_mode()
    def encode(self, batch: Sequence[str]) -> FloatArray:
        """Return `(len(batch), dim) float32` of length 1; texts of similar length share a batch."""
        vectors = np.zeros((len(batch), self.dim), np.float32)
        if not batch:
            return vectors
        tokens = [torch.tensor(ids) for ids in self._tokenize(list(batch))]
        for rows in batch_by_length([len(ids) for ids in tokens]):
            vectors[rows] = self._encode_batch([tokens[row] for row in rows]).cpu().numpy()
        return vectors

    def prepare(self, content: str) -> Tensor:
        """Return token ids `(tokens,) int32`."""
        return torch.tensor(self._tokenize([content])[0], dtype=torch.int32)

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return `(len(prepared), dim)` of length 1, with gradients."""
        groups = list(batch_by_length([len(ids) for ids in prepared], TRAINING_BATCH_TOKENS))
        parts = [self._encode_batch([prepared[row] for row in rows]) for rows in groups]
        # Undoes the grouping: the rank of each row among the rows in the order of the groups.
        place = torch.tensor([row for rows in groups for row in rows]).argsort()
        return torch.cat(parts)[place.to(parts[0].device)]

    def _encode_batch(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return the vectors `(len(prepared), dim)` of one batch of token ids."""
        device = next(self.model.parameters()).device
        lengths = torch.tensor([len(ids) for ids in prepared])
        ids = nn.utils.rnn.pad_sequence(
            [one.long() for one in prepared], batch_first=True, padding_value=self.tokenizer.pad_token_id or 0
        )
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        ids, mask = ids.to(device), mask.to(device)
        states = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state  # (b, tokens, dim)
        return nn.functional.normalize(average_over_tokens(states, mask), dim=1).float()

    def save(self, folder: Path) -> None:
        """Write the encoder so that `HuggingFaceTextEncoder(folder)`, or transformers elsewhere, loads it."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of each text."""
        with self._tokenizer_lock:
            encoded = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        return ids


class ConcatenatedTextEncoder:
    """Several text encoders whose vectors are concatenated, each scaled so that the whole has length 1.

    Args:
        parts: The encoders.
    """

    def __init__(self, parts: Sequence[Encoder[str]]) -> None:
        self.parts = list(parts)
        self.name = "+".join(part.name for part in self.parts)
        self.dim = sum(part.dim for part in self.parts)
        self.fingerprint = "+".join(part.fingerprint for part in self.parts)

    def encode(self, batch: Sequence[str]) -> FloatArray:
        """Return `(len(batch), sum of dims) float32` of length 1."""
        scale = np.float32(len(self.parts) ** -0.5)
        return np.hstack([part.encode(batch) * scale for part in self.parts])


def average_over_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the states over the tokens that are not padding, `(b, dim)`.

    Args:
        states: `(b, tokens, dim)`.
        mask: `(b, tokens) bool`, False for padding.
    """
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)


def batch_by_length(lengths: Sequence[int], padded: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield rows in groups of at most `padded` tokens after padding, the shortest first.

    Args:
        lengths: Tokens (or steps) of each row.
        padded: Maximum number of tokens of a group; a longer row is a group of its own.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    group: list[int] = []
    # In this order the last row of a group is its longest, to which the others are padded.
    for row in order.tolist():
        if group and (len(group) + 1) * lengths[row] > padded:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
