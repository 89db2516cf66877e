"""Speech synthesis with espeak-ng: 16 kHz mono WAV, the same bytes for the same phrase and voice."""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
import wave
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np

from handpick.errors import ConfigurationError

SAMPLE_RATE = 16_000
"""Sample rate of the WAV files, in Hz."""


@dataclass(frozen=True)
class Voice:
    """A speaker: espeak-ng's voice name, speed in words a minute, and pitch from 0 to 99."""

    name: str
    speed: int
    pitch: int


# No voices with a `breath` (f2, f3, f5): espeak-ng draws their noise from memory, so their bytes differ every
# time.
VOICES = {
    "en": (Voice("en-us", 185, 45), Voice("en+f4", 200, 60), Voice("en-gb-scotland", 170, 35)),
    "zh": (Voice("cmn", 180, 45), Voice("cmn+f1", 195, 62), Voice("cmn+m3", 170, 30)),
}
"""The demo shop's speakers by language."""


INSTALL_HINT = (
    "scripts/install.sh --demo installs it (espeakng-loader, which contains espeak-ng under the GPL-3)"
)


def can_synthesize() -> bool:
    """Return whether the speech synthesizer is installed; its licence keeps it out of what everybody gets."""
    return find_spec("espeakng_loader") is not None


def require_synthesizer(purpose: str) -> None:
    """Raise a ConfigurationError if the speech synthesizer is missing; `purpose` begins its message."""
    if not can_synthesize():
        raise ConfigurationError(f"{purpose} needs a speech synthesizer; nothing was made. {INSTALL_HINT}.")


@functools.cache
def _synthesizer() -> tuple[IO[bytes], IO[bytes], int]:
    """Return the input, the output and the sample rate of the synthesizer's process, which is started once.

    It ends with this process, as its input then ends.
    """
    program = Path(__file__).with_name("speech_process.py")
    process = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the synthesizer's process has no pipes")
    return process.stdin, process.stdout, int(process.stdout.readline())


def synthesize_speech(phrase: str, voice: Voice) -> bytes:
    """Synthesize a phrase and return the bytes of a WAV file (16 kHz, mono, 16 bit)."""
    requests, answers, rate = _synthesizer()
    requests.write(json.dumps({"phrase": phrase, **asdict(voice)}).encode() + b"\n")
    requests.flush()
    samples = np.frombuffer(answers.read(int(answers.readline())), np.int16).astype(np.float64)
    times = np.arange(0, len(samples) / rate, 1 / SAMPLE_RATE)  # seconds
    # A mean of two neighbours damps what the lower rate cannot hold and would fold back as noise.
    smooth = np.convolve(samples, np.ones(2) / 2, mode="same")
    resampled = np.interp(times, np.arange(len(samples)) / rate, smooth)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.round(resampled).astype("<i2").tobytes())
    return out.getvalue()
