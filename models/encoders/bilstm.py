"""The default audio encoder: log-mel bands into a bidirectional LSTM whose vectors lie in the text encoder's space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.data import FloatArray
from models.encoders.audio import BANDS, log_mel
from models.encoders.text import batches_of_like_length, mean_over_tokens
from models.encoders.weights import chosen_device, digest_of_folder, fill, load, save

STACKED = 8
"""Frames read at once: 80 ms, about a phoneme; eight times fewer steps of the LSTM, which is all its cost."""
PADDED_FRAMES = 8192


class BiLstm(nn.Module):
    """Stacked frames → LSTM in both directions → attention over time → a vector of length 1.

    Args:
        dim: Width of the vector; the text encoder's, so that a spoken phrase lies where the written one does.
        hidden: Width of each direction.
    """

    def __init__(self, dim: int, hidden: int = 96, layers: int = 1) -> None:
        super().__init__()
        self.dim, self.hidden, self.layers = dim, hidden, layers
        self.enter = nn.Sequential(nn.Linear(BANDS * STACKED, hidden), nn.GELU())
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(2 * hidden, 1)
        self.leave = nn.Linear(4 * hidden, dim)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """`(b, dim)` from `(b, time, 320)` and the number of steps of each row."""
        lengths = lengths.to(frames.device)
        states = self._both_ways(self.enter(frames), lengths)  # (b, time, 2h)
        mask = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        scores = self.attention(states).squeeze(-1).masked_fill(~mask, -torch.inf)
        heard = (scores.softmax(1).unsqueeze(-1) * states).sum(1)  # (b, 2h)
        both = torch.cat([heard, mean_over_tokens(states, mask)], dim=1)  # (b, 4h)
        return nn.functional.normalize(self.leave(both), dim=1)

    def _both_ways(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`(b, time, 2h)`: the LSTM's states, whatever they are behind the end of each row.

        The layers go through padded rows; packed ones would be cut into a slice for each step, and most of the time of a
        training would go into putting the slices' gradients together. For the way back each row is turned round.
        """
        steps = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
        turned = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)  # (b, time)
        start = x.new_zeros(1, len(x), self.hidden)
        is_learning = torch.is_grad_enabled()  # also where an encoder in evaluation mode gets gradients
        for layer in range(self.layers):
            ways = []
            for suffix, is_back in (("", False), ("_reverse", True)):
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = [getattr(self.lstm, f"{name}_l{layer}{suffix}") for name in names]
                seen = _turned(x, turned) if is_back else x
                states = torch.lstm(seen, (start, start), weights, True, 1, 0.0, is_learning, False, True)[0]
                ways.append(_turned(states, turned) if is_back else states)
            x = torch.cat(ways, 2)
        return x


def _turned(x: Tensor, places: Tensor) -> Tensor:
    """`(b, time, d)`: for each row its steps at these places, `(b, time)`."""
    return x.gather(1, places.unsqueeze(2).expand_as(x))


def steps_of(bands: Tensor) -> Tensor:
    """`(time, 320)` from `(frames, 40)`: eight frames side by side, the last ones padded with zeros."""
    missing = -len(bands) % STACKED
    return nn.functional.pad(bands, (0, 0, 0, missing)).reshape(-1, BANDS * STACKED)


def bands_of(sound: FloatArray) -> Tensor:
    """`(time, 320)`, what the network reads of a sound at 16 kHz."""
    return steps_of(log_mel(sound))


def padded(sounds: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """`(b, longest, 320)` and `(b,)` lengths."""
    lengths = torch.tensor([len(sound) for sound in sounds])
    return nn.utils.rnn.pad_sequence(list(sounds), batch_first=True), lengths


class BiLstmAudio:
    """The BiLSTM as an encoder, loaded from the folder that `save_bilstm` wrote."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        tensors, config = load(folder)
        self.module = BiLstm(**config["module"])
        fill(self.module, tensors, folder)
        self.device = chosen_device(device)
        self.module = self.module.to(self.device).eval()
        self.name, self.dim = "bilstm", self.module.dim
        self.learned, self.settings = (0, self.dim), dict[str, Any]()
        self.about: dict[str, Any] = config.get("about", {})
        self.fingerprint = f"{self.name}:{digest_of_folder(folder)}"

    def encode(self, batch: Sequence[FloatArray]) -> FloatArray:
        """`(len(batch), dim) float32` of length 1; sounds are `(samples,)` at 16 kHz."""
        return encode_sounds(self.module, batch, self.device)

    def prepare(self, content: FloatArray) -> Tensor:
        """`(time, 320) float16`: the stacked bands."""
        return bands_of(content).half()

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """`(len(prepared), dim)` of length 1, with gradients."""
        frames, lengths = padded(prepared)
        vectors: Tensor = self.module(frames.to(next(self.module.parameters()).device).float(), lengths)
        return vectors

    def save(self, folder: Path) -> None:
        """Write it as `BiLstmAudio` reads it."""
        save_bilstm(self.module, folder, self.about)


@torch.inference_mode()
def encode_sounds(
    module: BiLstm, batch: Sequence[FloatArray], device: torch.device | None = None
) -> FloatArray:
    """`(sounds, dim) float32` of length 1; sounds of like length share a batch."""
    vectors = np.zeros((len(batch), module.dim), np.float32)
    sounds = [bands_of(sound) for sound in batch]
    for rows in batches_of_like_length([len(sound) for sound in sounds], PADDED_FRAMES):
        frames, lengths = padded([sounds[row] for row in rows])
        vectors[rows] = module(frames.to(device), lengths).cpu().numpy()
    return vectors


def save_bilstm(module: BiLstm, folder: Path, about: dict[str, Any]) -> None:
    """Write a BiLSTM as `BiLstmAudio` reads it; `about` says how it was trained."""
    shape = {"dim": module.dim, "hidden": module.hidden, "layers": module.layers}
    save(folder, module.state_dict(), {"module": shape, "about": about})
