"""Tiles: small matrices that a kernel holds in vector registers while it adds up products.

A Tile has `rows`, and `columns` vectors of `lanes` numbers in each row. To a kernel it is one value, and each
function here writes out the vector instructions for all of it. `left` is how many numbers of a row there are
in memory, where not all of the last ones are, or None.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

_INDEX, _BYTE = ir.IntType(64), ir.IntType(8)


class Tile(types.Type):
    """The Numba type of a tile."""

    def __init__(self, dtype: Any, rows: int, columns: int, lanes: int):
        self.dtype, self.rows, self.columns, self.lanes = dtype, rows, columns, lanes
        super().__init__(f"Tile({dtype}, {rows}, {columns}, {lanes})")

    @property
    def vector(self) -> ir.Type:
        """The LLVM type of one of its vectors."""
        return ir.VectorType(ir.FloatType() if self.dtype == types.float32 else ir.DoubleType(), self.lanes)


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager: Any, tile: Tile):
        super().__init__(manager, tile, ir.ArrayType(tile.vector, tile.rows * tile.columns))


class _Writer:
    """Writes the instructions of one function of a tile."""

    def __init__(self, builder: ir.IRBuilder, tile: Tile, left: Any):
        self.builder, self.tile = builder, tile
        self.masks = self._masks(left) if left is not None else [None] * tile.columns

    def _masks(self, left: Any) -> list[Any]:
        """For each column which of its lanes are in memory."""
        build, lanes = self.builder, self.tile.lanes
        numbers = ir.VectorType(_INDEX, lanes)
        first = build.insert_element(ir.Constant(numbers, ir.Undefined), left, ir.IntType(32)(0))
        limit = build.shuffle_vector(
            first, ir.Constant(numbers, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
        )
        starts = [lanes * c for c in range(self.tile.columns)]
        return [build.icmp_signed("<", ir.Constant(numbers, [*range(s, s + lanes)]), limit) for s in starts]

    def cells(self) -> Iterator[tuple[int, int, int]]:
        """Row, column and number of each vector."""
        for r in range(self.tile.rows):
            for c in range(self.tile.columns):
                yield r, c, r * self.tile.columns + c

    def splat(self, x: Any) -> Any:
        """A vector of one number over and over."""
        build, vector = self.builder, self.tile.vector
        none = ir.Constant(vector, ir.Undefined)
        one = build.insert_element(none, x, ir.IntType(32)(0))
        return build.shuffle_vector(
            one, none, ir.Constant(ir.VectorType(ir.IntType(32), self.tile.lanes), None)
        )

    def place(self, pointer: Any, index: Any, c: int = 0) -> Any:
        """Where column c of the row that begins at `index` lies."""
        build = self.builder
        at = build.gep(build.gep(pointer, [index]), [_INDEX(c * self.tile.lanes)])
        return build.bitcast(at, self.tile.vector.as_pointer())

    def load(self, pointer: Any, index: Any, c: int) -> Any:
        at = self.place(pointer, index, c)
        if self.masks[c] is None:
            return self.builder.load(at, align=_bytes(self.tile))
        nothing = ir.Constant(self.tile.vector, None)
        return self._masked("load", self.tile.vector, [at], c, nothing)

    def store(self, value: Any, pointer: Any, index: Any, c: int) -> None:
        at = self.place(pointer, index, c)
        if self.masks[c] is None:
            self.builder.store(value, at, align=_bytes(self.tile))
        else:
            self._masked("store", ir.VoidType(), [value, at], c)

    def _masked(self, name: str, result: Any, given: list, c: int, *more: Any) -> Any:
        args = [*given, ir.IntType(32)(_bytes(self.tile)), self.masks[c], *more]
        kind = f"v{self.tile.lanes}f{8 * _bytes(self.tile)}"
        function = _declared(self.builder, f"llvm.masked.{name}.{kind}.p0", result, args)
        return self.builder.call(function, args)

    def madd(self, a: Any, b: Any, c: Any) -> Any:
        kind = f"v{self.tile.lanes}f{8 * _bytes(self.tile)}"
        return self.builder.call(
            _declared(self.builder, f"llvm.fmuladd.{kind}", a.type, [a, b, c]), [a, b, c]
        )

    def together(self, vectors: list[Any]) -> Any:
        """The tile of these vectors."""
        value = ir.Constant(ir.ArrayType(self.tile.vector, len(vectors)), ir.Undefined)
        for n, vector in enumerate(vectors):
            value = self.builder.insert_value(value, vector, n)
        return value


def _bytes(tile: Tile) -> int:
    return tile.dtype.bitwidth // 8


def _declared(builder: ir.IRBuilder, name: str, result: Any, args: list[Any]) -> Any:
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(result, [arg.type for arg in args]), name)


def _left(kind: Any, value: Any) -> Any:
    return None if isinstance(kind, types.NoneType) else value


@intrinsic(prefer_literal=True)
def spread(typing: Any, p: Any, at: Any, rows: Any, columns: Any, lanes: Any, left: Any) -> Any:
    """The tile whose rows are all what stands in memory from p[at] on."""
    tile = Tile(p.dtype, rows.literal_value, columns.literal_value, lanes.literal_value)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write = _Writer(builder, tile, _left(left, args[5]))
        row = [write.load(args[0], args[1], c) for c in range(tile.columns)]
        return write.together(row * tile.rows)

    return tile(p, types.int64, rows, columns, lanes, _kind(left)), build


@intrinsic(prefer_literal=True)
def zeros(typing: Any, p: Any, rows: Any, columns: Any, lanes: Any) -> Any:
    """A tile of zeros, of the dtype of `p`."""
    tile = Tile(p.dtype, rows.literal_value, columns.literal_value, lanes.literal_value)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.ArrayType(tile.vector, tile.rows * tile.columns), None)

    return tile(p, rows, columns, lanes), build


def _kind(left: Any) -> Any:
    return left if isinstance(left, types.NoneType) else types.int64


@intrinsic(prefer_literal=True)
def outer(typing: Any, tile: Any, x: Any, at: Any, pitch: Any, k: Any, row: Any, left: Any) -> Any:
    """The tile and the outer product of x[at], x[at + pitch], ... with what stands from k[row] on."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, xs, start, _, ks, begin, rest = args
        write = _Writer(builder, tile, _left(left, rest))
        columns = [write.load(ks, begin, c) for c in range(tile.columns)]
        base = builder.gep(xs, [start])
        found = []
        for r in range(tile.rows):
            element = builder.load(builder.gep(base, [_INDEX(r * pitch.literal_value)]))
            number = write.splat(element)
            for c in range(tile.columns):
                old = builder.extract_value(value, r * tile.columns + c)
                found.append(write.madd(number, columns[c], old))
        return write.together(found)

    return tile(tile, x, types.int64, pitch, k, types.int64, _kind(left)), build


@intrinsic(prefer_literal=True)
def put(typing: Any, tile: Any, y: Any, at: Any, pitch: Any, left: Any) -> Any:
    """Write the rows of a tile to y[at], y[at + pitch], ..."""
    return types.void(tile, y, types.int64, types.int64, _kind(left)), _writing(tile, left, added=False)


@intrinsic(prefer_literal=True)
def accumulate(typing: Any, tile: Any, y: Any, at: Any, pitch: Any, left: Any) -> Any:
    """Add the rows of a tile to y[at], y[at + pitch], ..."""
    return types.void(tile, y, types.int64, types.int64, _kind(left)), _writing(tile, left, added=True)


def _writing(tile: Tile, left: Any, added: bool) -> Callable[..., Any]:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, ys, start, step, rest = args
        write = _Writer(builder, tile, _left(left, rest))
        for r, c, n in write.cells():
            index = builder.add(start, builder.mul(step, _INDEX(r)))
            vector = builder.extract_value(value, n)
            if added:
                vector = builder.fadd(write.load(ys, index, c), vector)
            write.store(vector, ys, index, c)
        return context.get_dummy_value()

    return build
