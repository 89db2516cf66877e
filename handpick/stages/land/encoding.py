"""Detects the encoding of a text file from all of its bytes, and decodes it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from handpick.stages.land.code_pages import Reading, rank_readings

SAMPLE_BYTES = 1 << 18
CHUNK_BYTES = 1 << 24
SHOWN_WORDS = 3
CLOSE_RANKS = 0.15
"""Readings whose ranks differ by no more than this are in doubt."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by their byte order mark; that of UTF-32 begins with that of UTF-16 and comes first."""


@dataclass(frozen=True)
class Encoding:
    """The encoding of a file.

    Args:
        name: Name of the codec.
        is_clean: Whether Arrow can read the file as it is (valid UTF-8 without a mark).
        doubt: A sentence with words in the two readings that fit, where two do; empty if one is sure.
    """

    name: str
    is_clean: bool = False
    doubt: str = ""


def detect_encoding(path: Path, declared: str = "", hints: Collection[str] = ()) -> Encoding:
    """Return the declared or most likely encoding of a file.

    A file that is nearly all UTF-8 counts as UTF-8 with damaged bytes: another encoding would garble every
    good row.

    Args:
        path: The file.
        declared: The setting `encoding`; empty to detect it.
        hints: Texts that the file should hold, such as the names of mapped columns.
    """
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
        for mark, name in BYTE_ORDER_MARKS.items():
            if head.startswith(mark):
                return Encoding(name)
        if declared and codecs.lookup(declared).name != "utf-8":
            return Encoding(declared)
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        place = 0
        while chunk := stream.read(CHUNK_BYTES):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                if declared:
                    return Encoding("utf-8")
                # The bytes around the first invalid one decide: the rest of the file may be plain ASCII.
                start = max(0, place + error.start - SAMPLE_BYTES // 2)
                stream.seek(start - start % 4)
                sample = stream.read(SAMPLE_BYTES)
                # The header's letters count too, wherever the first damage is.
                return _guess_encoding(sample if start < 4 else head[:4096] + sample, hints)
            place += len(chunk)
        # Bytes left in the decoder are a character that the end of the file cuts off.
        is_cut = bool(decoder.getstate()[0])
    wide = "" if declared else _guess_wide_encoding(head)
    if wide:
        return Encoding(wide)
    return Encoding("utf-8", not is_cut)


def _guess_encoding(sample: bytes, hints: Collection[str] = ()) -> Encoding:
    """Return the most likely encoding of bytes that are not valid UTF-8."""
    text = sample.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    intact = sum(char > "\x7f" for char in text) - damaged
    # Three intact multi-byte characters for each damaged one do not come about by chance in another encoding.
    if intact >= 3 * damaged:
        return Encoding("utf-8")
    if wide := _guess_wide_encoding(sample):
        return Encoding(wide)
    # Lines with bytes above ASCII only: the others say nothing, and the sample may cut a character in two.
    lines = sample.replace(b"\r", b"\n").split(b"\n")
    telling = b"\n".join(line for line in lines[:-1] or lines if not line.isascii())
    readings = rank_readings(telling or sample, hints)
    best = readings[0]
    others = [other for other in readings[1:] if other.rank >= best.rank - CLOSE_RANKS and other.words]
    return Encoding(best.encoding, doubt=_describe_doubt(best, others) if others else "")


def _guess_wide_encoding(sample: bytes) -> str:
    """Return the UTF-16 or UTF-32 of a text without a mark, by where its zero bytes are; empty for others."""
    if sample.count(b"\x00") * 8 <= len(sample):
        return ""
    zeros = [sample[place::4].count(0) for place in range(4)]
    if min(zeros[1:3]) * 8 > len(sample) // 4:
        name = "utf-32-le" if zeros[0] < zeros[3] else "utf-32-be"
    else:
        name = "utf-16-le" if zeros[1] + zeros[3] > zeros[0] + zeros[2] else "utf-16-be"
    text = sample.decode(name, errors="replace")
    return "" if re.search(r"[\x00-\x08\x0e-\x1f]", text) else name


def _describe_doubt(best: Reading, others: Iterable[Reading]) -> str:
    """Return a sentence with words as the best and the next encoding read them."""
    shown = [f"as {best.encoding} {_format_words(best)}"]
    shown += [f"as {other.encoding} {_format_words(other)}" for other in others][:1]
    return (
        f"is not UTF-8 and could be {' or '.join(shown)}; it is read as {best.encoding}. Set "
        f'encoding = "{best.encoding}" or the other one'
    )


def _format_words(reading: Reading) -> str:
    return ", ".join(f"'{word}'" for word in reading.words[:SHOWN_WORDS])


def decode_file(path: Path, encoding: str) -> str:
    """Decode a whole file to text that UTF-8 can store; replace undecodable bytes by U+FFFD."""
    text = path.read_bytes().decode(encoding, errors="replace")
    return text.removeprefix("\ufeff").encode("utf-8", errors="replace").decode("utf-8")
