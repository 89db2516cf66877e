"""A program that synthesizes speech with espeak-ng, run by `handpick.runtime.speech_synthesis`.

Protocol: the first line of its output is the sample rate in Hz. For each line of its input, a JSON object
with `name`, `speed`, `pitch` and `phrase`, it writes a line with a number of bytes, and then as many bytes of
16-bit mono samples.

espeak-ng keeps state between phrases, so that a phrase would sound different after another one. Every phrase
is therefore synthesized by a freshly forked child of this process, which itself never synthesizes any. It is
a program of its own because forking a process with much memory, such as the caller, takes long.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARACTERS_UTF8 = 1
SPEED, PITCH = 1, 3
"""Constants of espeak-ng's `speak_lib.h`: `AUDIO_OUTPUT_SYNCHRONOUS`, `espeakCHARS_UTF8`, `espeakRATE`,
`espeakPITCH`."""


def main() -> None:
    """Answer requests until the input ends."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    sys.stdout.write(f"{rate}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                samples = _synthesize(library, json.loads(line))
                sys.stdout.buffer.write(f"{len(samples)}\n".encode() + samples)
                sys.stdout.buffer.flush()
            finally:
                os._exit(0)  # without the interpreter's cleanup, which is the parent's to do
        os.waitpid(child, 0)


def _synthesize(library: Any, request: dict[str, Any]) -> bytes:
    """Return the 16-bit mono samples of a phrase."""
    chunks: list[bytes] = []

    def keep_samples(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, count * 2))
        return 0  # continue

    signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    # In a variable, as espeak-ng holds no reference that would keep the callback from being collected.
    callback = signature(keep_samples)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(request["name"].encode())
    library.espeak_SetParameter(SPEED, request["speed"], 0)
    library.espeak_SetParameter(PITCH, request["pitch"], 0)
    text = request["phrase"].encode()
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, CHARACTERS_UTF8, None, None)
    return b"".join(chunks)


if __name__ == "__main__":
    main()
