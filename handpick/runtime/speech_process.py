"""A small process that speaks: a JSON line in (`name`, `speed`, `pitch`, `phrase`), a line with a length and samples out.

espeak-ng remembers what it said before, so every phrase is said by a fresh child of this process, which itself never
speaks; so a phrase sounds the same whenever it is said. `voices` runs this file as a program, apart from the shop,
because a process that holds much memory forks slowly. Its first line out is the sample rate.
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


def main() -> None:
    """Answer until the input ends."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    sys.stdout.write(f"{rate}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                samples = _say(library, json.loads(line))
                sys.stdout.buffer.write(f"{len(samples)}\n".encode() + samples)
                sys.stdout.buffer.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)


def _say(library: Any, request: dict[str, Any]) -> bytes:
    """16-bit mono samples of a phrase."""
    heard: list[bytes] = []

    def hear(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            heard.append(ctypes.string_at(samples, count * 2))
        return 0

    shape = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    callback = shape(hear)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(request["name"].encode())
    library.espeak_SetParameter(SPEED, request["speed"], 0)
    library.espeak_SetParameter(PITCH, request["pitch"], 0)
    said = request["phrase"].encode()
    library.espeak_Synth(said, len(said) + 1, 0, 1, 0, CHARACTERS_UTF8, None, None)
    return b"".join(heard)


if __name__ == "__main__":
    main()
