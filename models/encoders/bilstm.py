"""The default audio encoder: a bidirectional LSTM on log-mel bands, in the text encoder's vector space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import models.mkl_warm_up  # noqa: F401
from models.dataset import FloatArray
from models.encoders.audio import BANDS, compute_log_mel
from models.encoders.device import choose_device
from models.encoders.safetensors_loading import digest_model_folder, fill_module, load_weights, save_weights
from models.encoders.text import average_over_tokens, batch_by_length

STACKED_FRAMES = 8
"""Frames that one LSTM step reads: 80 ms, about a phoneme. The LSTM's cost is proportional to its steps."""
BATCH_STEPS = 8192
"""Steps of one batch, padding included."""


class BiLstm(nn.Module):
    """Stacked frames → LSTM in both directions → attention over time → a vector of length 1.

    Args:
        dim: Width of the vector, equal to the text encoder's, whose vector space it shares.
        hidden: Width of each direction.
        layers: Number of LSTM layers.
    """

    def __init__(self, dim: int, hidden: int = 96, layers: int = 1) -> None:
        super().__init__()
        self.dim, self.hidden, self.layers = dim, hidden, layers
        self.enter = nn.Sequential(nn.Linear(BANDS * STACKED_FRAMES, hidden), nn.GELU())
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(2 * hidden, 1)
        self.leave = nn.Linear(4 * hidden, dim)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return vectors `(b, dim)` of length 1.

        Args:
            frames: `(b, time, 320)`, padded.
            lengths: `(b,) int64`, steps of each row.
        """
        lengths = lengths.to(frames.device)
        states = self._run_lstm(self.enter(frames), lengths)  # (b, time, 2h)
        mask = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        scores = self.attention(states).squeeze(-1).masked_fill(~mask, -torch.inf)
        attended = (scores.softmax(1).unsqueeze(-1) * states).sum(1)  # (b, 2h)
        both = torch.cat([attended, average_over_tokens(states, mask)], dim=1)  # (b, 4h)
        return nn.functional.normalize(self.leave(both), dim=1)

    def _run_lstm(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the LSTM's states `(b, time, 2h)` from `(b, time, h)`; arbitrary beyond a row's end.

        The layers run over padded rows. With packed rows torch slices its input at each step, and in training
        most of the time would go into adding up the slices' gradients. For the backward direction each row is
        reversed within its length, which gives the same states as packing.
        """
        steps = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
        reversed_steps = torch.where(
            steps < lengths[:, None], lengths[:, None] - 1 - steps, steps
        )  # (b, time)
        start = x.new_zeros(1, len(x), self.hidden)
        # cuDNN keeps what the backward pass needs only where this is set, even in evaluation mode.
        is_learning = torch.is_grad_enabled()
        for layer in range(self.layers):
            directions = []
            for suffix, is_backward in (("", False), ("_reverse", True)):
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = [getattr(self.lstm, f"{name}_l{layer}{suffix}") for name in names]
                inputs = _gather_steps(x, reversed_steps) if is_backward else x
                # Biases, one layer, no dropout, training or not, one direction, batch first.
                states, _, _ = torch.lstm(
                    inputs, (start, start), weights, True, 1, 0.0, is_learning, False, True
                )
                directions.append(_gather_steps(states, reversed_steps) if is_backward else states)
            x = torch.cat(directions, 2)
        return x


def _gather_steps(x: Tensor, places: Tensor) -> Tensor:
    """Return `(b, time, d)`: the steps of each row in the order of `places`, `(b, time) int64`."""
    return x.gather(1, places.unsqueeze(2).expand_as(x))


def stack_frames(bands: Tensor) -> Tensor:
    """Return `(time, 320)` from `(frames, 40)`: eight frames concatenated, the last ones zero-padded."""
    missing = -len(bands) % STACKED_FRAMES
    return nn.functional.pad(bands, (0, 0, 0, missing)).reshape(-1, BANDS * STACKED_FRAMES)


def compute_stacked_bands(sound: FloatArray) -> Tensor:
    """Return the network's input `(time, 320) float32` of a sound `(samples,) float32` at 16 kHz."""
    return stack_frames(compute_log_mel(sound))


def pad_sounds(sounds: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the sounds `(time, 320)` as one batch: `(b, longest, 320)`, and their lengths `(b,) int64`."""
    lengths = torch.tensor([len(sound) for sound in sounds])
    return nn.utils.rnn.pad_sequence(list(sounds), batch_first=True), lengths


class BiLstmAudioEncoder:
    """The BiLSTM as an encoder, loaded from the folder that `save_bilstm` wrote.

    Args:
        folder: Folder of one version.
        device: `auto`, `cpu`, `cuda` or `cuda:1`, see `choose_device`.

    Raises:
        EncoderError: If the folder lacks a file or one is damaged.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        tensors, config = load_weights(folder)
        self.module = BiLstm(**config["module"])
        fill_module(self.module, tensors, folder)
        self.device = choose_device(device)
        self.module = self.module.to(self.device).eval()
        self.name, self.dim = "bilstm", self.module.dim
        self.learned_columns, self.settings = (0, self.dim), dict[str, Any]()
        self.about: dict[str, Any] = config.get("about", {})
        self.fingerprint = f"{self.name}:{digest_model_folder(folder)}"

    def encode(self, batch: Sequence[FloatArray]) -> FloatArray:
        """Return `(len(batch), dim) float32` of length 1, from sounds `(samples,) float32` at 16 kHz."""
        return encode_sounds(self.module, batch, self.device)

    def prepare(self, content: FloatArray) -> Tensor:
        """Return the network's input `(time, 320) float16`; half precision saves memory."""
        return compute_stacked_bands(content).half()

    def vectors(self, prepared: Sequence[Tensor]) -> Tensor:
        """Return `(len(prepared), dim)` of length 1, with gradients."""
        frames, lengths = pad_sounds(prepared)
        vectors: Tensor = self.module(frames.to(next(self.module.parameters()).device).float(), lengths)
        return vectors

    def save(self, folder: Path) -> None:
        """Write the encoder so that `BiLstmAudioEncoder` loads it from the folder."""
        save_bilstm(self.module, folder, self.about)


@torch.inference_mode()
def encode_sounds(
    module: BiLstm, batch: Sequence[FloatArray], device: torch.device | None = None
) -> FloatArray:
    """Return vectors `(sounds, dim) float32` of length 1; sounds of similar length share a batch.

    Args:
        module: Network in evaluation mode.
        batch: Sounds `(samples,) float32` at 16 kHz.
        device: Device of the module.
    """
    vectors = np.zeros((len(batch), module.dim), np.float32)
    sounds = [compute_stacked_bands(sound) for sound in batch]
    for rows in batch_by_length([len(sound) for sound in sounds], BATCH_STEPS):
        frames, lengths = pad_sounds([sounds[row] for row in rows])
        vectors[rows] = module(frames.to(device), lengths).cpu().numpy()
    return vectors


def save_bilstm(module: BiLstm, folder: Path, about: dict[str, Any]) -> None:
    """Write a BiLSTM so that `BiLstmAudioEncoder` loads it from the folder.

    Args:
        module: The network.
        folder: Destination folder.
        about: How it was trained; stored with the weights.
    """
    shape = {"dim": module.dim, "hidden": module.hidden, "layers": module.layers}
    save_weights(folder, module.state_dict(), {"module": shape, "about": about})
