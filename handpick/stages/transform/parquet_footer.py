"""Makes Spark's Parquet files reproducible by sorting the one part that differs between processes.

A column chunk's footer lists its encodings in the order of a Java hash set over objects without a hash of
their own, so the same rows give different bytes in different processes. Readers treat the list as a set; here
it is sorted in place, which changes no length. The footer is Thrift's compact protocol
(https://github.com/apache/thrift, doc/specs).
"""

from __future__ import annotations

from pathlib import Path

ENCODINGS = (4, 1, 3, 2)
"""Field ids that lead to the list: row groups, columns of a group, metadata of a column, its encodings."""

BYTE, BINARY, LIST, SET, STRUCT, DOUBLE = 3, 8, 9, 10, 12, 7
"""Type ids of the compact protocol."""
FOOTER_TAIL_BYTES = 8
"""Bytes after the footer: its length (4, little-endian) and the magic number (4)."""


def sort_encodings(file: Path) -> None:
    """Sort the encodings that a Parquet file's footer lists for each column chunk."""
    with file.open("r+b") as stream:
        stream.seek(-FOOTER_TAIL_BYTES, 2)
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(-FOOTER_TAIL_BYTES - length, 2)
        footer = bytearray(stream.read(length))
        _FooterWalker(footer).walk_struct(())
        stream.seek(-FOOTER_TAIL_BYTES - length, 2)
        stream.write(footer)


class _FooterWalker:
    """A recursive walk over a Thrift compact message that sorts the lists of encodings it passes."""

    def __init__(self, content: bytearray) -> None:
        self.content, self.offset = content, 0

    def walk_struct(self, path: tuple[int, ...]) -> None:
        """Walk over the fields of a struct at a path of field ids."""
        field = 0
        # The high half of a field's head is the difference to the last field id, or 0 and the id follows; the
        # low half is the type. A zero byte ends the struct.
        while head := self._read_byte():
            field = field + (head >> 4) if head >> 4 else (self._read_varint() >> 1)
            if head & 15 not in (1, 2):  # booleans have no bytes of their own: the type states true or false
                self._walk_value(head & 15, (*path, field))

    def _walk_value(self, kind: int, path: tuple[int, ...]) -> None:
        """Walk over one value of a type."""
        if kind == STRUCT:
            self.walk_struct(path)
        elif kind in (LIST, SET):
            self._walk_list(path)
        elif kind == BINARY:
            length = self._read_varint()
            self.offset += length
        elif kind in (BYTE, DOUBLE):
            self.offset += 1 if kind == BYTE else 8
        else:
            self._read_varint()

    def _walk_list(self, path: tuple[int, ...]) -> None:
        """Walk over a list or set, and sort it if it is a list of encodings."""
        head = self._read_byte()
        size = head >> 4 if head >> 4 < 15 else self._read_varint()  # 15 means that the size follows
        start = self.offset
        for _ in range(size):
            self._walk_value(BYTE if head & 15 in (1, 2) else head & 15, path)
        if path == ENCODINGS:  # each encoding is a number below 64, which takes one byte
            self.content[start : self.offset] = sorted(self.content[start : self.offset])

    def _read_byte(self) -> int:
        """Read one byte."""
        self.offset += 1
        return self.content[self.offset - 1]

    def _read_varint(self) -> int:
        """Read an unsigned integer of seven bits a byte, least significant first (LEB128)."""
        value = shift = 0
        while True:
            byte = self._read_byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
