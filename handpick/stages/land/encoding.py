"""The encoding of a text file, found over all of its bytes."""

from __future__ import annotations

import codecs
from pathlib import Path

SAMPLE_BYTES = 1 << 18
CHUNK_BYTES = 1 << 24
PROBE = b'abcXYZ019,;|\t{}[]":'
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def encoding_of(path: Path) -> tuple[str, bool]:
    """The declared or likely encoding, and whether Arrow can read the bytes as they are (they are all UTF-8).

    A file that is nearly all UTF-8 is UTF-8 with damaged bytes, not something else: reading it otherwise would spoil
    every good row.
    """
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
        for mark, name in MARKS.items():
            if head.startswith(mark):
                return name, False
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        place = 0
        while chunk := stream.read(CHUNK_BYTES):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                stream.seek(max(0, place + error.start - SAMPLE_BYTES // 2))
                return _likely(stream.read(SAMPLE_BYTES)), False
            place += len(chunk)
        cut = bool(decoder.getstate()[0])
    return "utf-8", not cut


def _likely(sample: bytes) -> str:
    """The encoding of bytes that are not quite UTF-8."""
    text = sample.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    whole = sum(char > "\x7f" for char in text) - damaged
    if whole >= 3 * damaged:
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is not None and sample.count(b"\x00") * 8 > len(sample):
        return best.encoding
    # what is not a superset of ASCII would turn separators and digits into something else
    if best is not None and PROBE.decode(best.encoding, errors="replace") == PROBE.decode("ascii"):
        return best.encoding
    return "cp1252"


def text_of(path: Path, encoding: str) -> str:
    """The whole file as text that can be stored; bytes that are no text become the replacement character."""
    text = path.read_bytes().decode(encoding, errors="replace")
    return text.removeprefix("\ufeff").encode("utf-8", errors="replace").decode("utf-8")
