"""Speaks phrases: espeak-ng from a wheel, as 16 kHz mono WAV, the same bytes for the same phrase and voice."""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
import wave
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

RATE = 16_000


@dataclass(frozen=True)
class Voice:
    """A speaker: espeak's voice name, words a minute, and pitch from 0 to 99."""

    name: str
    speed: int
    pitch: int


# Voices with a `breath` (f2, f3, f5) draw their noise from memory, and sound different every time.
VOICES = {
    "en": (Voice("en-us", 185, 45), Voice("en+f4", 200, 60), Voice("en-gb-scotland", 170, 35)),
    "zh": (Voice("cmn", 180, 45), Voice("cmn+f1", 195, 62), Voice("cmn+m3", 170, 30)),
}


@functools.cache
def _speaker() -> tuple[IO[bytes], IO[bytes], int]:
    """The speaking process's ears and mouth, and its sample rate; it ends with this process."""
    program = Path(__file__).with_name("speech_process.py")
    speaker = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if speaker.stdin is None or speaker.stdout is None:
        raise RuntimeError("the speaking process has no pipes")
    return speaker.stdin, speaker.stdout, int(speaker.stdout.readline())


def speak(phrase: str, voice: Voice) -> bytes:
    """The phrase spoken by a voice, as the bytes of a WAV file (16 kHz, mono, 16 bit)."""
    ears, mouth, rate = _speaker()
    ears.write(json.dumps({"phrase": phrase, **asdict(voice)}).encode() + b"\n")
    ears.flush()
    samples = np.frombuffer(mouth.read(int(mouth.readline())), np.int16).astype(np.float64)
    moments = np.arange(0, len(samples) / rate, 1 / RATE)
    smooth = np.convolve(samples, np.ones(2) / 2, mode="same")
    resampled = np.interp(moments, np.arange(len(samples)) / rate, smooth)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(resampled).astype("<i2").tobytes())
    return out.getvalue()
