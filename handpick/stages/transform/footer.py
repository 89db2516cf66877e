"""The one part of Spark's Parquet files that differs from process to process, put in order.

A column chunk's footer lists its encodings in the order of a Java hash set over objects without a hash of their own, so
the same rows give other bytes in another process. Readers take the list for a set; here it is sorted, in place, which
changes no length. The footer is Thrift's compact protocol (https://github.com/apache/thrift, doc/specs).
"""

from __future__ import annotations

from pathlib import Path

ENCODINGS = (4, 1, 3, 2)
"""Field ids on the way there: row groups of the file, columns of one, meta data of one, its encodings."""

BYTE, BINARY, LIST, SET, STRUCT, DOUBLE = 3, 8, 9, 10, 12, 7
TAIL = 8
"""Bytes after the footer: its length and the magic."""


def sort_encodings(file: Path) -> None:
    """Sort the encodings that a Parquet file's footer lists for each column chunk."""
    with file.open("r+b") as stream:
        stream.seek(-TAIL, 2)
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(-TAIL - length, 2)
        footer = bytearray(stream.read(length))
        _Walk(footer).struct(())
        stream.seek(-TAIL - length, 2)
        stream.write(footer)


class _Walk:
    """A walk over the compact protocol that sorts the lists of encodings on its way."""

    def __init__(self, content: bytearray) -> None:
        self.content, self.place = content, 0

    def struct(self, path: tuple[int, ...]) -> None:
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else (self._number() >> 1)
            if head & 15 not in (1, 2):  # true and false lie in the head itself
                self._value(head & 15, (*path, field))

    def _value(self, kind: int, path: tuple[int, ...]) -> None:
        if kind == STRUCT:
            self.struct(path)
        elif kind in (LIST, SET):
            self._list(path)
        elif kind == BINARY:
            length = self._number()
            self.place += length
        elif kind in (BYTE, DOUBLE):
            self.place += 1 if kind == BYTE else 8
        else:
            self._number()

    def _list(self, path: tuple[int, ...]) -> None:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._number()
        began = self.place
        for _ in range(size):
            self._value(BYTE if head & 15 in (1, 2) else head & 15, path)
        if path == ENCODINGS:  # each is a number below 64, in one byte
            self.content[began : self.place] = sorted(self.content[began : self.place])

    def _byte(self) -> int:
        self.place += 1
        return self.content[self.place - 1]

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
