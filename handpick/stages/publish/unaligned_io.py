"""Reading and copying bytes in compiled loops several at a time, at places that no number would lie at."""

# ruff: noqa: ARG001  (numba says which arguments these functions take)
from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

WORD, LONG = ir.IntType(32), ir.IntType(64)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any, width: ir.IntType) -> Any:
    """A pointer to a number of some width that begins at a place of an array of bytes."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), width.as_pointer())


def _word(typing: Any, data: Any, at: Any) -> Any:
    """The number in four bytes from a place on, in the machine's order."""

    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place = arguments
        return builder.load(_place(context, builder, signature.args[0], array, place, WORD), align=1)

    return types.uint32(data, types.int64), made


def _widened(typing: Any, bits: Any) -> Any:
    """The bits of the float64 that equals a float32, given by its bits."""

    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        single = builder.bitcast(builder.trunc(arguments[0], WORD), ir.FloatType())
        return builder.bitcast(builder.fpext(single, ir.DoubleType()), LONG)

    return types.uint64(types.uint64), made


def _mover(width: ir.IntType) -> Any:
    """A function that moves as many bytes as a number has."""

    def move(typing: Any, out: Any, to: Any, data: Any, at: Any) -> Any:
        def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            target, place, source, start = arguments
            value = builder.load(_place(context, builder, signature.args[2], source, start, width), align=1)
            builder.store(value, _place(context, builder, signature.args[0], target, place, width), align=1)
            return context.get_dummy_value()

        return types.void(out, types.int64, data, types.int64), made

    return intrinsic(move)


word: Any = intrinsic(_word)
widened: Any = intrinsic(_widened)
move_4, move_8 = _mover(WORD), _mover(LONG)


@numba.njit(cache=True, nogil=True)
def copy_bytes(out: Any, to: Any, data: Any, at: Any, length: Any) -> None:
    """Copy bytes; the last eight or four of them overlap what is copied already rather than go one by one."""
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
