"""Unaligned reads and copies of 4 and 8 bytes at a time in loops compiled by numba.

numba alone would assemble a word from single bytes; these intrinsics emit one LLVM load or store with an
alignment of 1, which is valid at any offset.
"""

# ruff: noqa: ARG001  (numba prescribes the arguments of these functions)
from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

WORD, LONG = ir.IntType(32), ir.IntType(64)


def _emit_pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, width: ir.IntType) -> Any:
    """Emit a pointer to a number of some width that begins at an offset in an array of bytes."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), width.as_pointer())


def _read_word(typing: Any, data: Any, at: Any) -> Any:
    """Read the uint32 in the four bytes from an offset on, in the processor's byte order."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place = arguments
        return builder.load(_emit_pointer(context, builder, signature.args[0], array, place, WORD), align=1)

    return types.uint32(data, types.int64), emit


def _float32_to_float64_bits(typing: Any, bits: Any) -> Any:
    """Return the bits of the float64 that equals a float32, given by its bits."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        single = builder.bitcast(builder.trunc(arguments[0], WORD), ir.FloatType())
        return builder.bitcast(builder.fpext(single, ir.DoubleType()), LONG)

    return types.uint64(types.uint64), emit


def _make_move(width: ir.IntType) -> Any:
    """Make an intrinsic that copies one number of some width between two arrays of bytes."""

    def move(typing: Any, out: Any, to: Any, data: Any, at: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            target, place, source, start = arguments
            value = builder.load(
                _emit_pointer(context, builder, signature.args[2], source, start, width), align=1
            )
            builder.store(
                value, _emit_pointer(context, builder, signature.args[0], target, place, width), align=1
            )
            return context.get_dummy_value()

        return types.void(out, types.int64, data, types.int64), emit

    return intrinsic(move)


read_word: Any = intrinsic(_read_word)
float32_to_float64_bits: Any = intrinsic(_float32_to_float64_bits)
move_4, move_8 = _make_move(WORD), _make_move(LONG)


@numba.njit(cache=True, nogil=True)
def copy_bytes(out: Any, to: Any, data: Any, at: Any, length: Any) -> None:
    """Copy bytes; the last move overlaps the one before it, so that no tail is copied byte by byte."""
    if length >= 8:
        for k in range(0, length - 8, 8):
            move_8(out, to + k, data, at + k)
        move_8(out, to + length - 8, data, at + length - 8)
    elif length >= 4:
        move_4(out, to, data, at)
        move_4(out, to + length - 4, data, at + length - 4)
    else:
        for k in range(length):
            out[to + k] = data[at + k]
