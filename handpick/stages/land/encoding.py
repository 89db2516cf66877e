"""Detects the encoding of a text file from all of its bytes, and decodes it."""

from __future__ import annotations

import codecs
from pathlib import Path

SAMPLE_BYTES = 1 << 18
CHUNK_BYTES = 1 << 24
ASCII_PROBE = b'abcXYZ019,;|\t{}[]":'
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def detect_encoding(path: Path) -> tuple[str, bool]:
    """Return the declared or most likely encoding, and whether Arrow can read the file (valid UTF-8).

    A file that is nearly all UTF-8 counts as UTF-8 with damaged bytes: another encoding would garble every
    good row.
    """
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
        for mark, name in BYTE_ORDER_MARKS.items():
            if head.startswith(mark):
                return name, False
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        place = 0
        while chunk := stream.read(CHUNK_BYTES):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                # The bytes around the first invalid one decide: the rest of the file may be plain ASCII.
                stream.seek(max(0, place + error.start - SAMPLE_BYTES // 2))
                return _guess_encoding(stream.read(SAMPLE_BYTES)), False
            place += len(chunk)
        # Bytes left in the decoder are a character that the end of the file cuts off.
        is_cut = bool(decoder.getstate()[0])
    return "utf-8", not is_cut


def _guess_encoding(sample: bytes) -> str:
    """Return the most likely encoding of bytes that are not valid UTF-8."""
    text = sample.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    intact = sum(char > "\x7f" for char in text) - damaged
    # Three intact multi-byte characters for each damaged one do not come about by chance in another encoding.
    if intact >= 3 * damaged:
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    # Many NUL bytes mean UTF-16 or UTF-32, which the ASCII check below would reject.
    if best is not None and sample.count(b"\x00") * 8 > len(sample):
        return best.encoding
    # An encoding that is not a superset of ASCII would turn separators and digits into other characters.
    if best is not None and ASCII_PROBE.decode(best.encoding, errors="replace") == ASCII_PROBE.decode(
        "ascii"
    ):
        return best.encoding
    return "cp1252"


def decode_file(path: Path, encoding: str) -> str:
    """Decode a whole file to text that UTF-8 can store; replace undecodable bytes by U+FFFD."""
    text = path.read_bytes().decode(encoding, errors="replace")
    return text.removeprefix("\ufeff").encode("utf-8", errors="replace").decode("utf-8")
