"""A phrase is synthesized to the same bytes in every process, so that encoders are reproducible."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from handpick.runtime.speech_synthesis import VOICES
from handpick.stages.pretrain.speech import VOICES_BY_LANGUAGE

EVERYBODY = sorted(
    {voice for voices in (*VOICES.values(), *VOICES_BY_LANGUAGE.values()) for voice in voices},
    key=lambda voice: voice.name,
)
SPEAK = """
import hashlib
from handpick.runtime.speech_synthesis import Voice, synthesize_speech
for phrase in ("a phone with a good camera", "手机"):
    print(hashlib.sha256(synthesize_speech(phrase, Voice({name!r}, {speed}, {pitch}))).hexdigest())
"""


@pytest.mark.parametrize("voice", EVERYBODY, ids=lambda voice: voice.name)
def test_two_processes_speak_a_phrase_with_the_same_bytes(voice) -> None:
    program = SPEAK.format(name=voice.name, speed=voice.speed, pitch=voice.pitch)
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    )
    assert first == second and len(set(first)) == 2 and hashlib.sha256(b"").hexdigest() not in first
