"""Speaks phrases: espeak-ng from a wheel, in this process, as 16 kHz mono WAV."""

from __future__ import annotations

import ctypes
import functools
import io
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np

RATE = 16_000
AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARACTERS_UTF8 = 1
SPEED, PITCH = 1, 3


@dataclass(frozen=True)
class Voice:
    """A speaker: espeak's voice name, words a minute, and pitch from 0 to 99."""

    name: str
    speed: int
    pitch: int


VOICES = {
    "en": (Voice("en-us", 185, 45), Voice("en+f3", 200, 60), Voice("en-gb-scotland", 170, 35)),
    "zh": (Voice("cmn", 180, 45), Voice("cmn+f2", 195, 62), Voice("cmn+m3", 170, 30)),
}


@functools.cache
def _synthesizer() -> tuple[Any, int, list[bytes], Any]:
    """espeak-ng, its sample rate, and the list that its callback fills; loaded once a process."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    heard: list[bytes] = []
    callback_type = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )

    def hear(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            heard.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = callback_type(hear)
    library.espeak_SetSynthCallback(callback)
    return library, rate, heard, callback


def speak(phrase: str, voice: Voice) -> bytes:
    """The phrase spoken by a voice, as the bytes of a WAV file (16 kHz, mono, 16 bit)."""
    library, rate, heard, _ = _synthesizer()
    heard.clear()
    library.espeak_SetVoiceByName(voice.name.encode())
    library.espeak_SetParameter(SPEED, voice.speed, 0)
    library.espeak_SetParameter(PITCH, voice.pitch, 0)
    said = phrase.encode()
    library.espeak_Synth(said, len(said) + 1, 0, 1, 0, CHARACTERS_UTF8, None, None)
    samples = np.frombuffer(b"".join(heard), np.int16).astype(np.float64)
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
