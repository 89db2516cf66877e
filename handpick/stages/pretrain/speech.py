"""Phrases spoken by a speech synthesizer: training examples for shops without transcribed recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handpick.runtime.log import track_progress
from handpick.runtime.speech_synthesis import Voice, synthesize_speech
from handpick.stages.pretrain.training_texts import is_chinese

VOICES_BY_LANGUAGE = {
    False: (Voice("en-us+m3", 175, 40), Voice("en-gb+f1", 190, 60),
            Voice("en-us+f4", 205, 55), Voice("en-gb", 165, 30)),
    True: (Voice("cmn+m1", 175, 40), Voice("cmn+f4", 190, 60),
           Voice("cmn+f1", 200, 50), Voice("cmn+m4", 165, 30)),
}  # fmt: skip
"""Voices by whether the text is Chinese; the other voices speak English and all other text."""


def synthesize_phrases(phrases: Sequence[str], speakers: int) -> tuple[list[Any], list[int]]:
    """Return each phrase spoken by some of the voices.

    Args:
        phrases: The texts.
        speakers: Voices that speak each phrase; the voices take turns over the phrases.

    Returns:
        `(samples,) float32` at 16 kHz; and for each sound the index of its phrase.
    """
    from models.encoders.audio import decode_audio

    sounds, rows = [], []
    for row, phrase in enumerate(track_progress(phrases, "synthesize phrases")):
        # Taking turns by row: the training set has every voice, however few speak each phrase.
        voices = VOICES_BY_LANGUAGE[is_chinese(phrase)]
        for take in range(speakers):
            sounds.append(decode_audio(synthesize_speech(phrase, voices[(row + take) % len(voices)])))
            rows.append(row)
    return sounds, rows
