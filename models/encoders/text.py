"""Texts: any Hugging Face encoder by name or path, mean pooled; or several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.data import FloatArray
from models.encoders.hugging_face import load_model, unusable
from models.encoders.interface import Encoder
from models.encoders.weights import chosen_device, digest_of_folder, find

PADDED_TOKENS = 4096
"""Tokens of one batch, padding included: large enough for matrix products, small enough for the cache."""


LEARNED_TOKENS = 1024
"""The same where gradients are wanted: short questions and long descriptions are not padded to one length."""


class HuggingFaceText:
    """A transformer whose last hidden states are averaged over the tokens and scaled to length 1.

    Args:
        name_or_path: A folder in Hugging Face's format, `all-MiniLM-L6-v2`, or a model in the hub's cache.
        max_tokens: Longer texts are cut.
        allow_download: Whether the hub may be asked.

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

        folder = find(name_or_path, allow_download)
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise unusable(name_or_path, "text", error) from None
        model: Any = load_model(folder, name_or_path, "text")
        # a model of two halves (CLIP) has its text half here; an encoder-decoder only encodes
        model = getattr(model, "text_model", model)
        self.model = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
        self._alone = Lock()  # a tokenizer keeps how it cuts, and bears no second thread meanwhile
        self.device = chosen_device(device)
        self.model = self.model.to(self.device).eval()
        longest = getattr(model.config, "max_position_embeddings", None) or max_tokens
        self.max_tokens = min(max_tokens, longest)
        self.dim = int(model.config.hidden_size)
        self.name = name or Path(name_or_path).name
        self.module: nn.Module = self.model
        self.learned, self.settings = (0, self.dim), {"max_tokens": self.max_tokens, "name": self.name}
        self.fingerprint = f"{self.name}:{digest_of_folder(folder, 'mean', self.max_tokens)}"

    @torch.inference_mode()
    def encode(self, batch: Sequence[str]) -> FloatArray:
        """`(len(batch), dim) float32` of length 1; texts of like length share a batch, so little is padding."""
        vectors = np.zeros((len(batch), self.dim), np.float32)
        if not batch:
            return vectors
        tokens = [torch.tensor(ids) for ids in self._ids(list(batch))]
        for rows in batches_of_like_length([len(ids) for ids in tokens]):
            vectors[rows] = self._pooled([tokens[row] for row in rows]).cpu().numpy()
        return vectors

    def prepare(self, content: str) -> Tensor:
        """`(tokens,) int32`."""
        return torch.tensor(self._ids([content])[0], dtype=torch.int32)

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """`(len(prepared), dim)` of length 1, with gradients."""
        groups = list(batches_of_like_length([len(ids) for ids in prepared], LEARNED_TOKENS))
        parts = [self._pooled([prepared[row] for row in rows]) for rows in groups]
        place = torch.tensor([row for rows in groups for row in rows]).argsort()
        return torch.cat(parts)[place.to(parts[0].device)]

    def _pooled(self, prepared: Sequence[Tensor]) -> Tensor:
        """The same of one batch."""
        device = next(self.model.parameters()).device
        lengths = torch.tensor([len(ids) for ids in prepared])
        ids = nn.utils.rnn.pad_sequence(
            [one.long() for one in prepared], batch_first=True, padding_value=self.tokenizer.pad_token_id or 0
        )
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        ids, mask = ids.to(device), mask.to(device)
        states = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state  # (b, tokens, dim)
        return nn.functional.normalize(mean_over_tokens(states, mask), dim=1).float()

    def save(self, folder: Path) -> None:
        """Write it as `HuggingFaceText(folder)`, or transformers anywhere, reads it."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        with self._alone:
            told = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)
        ids: list[list[int]] = told["input_ids"]
        return ids


class SideBySide:
    """Several encoders' vectors of the same content, one after the other, each scaled so that the whole has length 1."""

    def __init__(self, parts: Sequence[Encoder[str]]) -> None:
        self.parts = list(parts)
        self.name = "+".join(part.name for part in self.parts)
        self.dim = sum(part.dim for part in self.parts)
        self.fingerprint = "+".join(part.fingerprint for part in self.parts)

    def encode(self, batch: Sequence[str]) -> FloatArray:
        """`(len(batch), sum of dims) float32`."""
        scale = np.float32(len(self.parts) ** -0.5)
        return np.hstack([part.encode(batch) * scale for part in self.parts])


def mean_over_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """`(b, dim)`: the mean of `(b, tokens, dim)` over the tokens that are not padding."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)


def batches_of_like_length(lengths: Sequence[int], padded: int = PADDED_TOKENS) -> Iterator[list[int]]:
    """Rows in groups of at most `padded` items after padding, shortest first; the last row of a group is its longest."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    group: list[int] = []
    for row in order.tolist():
        if group and (len(group) + 1) * lengths[row] > padded:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
