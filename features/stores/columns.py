"""Encodes Arrow columns for Feast's online stores, as serialized `Value` messages and entity keys.

Feast builds a protobuf object for every value. Here each distinct value of a column is serialized once, and
columns of floating-point numbers are encoded by copying their bytes behind the field's tag; both give the
same bytes as Feast. Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType

MISSING = Value().SerializeToString()
"""Feast's encoding of a missing value: a message without content."""

_FIXED64, _LENGTH, _FIXED32 = 1, 2, 5  # wire types of protobuf
_PACKED_FLOATS_TAG = b"\x0a"  # field 1 of FloatList and DoubleList, length-delimited


class ColumnWriter(ABC):
    """An online store that writes an Arrow table with one row per entity."""

    @abstractmethod
    def write_columns(self, config: RepoConfig, view: FeatureView, rows: pa.Table) -> None:
        """Write the view's features of every row, in one transaction where the store supports them.

        Args:
            config: Feast's configuration.
            view: The feature view.
            rows: Join keys, timestamps and features, one row per entity.
        """

    @abstractmethod
    def delete_entity(self, config: RepoConfig, view: FeatureView, value: str) -> int:
        """Delete what the view says about one entity, so that no file of the store keeps it.

        Args:
            config: Feast's configuration.
            view: The feature view, of one join key.
            value: The value of its join key.

        Returns:
            The number of entities deleted, 0 or 1.
        """


def encode_entity_key(view: FeatureView, value: str, version: int) -> bytes:
    """Serialize the key of one entity in Feast's encoding."""
    (column,) = view.entity_columns
    return encode_entity_keys([(column.name, pa.chunked_array([[value]], pa.string()))], version)[0]


def encode_column(
    column: pa.ChunkedArray | pa.Array, kind: ValueType, frame: Callable[[bytes], bytes] | None = None
) -> list[bytes]:
    """Serialize each value of a column as Feast's `Value` message; null and NaN are `MISSING`.

    Args:
        column: The values.
        kind: The feature's type as declared in its view.
        frame: Wraps a message as the store's protocol requires; messages are returned bare by default.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_null(
        array.type
    ):  # offline stores that go through pandas lose the type of a column of nulls
        array = array.cast(pa.list_(pa.float32()) if kind == ValueType.FLOAT_LIST else pa.string())
    if pa.types.is_timestamp(array.type):  # Feast stores timestamps as whole seconds
        array = pc.divide(array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64()), 1_000_000)
    if kind in (ValueType.DOUBLE, ValueType.FLOAT):
        messages = _encode_floats(array, kind)
    elif kind in (ValueType.FLOAT_LIST, ValueType.DOUBLE_LIST):
        messages = _encode_float_lists(array, kind)
    elif pa.types.is_nested(array.type):
        messages = _serialize_values(array.to_pylist(), kind)
    else:
        return _encode_distinct(array, kind, frame)
    return list(map(frame, messages)) if frame else messages


def _encode_distinct(array: pa.Array, kind: ValueType, frame: Callable[[bytes], bytes] | None) -> list[bytes]:
    """Serialize the distinct values and copy the messages to the rows."""
    coded = pc.dictionary_encode(array)
    messages = [*_serialize_values(coded.dictionary.to_pylist(), kind), MISSING]
    framed = list(map(frame, messages)) if frame else messages
    codes = coded.indices.fill_null(len(messages) - 1).to_numpy()
    spread: list[bytes] = np.array(framed, dtype=object)[codes].tolist()
    return spread


def encode_entity_keys(columns: Sequence[tuple[str, pa.ChunkedArray]], version: int) -> list[bytes]:
    """Serialize each row's entity key in Feast's encoding.

    Args:
        columns: The join keys with their values, none of which is null.
        version: The configured `entity_key_serialization_version`.
    """
    if version == 3 and len(columns) == 1 and pa.types.is_string(columns[0][1].type):
        # The usual case: keys of one string column share all bytes before the length of the value. Feast
        # serializes one of them, which gives the prefix.
        name, values = columns[0]
        first = values[0].as_py() if len(values) else ""
        sample = serialize_entity_key(EntityKey(join_keys=[name], entity_values=[Value(string_val=first)]), 3)
        prefix = sample[: len(sample) - 4 - len(first.encode())]
        length = struct.Struct("<I").pack
        texts = [value.encode() for value in values.to_pylist()]
        return [prefix + length(len(text)) + text for text in texts]
    names = [name for name, _ in columns]
    messages = [python_values_to_proto_values(values.to_pylist(), ValueType.UNKNOWN) for _, values in columns]
    return [
        serialize_entity_key(EntityKey(join_keys=names, entity_values=row), version)
        for row in zip(*messages, strict=True)
    ]


def convert_timestamps(column: pa.ChunkedArray, convert: Callable[[datetime], Any]) -> list[Any]:
    """Convert each timestamp of a column; each distinct one, of which a night has few, is converted once.

    Args:
        column: Timestamps.
        convert: Converts a timezone-aware `datetime` (UTC).
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = pc.dictionary_encode(array.cast(pa.timestamp("us", tz="UTC")))
    converted = [convert(time) for time in coded.dictionary.to_pylist()]
    return [converted[code] for code in coded.indices.to_pylist()]


def _encode_tag(field: str, wire: int) -> bytes:
    """Return the tag of a field of `Value` with a wire type."""
    return _encode_varint(Value.DESCRIPTOR.fields_by_name[field].number << 3 | wire)


def _encode_varint(number: int) -> bytes:
    """Encode an unsigned integer as protobuf's variable-length integer."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _serialize_values(values: list[Any], kind: ValueType) -> list[bytes]:
    """Serialize values by Feast's own conversion."""
    return (
        [value.SerializeToString() for value in python_values_to_proto_values(values, kind)] if values else []
    )


def _encode_floats(array: pa.Array, kind: ValueType) -> list[bytes]:
    """Serialize numbers: a tag and the little-endian bytes of each."""
    field, wire, dtype = (
        ("double_val", _FIXED64, "<f8") if kind == ValueType.DOUBLE else ("float_val", _FIXED32, "<f4")
    )
    tag = _encode_tag(field, wire)
    numbers = array.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    width = len(tag) + np.dtype(dtype).itemsize
    # All messages have the same width: they are built as one byte matrix and split into rows at once.
    packed = np.empty((len(numbers), width), np.uint8)
    packed[:, : len(tag)] = np.frombuffer(tag, np.uint8)
    packed[:, len(tag) :] = numbers.astype(dtype).view(np.uint8).reshape(len(numbers), width - len(tag))
    messages = packed.view(f"V{width}").ravel().tolist()
    for row in np.flatnonzero(np.isnan(numbers)):
        messages[row] = MISSING
    return messages


def _encode_float_lists(array: pa.Array, kind: ValueType) -> list[bytes]:
    """Serialize lists of numbers: the tag, the lengths and the packed numbers of each list."""
    field, dtype = ("double_list_val", "<f8") if kind == ValueType.DOUBLE_LIST else ("float_list_val", "<f4")
    if not pa.types.is_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    tag, size = _encode_tag(field, _LENGTH), np.dtype(dtype).itemsize
    lengths = pc.list_value_length(array).fill_null(0).to_numpy()
    content = memoryview(array.flatten().to_numpy(zero_copy_only=False).astype(dtype).tobytes())
    # The bytes before the numbers depend only on how many numbers there are, so each is built once.
    headers = {}
    for length in set(lengths.tolist()):
        packed = _PACKED_FLOATS_TAG + _encode_varint(length * size) if length else b""
        headers[length] = tag + _encode_varint(len(packed) + length * size) + packed
    ends = (np.cumsum(lengths) * size).tolist()
    present = array.is_valid().to_pylist()
    return [
        headers[length] + content[end - length * size : end] if known else MISSING
        for length, end, known in zip(lengths.tolist(), ends, present, strict=True)
    ]
