"""A compiled kernel that multiplies 8-bit vectors and tests the sums while they are in registers.

LLVM, through numba, gets one tile of a few users by a few dozen items: all sums of the tile are kept in
registers, turned into scores and compared with each user's threshold. Scores leave the registers only where
one of them reaches it, so the score matrix is never written, which is where a product followed by a
selection spends much of its time.

Which instruction multiplies is read from the target that numba compiles for (`find_dot_instruction`):

- `vpdpbusd` (AVX-512 VNNI, AVX-VNNI) adds four products of an unsigned and a signed byte to a 32-bit sum.
- `vpmaddubsw` (SSSE3, AVX2, AVX-512BW) adds two of them into 16 bits. Sums stay in 16 bits for a run of up to
  64 coordinates, then are widened. Nothing overflows, because vectors are rounded so that it cannot: a pair
  of products is at most `2 * 127 * 127`, and a run's sum is at most the product of both runs' lengths, which
  `quantize` keeps below 2^15.
- `sdot` (arm64 with the dot product extension) is `vpdpbusd` for two signed bytes.

Items are stored as these instructions read them: four neighbouring coordinates of one item in 32 bits, items
side by side. Codes of users are made unsigned by adding `zero`; what that adds to a sum depends on the item
alone and is subtracted where the sum begins.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic


class DotInstruction(NamedTuple):
    """An instruction that multiplies bytes, and the tile that keeps its sums in registers.

    Args:
        name: The instruction and the bits of its registers.
        feature: What the target must have, in LLVM's name.
        operation: LLVM's function.
        widening: LLVM's function that adds neighbouring 16-bit sums into 32 bits; empty where sums have 32
            bits.
        lanes: Items in a register.
        rows: Users of a tile.
        registers: Registers of items of a tile.
        zero: What makes the users' codes unsigned; 0 where they are signed.
        max_user_code: The largest code of a user's coordinate.
        max_run: Coordinates that are added in 16 bits; 0 where sums have 32 bits.
    """

    name: str
    feature: str
    operation: str
    widening: str
    lanes: int
    rows: int
    registers: int
    zero: int
    max_user_code: int
    max_run: int

    @property
    def width(self) -> int:
        """Items of a tile."""
        return self.lanes * self.registers


_X86 = "llvm.x86."
INSTRUCTIONS = (
    DotInstruction("vpdpbusd-512", "avx512vnni", _X86 + "avx512.vpdpbusd.512", "", 16, 4, 4, 128, 127, 0),
    DotInstruction(
        "vpdpbusd-256",
        "avxvnni",
        _X86 + "avx512.vpdpbusd.256",
        "",
        8,
        6,
        2,
        128,
        127,
        0,
    ),
    DotInstruction(
        "vpmaddubsw-512",
        "avx512bw",
        _X86 + "avx512.pmaddubs.w.512",
        _X86 + "avx512.pmaddw.d.512",
        16,
        4,
        4,
        64,
        63,
        64,
    ),
    DotInstruction(
        "vpmaddubsw-256", "avx2", _X86 + "avx2.pmadd.ub.sw", _X86 + "avx2.pmadd.wd", 8, 4, 2, 64, 63, 64
    ),
    DotInstruction(
        "pmaddubsw-128",
        "ssse3",
        _X86 + "ssse3.pmadd.ub.sw.128",
        _X86 + "sse2.pmadd.wd",
        4,
        4,
        2,
        64,
        63,
        64,
    ),
    DotInstruction("sdot-128", "dotprod", "llvm.aarch64.neon.sdot.v4i32.v16i8", "", 4, 6, 4, 0, 127, 0),
)


def describe_target() -> dict[str, str]:
    """Return the processor that numba compiles for, and its features in LLVM's names."""
    triple, processor, features = cpu_target.target_context.codegen().magic_tuple()
    return {"triple": triple, "processor": processor, "features": features}


@cache
def find_dot_instruction() -> DotInstruction | None:
    """Find the first of `INSTRUCTIONS` that numba's target has; None where it has none of them.

    The target is this processor, or what `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` make of it.
    """
    present = {feature[1:] for feature in describe_target()["features"].split(",") if feature.startswith("+")}
    return next((instruction for instruction in INSTRUCTIONS if instruction.feature in present), None)


def _type_tile(
    typingctx: Any,
    codes: Any,
    row: Any,
    packed: Any,
    tile: Any,
    facts: Any,
    bounds: Any,
    runs: Any,
    steps: Any,
    values: Any,
    hits: Any,
) -> Any:
    """Score a tile and mark the scores whose upper bound reaches the user's threshold.

    Args:
        typingctx: Numba's.
        codes: `(users, 4 * runs * steps) uint8`.
        row: First user of the tile.
        packed: `(tiles, bytes) int8`, see `dot_scan.PackedItems`.
        tile: Which of them.
        facts: `(tiles, 3, width) float32`: step, error and length of each item.
        bounds: `(users, 3) float32`: threshold, and what the item's error and length are multiplied by.
        runs: Runs of coordinates.
        steps: Groups of four coordinates of a run.
        values: `(rows, width) float32`, written if there is a hit: approximate scores.
        hits: `(rows,) int64`, written: a bit an item.

    Returns:
        All hits or-ed: zero if there is none.
    """
    del typingctx, row, tile, runs, steps  # integers, whatever they come as
    sig = types.int64(
        codes, types.intp, packed, types.intp, facts, bounds, types.intp, types.intp, values, hits
    )

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        how = find_dot_instruction()
        if how is None:
            raise RuntimeError("this target has none of the instructions")
        operands = (
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, args, strict=True)
        )
        return TileWriter(how, builder, *operands).write()

    return sig, codegen


# Typed as anything: numba calls it with one argument less than Python sees.
score_tile: Any = intrinsic(_type_tile)


class TileWriter:
    """Writes the LLVM code of one tile; the operands are those of `_type_tile`, arrays as pointers."""

    def __init__(
        self,
        how: DotInstruction,
        builder: Any,
        codes: Any,
        row: Any,
        packed: Any,
        tile: Any,
        facts: Any,
        bounds: Any,
        runs: Any,
        steps: Any,
        values: Any,
        hits: Any,
    ) -> None:
        self.how, self.builder = how, builder
        self.runs, self.steps = runs, steps
        self.values, self.hits = values, hits
        self.i8, self.i16, self.i32, self.i64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
        self.real = ir.FloatType()
        self.bytes, self.shorts, self.ints, self.reals = (
            ir.VectorType(kind, how.lanes * count)
            for kind, count in ((self.i8, 4), (self.i16, 2), (self.i32, 1), (self.real, 1))
        )
        self.places = [(r, v) for r in range(how.rows) for v in range(how.registers)]
        self.length = builder.mul(runs, steps)  # 32-bit words of a user
        rows_of_registers = builder.mul(runs, builder.add(steps, self.i64(1)))
        self.codes = self._at(codes, self.i32, builder.mul(row, self.length))
        self.items = self._at(
            packed, self.ints, builder.mul(tile, builder.mul(rows_of_registers, self.i64(how.registers)))
        )
        self.facts = self._at(facts, self.reals, builder.mul(tile, self.i64(3 * how.registers)))
        self.bounds = self._at(bounds, self.real, builder.mul(row, self.i64(3)))

    def _at(self, pointer: Any, kind: Any, index: Any) -> Any:
        index = self.i64(index) if isinstance(index, int) else index
        if not pointer.type.is_opaque:  # as numba's are
            pointer = self.builder.bitcast(pointer, ir.PointerType(kind))
        return self.builder.gep(pointer, [index], source_etype=kind)

    def _load(self, pointer: Any, kind: Any, index: Any) -> Any:
        """Load from memory that numba aligns to 8 bytes at least, whatever the register's size."""
        return self.builder.load(self._at(pointer, kind, index), typ=kind, align=4)

    def _spread(self, value: Any, kind: Any) -> Any:
        """Fill a vector with one number."""
        single = self.builder.insert_element(ir.Constant(kind, ir.Undefined), value, self.i32(0))
        zeros = ir.Constant(ir.VectorType(self.i32, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), zeros)

    def _call(self, name: str, result: Any, *args: Any) -> Any:
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(result, [value.type for value in args]), name
        )
        return self.builder.call(function, args)

    def write(self) -> Any:
        """Write all of it and return the value that the kernel returns."""
        builder = self.builder
        sums = self._write_sums()
        found, scores = [], {}
        everything = self.i64(0)
        for r in range(self.how.rows):
            threshold, by_error, by_length = (
                self._spread(self._load(self.bounds, self.real, 3 * r + k), self.reals) for k in range(3)
            )
            mine = self.i64(0)
            for v in range(self.how.registers):
                step, error, length = (
                    self._load(self.facts, self.reals, k * self.how.registers + v) for k in range(3)
                )
                value = builder.fmul(builder.sitofp(sums[r, v], self.reals), step)
                bound = builder.fadd(builder.fmul(by_error, error), builder.fmul(by_length, length))
                reaches = builder.fcmp_ordered(">=", builder.fadd(value, bound), threshold)
                bits = builder.zext(builder.bitcast(reaches, ir.IntType(self.how.lanes)), self.i64)
                mine = builder.or_(mine, builder.shl(bits, self.i64(v * self.how.lanes)))
                scores[r, v] = value
            found.append(mine)
            everything = builder.or_(everything, mine)
        with builder.if_then(builder.icmp_unsigned("!=", everything, self.i64(0)), likely=False):
            for r in range(self.how.rows):
                builder.store(found[r], self._at(self.hits, self.i64, r))
            for r, v in self.places:
                builder.store(
                    scores[r, v], self._at(self.values, self.reals, r * self.how.registers + v), align=4
                )
        return everything

    def _write_sums(self) -> dict[tuple[int, int], Any]:
        """Write the loops over runs and their steps, and return the 32-bit sums."""
        how, builder = self.how, self.builder
        kind = self.shorts if how.widening else self.ints
        zero = ir.Constant(self.ints, [0] * how.lanes)
        entry = builder.block
        outer = builder.append_basic_block("runs")
        inner = builder.append_basic_block("steps")
        last = builder.append_basic_block("run_end")
        end = builder.append_basic_block("sums")
        builder.branch(outer)

        builder.position_at_end(outer)
        run = builder.phi(self.i64)
        totals = {place: builder.phi(self.ints) for place in self.places}
        stride = builder.mul(builder.add(self.steps, self.i64(1)), self.i64(how.registers))
        items = self._at(self.items, self.ints, builder.mul(run, stride))
        codes = self._at(self.codes, self.i32, builder.mul(run, self.steps))
        starts = [builder.bitcast(self._load(items, self.ints, v), kind) for v in range(how.registers)]
        builder.branch(inner)

        builder.position_at_end(inner)
        step = builder.phi(self.i64)
        sums = {place: builder.phi(kind) for place in self.places}
        following = builder.add(step, self.i64(1))
        first = builder.mul(following, self.i64(how.registers))
        here = self._at(items, self.ints, first)
        right = [self._load(here, self.ints, v) for v in range(how.registers)]
        added = {}
        for r in range(how.rows):
            word = self._load(codes, self.i32, builder.add(builder.mul(self.i64(r), self.length), step))
            left = self._spread(word, self.ints)
            for v in range(how.registers):
                added[r, v] = self._multiply_add(sums[r, v], left, right[v])
        step.add_incoming(self.i64(0), outer)
        step.add_incoming(following, inner)
        for place in self.places:
            sums[place].add_incoming(starts[place[1]], outer)
            sums[place].add_incoming(added[place], inner)
        builder.cbranch(builder.icmp_signed("<", following, self.steps), inner, last)

        builder.position_at_end(last)
        wide = {}
        for place in self.places:
            value = added[place]
            if how.widening:
                ones = ir.Constant(self.shorts, [1] * (2 * how.lanes))
                value = self._call(how.widening, self.ints, value, ones)
            wide[place] = builder.add(totals[place], value)
        next_run = builder.add(run, self.i64(1))
        run.add_incoming(self.i64(0), entry)
        run.add_incoming(next_run, last)
        for place in self.places:
            totals[place].add_incoming(zero, entry)
            totals[place].add_incoming(wide[place], last)
        builder.cbranch(builder.icmp_signed("<", next_run, self.runs), outer, end)
        builder.position_at_end(end)
        return wide

    def _multiply_add(self, sums: Any, left: Any, right: Any) -> Any:
        """Add the products of four bytes each of users and items."""
        builder, how = self.builder, self.how
        if how.widening:
            products = self._call(
                how.operation,
                self.shorts,
                builder.bitcast(left, self.bytes),
                builder.bitcast(right, self.bytes),
            )
            return builder.add(sums, products)
        if "sdot" in how.operation:
            return self._call(
                how.operation,
                self.ints,
                sums,
                builder.bitcast(left, self.bytes),
                builder.bitcast(right, self.bytes),
            )
        return self._call(how.operation, self.ints, sums, left, right)
