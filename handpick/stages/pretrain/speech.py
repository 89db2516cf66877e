"""Phrases read out by a synthesizer: what a shop without transcribed recordings can teach its audio encoder with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from handpick.runtime.log import track
from handpick.runtime.speech_synthesis import Voice, speak
from handpick.stages.pretrain.corpus import is_chinese

READERS = {
    False: (Voice("en-us+m3", 175, 40), Voice("en-gb+f1", 190, 60), Voice("en-us+f4", 205, 55), Voice("en-gb", 165, 30)),
    True: (Voice("cmn+m1", 175, 40), Voice("cmn+f4", 190, 60), Voice("cmn+f1", 200, 50), Voice("cmn+m4", 165, 30)),
}  # fmt: skip
"""Readers of English and other Latin text, and of Chinese."""


def spoken(phrases: Sequence[str], speakers: int) -> tuple[list[Any], list[int]]:
    """Sounds `(samples,) float32` at 16 kHz, and for each the row of its phrase; every phrase by some of the readers."""
    from models.encoders.audio import prepare

    sounds, rows = [], []
    for row, phrase in enumerate(_tracked(phrases)):
        readers = READERS[is_chinese(phrase)]
        for take in range(speakers):
            sounds.append(prepare(speak(phrase, readers[(row + take) % len(readers)])))
            rows.append(row)
    return sounds, rows


def _tracked(phrases: Sequence[str]) -> Iterable[str]:
    return track(phrases, "read phrases out")
