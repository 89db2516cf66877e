"""Audio: decoding, resampling, log-mel bands, and Wav2Vec2 or Whisper encoders by name or path."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import models.mkl_warm_up  # noqa: F401
from models.dataset import FloatArray
from models.encoders.device import choose_device
from models.encoders.hugging_face import load_model
from models.encoders.interface import EncoderError, UnreadableMedia
from models.encoders.safetensors_loading import digest_model_folder, find_model_folder

SAMPLE_RATE = 16_000
"""Samples a second."""
WINDOW, HOP, BANDS = 400, 160, 40
"""Samples of a window (25 ms) and of the step between windows (10 ms), and mel bands."""


def decode_audio(content: bytes, max_seconds: float = 30.0) -> FloatArray:
    """Decode a sound, mix it to mono and resample it to 16 kHz.

    Args:
        content: Bytes of a file of any format that soundfile reads.
        max_seconds: The rest is cut off.

    Returns:
        `(samples,) float32`.

    Raises:
        UnreadableMedia: If it does not decode or holds no samples.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = int(file.samplerate)
            samples = file.read(int(max_seconds * rate), dtype="float32", always_2d=True)
    except (RuntimeError, OSError, ValueError, TypeError):
        raise UnreadableMedia("audio does not decode") from None
    if not samples.size:
        raise UnreadableMedia("empty audio")
    mono = samples.mean(axis=1)
    if not np.isfinite(mono).all():
        raise UnreadableMedia("audio holds numbers that are not finite")
    return resample(mono, rate)


def resample(mono: FloatArray, rate: int, target_rate: int = SAMPLE_RATE) -> FloatArray:
    """Return a sound at another rate, with a polyphase low-pass filter.

    Args:
        mono: `(samples,) float32`.
        rate: Its samples a second.
        target_rate: Samples a second of the result.
    """
    if rate == target_rate:
        return mono
    from scipy.signal import resample_poly

    shared = gcd(rate, target_rate)
    return np.asarray(resample_poly(mono, target_rate // shared, rate // shared), np.float32)


@functools.cache
def build_mel_filters(bands: int = BANDS, rate: int = SAMPLE_RATE, window: int = WINDOW) -> Tensor:
    """Return triangular filters `(window // 2 + 1, bands)`, evenly spaced on the mel scale.

    `mel = 2595 log10(1 + hertz / 700)`.

    Args:
        bands: Number of filters.
        rate: Samples a second.
        window: Samples of a window.
    """
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, bands + 2) / 2595) - 1)  # hertz
    hertz = np.linspace(0, rate / 2, window // 2 + 1)[:, None]
    rising = (hertz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hertz) / (corners[2:] - corners[1:-1])
    return torch.from_numpy(np.maximum(0, np.minimum(rising, falling))).float()


def compute_log_mel(sound: FloatArray) -> Tensor:
    """Return the log-mel energies of a sound, each band with mean 0 and deviation 1 over the sound.

    Subtracting each band's mean removes the frequency response of the microphone and the loudness of the
    speaker.

    Args:
        sound: `(samples,) float32` at 16 kHz.

    Returns:
        `(frames, 40) float32`.
    """
    wave = torch.from_numpy(np.ascontiguousarray(sound))
    if len(wave) < WINDOW:
        wave = torch.nn.functional.pad(wave, (0, WINDOW - len(wave)))
    spectrum = torch.stft(
        wave, WINDOW, HOP, window=torch.hann_window(WINDOW), center=False, return_complex=True
    )
    energies = spectrum.abs().square().T @ build_mel_filters()  # (frames, bands)
    logs = torch.log(energies + 1e-6)  # silence has a finite logarithm
    return (logs - logs.mean(0)) / (logs.std(0, correction=0) + 1e-3)


class HuggingFaceAudioEncoder:
    """A Wav2Vec2 model (raw waveform) or Whisper's encoder (log-mel), averaged over time.

    Its vectors have length 1.

    Args:
        name_or_path: A folder in Hugging Face's format, or a model in the hub's cache.
        allow_download: Whether the model may be downloaded from the hub.
        device: `auto`, `cpu`, `cuda` or `cuda:1`, see `choose_device`.

    Raises:
        EncoderError: If the model cannot be loaded as an audio encoder.
    """

    def __init__(self, name_or_path: str, allow_download: bool = False, device: str = "auto") -> None:
        folder = find_model_folder(name_or_path, allow_download)
        model: Any = load_model(folder, name_or_path, "audio")
        self.is_whisper = model.config.model_type == "whisper"
        if not self.is_whisper and model.main_input_name != "input_values":
            raise EncoderError(f"{name_or_path}: a {model.config.model_type} model takes no audio")
        self.device = choose_device(device)
        self.model = (model.get_encoder() if self.is_whisper else model).to(self.device).eval()
        self.features = _build_whisper_features(model.config) if self.is_whisper else None
        self.dim = int(model.config.d_model if self.is_whisper else model.config.hidden_size)
        self.name = Path(name_or_path).name
        self.fingerprint = f"{self.name}:{digest_model_folder(folder, SAMPLE_RATE)}"

    @torch.inference_mode()
    def encode(self, batch: Sequence[FloatArray]) -> FloatArray:
        """Return `(len(batch), dim) float32` of length 1, from sounds `(samples,) float32` at 16 kHz."""
        vectors = np.zeros((len(batch), self.dim), np.float32)
        for row, sound in enumerate(batch):
            # One at a time: these models were not trained on padded sounds; a batch would change the result.
            states = self._run_whisper(sound) if self.is_whisper else self._run_wav2vec(sound)
            vectors[row] = torch.nn.functional.normalize(states.mean(0), dim=0).cpu().numpy()
        return vectors

    def _run_wav2vec(self, sound: FloatArray) -> Tensor:
        """Return the states of a raw waveform, `(time, dim)`."""
        shortest = WINDOW * 2  # of much less the convolutions of these models make no state
        padded = np.pad(sound, (0, max(0, shortest - len(sound))))
        standardized = (padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)
        states: Tensor = self.model(
            torch.from_numpy(standardized).float()[None].to(self.device)
        ).last_hidden_state
        return states[0]  # (time, dim)

    def _run_whisper(self, sound: FloatArray) -> Tensor:
        """Return the states of Whisper's encoder without those of padding, `(time, dim)`."""
        assert self.features is not None
        bands = self.features(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        states: Tensor = self.model(bands.to(self.device)).last_hidden_state
        # Whisper pads to its window with silence; two frames become one state.
        spoken = min(states.shape[1], max(1, len(sound) // (2 * HOP)))
        return states[0, :spoken]


def _build_whisper_features(config: Any) -> Any:
    """Return the feature extractor of a Whisper model, built from the model's shape.

    The extractor's own file may be missing.
    """
    from transformers import WhisperFeatureExtractor

    seconds = config.max_source_positions * 2 * HOP // SAMPLE_RATE
    return WhisperFeatureExtractor(feature_size=config.num_mel_bins, chunk_length=max(1, seconds))
