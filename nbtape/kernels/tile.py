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

_INDEX, _SHORT = ir.IntType(64), ir.IntType(32)


class Tile(types.Type):
    """The Numba type of a tile."""

    def __init__(self, dtype: Any, rows: int, columns: int, lanes: int):
        self.dtype, self.rows, self.columns, self.lanes = dtype, rows, columns, lanes
        super().__init__(f"Tile({dtype}, {rows}, {columns}, {lanes})")

    def of(self, dtype: Any) -> "Tile":
        """The type of a tile of this shape."""
        return Tile(dtype, self.rows, self.columns, self.lanes)

    @property
    def count(self) -> int:
        return self.rows * self.columns

    @property
    def floating(self) -> bool:
        return isinstance(self.dtype, types.Float)

    @property
    def bits(self) -> int:
        return 1 if self.dtype == types.boolean else self.dtype.bitwidth

    @property
    def vector(self) -> ir.VectorType:
        """The LLVM type of one of its vectors."""
        kinds = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
        return ir.VectorType(kinds.get(self.dtype) or ir.IntType(self.bits), self.lanes)

    @property
    def suffix(self) -> str:
        """What LLVM appends to the names of functions of its vectors."""
        return f"v{self.lanes}{'f' if self.floating else 'i'}{self.bits}"


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager: Any, tile: Tile):
        super().__init__(manager, tile, ir.ArrayType(tile.vector, tile.count))


class _Writer:
    """Writes the instructions of one function of a tile."""

    def __init__(self, builder: ir.IRBuilder, tile: Tile, left: Any = None):
        self.builder, self.tile = builder, tile
        self.masks = [None] * tile.columns if left is None else self._masks(left)

    def _masks(self, left: Any) -> list[Any]:
        """For each column which of its lanes are in memory."""
        numbers = self.tile.of(types.int64).vector
        limit = self.splat(left, numbers)
        lanes = range(self.tile.columns * self.tile.lanes)
        counted = [[*lanes[c * self.tile.lanes :][: self.tile.lanes]] for c in range(self.tile.columns)]
        return [self.builder.icmp_signed("<", ir.Constant(numbers, each), limit) for each in counted]

    def cells(self) -> Iterator[tuple[int, int, int]]:
        """Row, column and number of each vector."""
        for n in range(self.tile.count):
            yield *divmod(n, self.tile.columns), n

    def splat(self, x: Any, vector: ir.VectorType) -> Any:
        """A vector of one number over and over."""
        none = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(none, x, _SHORT(0))
        return self.builder.shuffle_vector(one, none, ir.Constant(ir.VectorType(_SHORT, vector.count), None))

    def place(self, pointer: Any, index: Any, c: int) -> Any:
        """Where column c of the row that begins at `index` lies."""
        at = self.builder.gep(self.builder.gep(pointer, [index]), [_INDEX(c * self.tile.lanes)])
        return self.builder.bitcast(at, self.tile.vector.as_pointer())

    def load(self, pointer: Any, index: Any, c: int) -> Any:
        at, vector = self.place(pointer, index, c), self.tile.vector
        if self.masks[c] is None:
            return self.builder.load(at, align=self.tile.bits // 8)
        return self._masked("load", vector, [at], c, ir.Constant(vector, None))

    def store(self, value: Any, pointer: Any, index: Any, c: int) -> None:
        at = self.place(pointer, index, c)
        if self.masks[c] is None:
            self.builder.store(value, at, align=self.tile.bits // 8)
        else:
            self._masked("store", ir.VoidType(), [value, at], c)

    def _masked(self, name: str, result: Any, given: list, c: int, *more: Any) -> Any:
        args = [*given, _SHORT(self.tile.bits // 8), self.masks[c], *more]
        return self.call(f"llvm.masked.{name}.{self.tile.suffix}.p0", result, args)

    def call(self, name: str, result: Any, args: list) -> Any:
        module = self.builder.module
        kind = ir.FunctionType(result, [arg.type for arg in args])
        return self.builder.call(module.globals.get(name) or ir.Function(module, kind, name), args)

    def madd(self, a: Any, b: Any, c: Any) -> Any:
        return self.call(f"llvm.fmuladd.{self.tile.suffix}", a.type, [a, b, c])

    def taken(self, value: Any) -> list[Any]:
        """The vectors of a tile."""
        return [self.builder.extract_value(value, n) for n in range(self.tile.count)]

    def together(self, vectors: list[Any]) -> Any:
        """The tile of these vectors."""
        value = ir.Constant(ir.ArrayType(vectors[0].type, len(vectors)), ir.Undefined)
        for n, vector in enumerate(vectors):
            value = self.builder.insert_value(value, vector, n)
        return value


def _left(kind: Any, value: Any) -> Any:
    return None if isinstance(kind, types.NoneType) else value


def _kind(left: Any) -> Any:
    return left if isinstance(left, types.NoneType) else types.int64


# Making and keeping tiles


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
        return ir.Constant(ir.ArrayType(tile.vector, tile.count), None)

    return tile(p, rows, columns, lanes), build


@intrinsic(prefer_literal=True)
def taken(typing: Any, p: Any, at: Any, pitch: Any, rows: Any, columns: Any, lanes: Any) -> Any:
    """The tile whose rows stand in memory from p[at], p[at + pitch], ... on: what `put` wrote there."""
    tile = Tile(p.dtype, rows.literal_value, columns.literal_value, lanes.literal_value)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write, (pointer, start, step) = _Writer(builder, tile), args[:3]
        indices = [builder.add(start, builder.mul(step, _INDEX(r))) for r in range(tile.rows)]
        return write.together([write.load(pointer, indices[r], c) for r, c, _ in write.cells()])

    return tile(p, types.int64, types.int64, rows, columns, lanes), build


@intrinsic
def counted(typing: Any, tile: Any, p: Any, at: Any) -> Any:
    """The tile, as large as another and of the dtype of `p`, whose rows all are at, at + 1, ..."""
    target = tile.of(p.dtype)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write, vector, lanes = _Writer(builder, target), target.vector, target.lanes
        number = vector.element
        start = args[2] if number == _INDEX else builder.trunc(args[2], number)
        row = [
            builder.add(write.splat(start, vector), ir.Constant(vector, [*range(c * lanes, (c + 1) * lanes)]))
            for c in range(target.columns)
        ]
        return write.together(row * target.rows)

    return target(tile, p, types.int64), build


@intrinsic(prefer_literal=True)
def outer(typing: Any, tile: Any, x: Any, at: Any, pitch: Any, k: Any, row: Any, left: Any) -> Any:
    """The tile and the outer product of x[at], x[at + pitch], ... with what stands from k[row] on."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, xs, start, step, ks, begin, rest = args
        write = _Writer(builder, tile, _left(left, rest))
        columns = [write.load(ks, begin, c) for c in range(tile.columns)]
        places = [builder.add(start, builder.mul(step, _INDEX(r))) for r in range(tile.rows)]
        numbers = [write.splat(builder.load(builder.gep(xs, [at])), tile.vector) for at in places]
        old = write.taken(value)
        return write.together([write.madd(numbers[r], columns[c], old[n]) for r, c, n in write.cells()])

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


# Tiles number by number


def _cellwise(builder: Any, tile: Tile, write: Callable[..., Any], args: Any) -> Any:
    """What `write` makes of the vectors of tiles."""
    writer = _Writer(builder, tile)
    return writer.together([write(*each) for each in zip(*map(writer.taken, args))])


@intrinsic
def beats(typing: Any, here: Any, best: Any) -> Any:
    """Where one tile is greater than another, or the first NaN."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def write(new: Any, old: Any) -> Any:
            if not here.floating:
                return (builder.icmp_signed if here.dtype.signed else builder.icmp_unsigned)(">", new, old)
            number = builder.fcmp_ordered("ord", old, old)
            return builder.and_(builder.fcmp_unordered(">", new, old), number)

        return _cellwise(builder, here, write, args)

    return here.of(types.boolean)(here, best), build


@intrinsic
def equals(typing: Any, a: Any, b: Any) -> Any:
    """Where two tiles of integers are equal."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _cellwise(builder, a, lambda a, b: builder.icmp_signed("==", a, b), args)

    return a.of(types.boolean)(a, b), build


@intrinsic
def choose(typing: Any, chosen: Any, a: Any, b: Any) -> Any:
    """The numbers of one tile where `chosen`, or else those of another."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _cellwise(builder, a, builder.select, args)

    return a(chosen, a, b), build


@intrinsic
def rectified(typing: Any, tile: Any) -> Any:
    """The tile with zeros in the place of what is less."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        nothing = ir.Constant(tile.vector, None)

        def write(x: Any) -> Any:
            return builder.select(builder.fcmp_ordered("<", x, nothing), nothing, x)

        return _cellwise(builder, tile, write, args)

    return tile(tile), build
