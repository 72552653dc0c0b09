"""What `ops/{prelude,vector,special,random}.cl` compute in registers, against NumPy.

One program per width (16 lanes and one): every expression of every primitive, dtype by dtype, over
edge values; every load and store, whole and partial, between guards; folds, lanes and scalars.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_cl import dtypes
from tinygrad_cl.compiler.templates import register_source
from tinygrad_cl.dtypes import ALL, DType
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.graph import PRIMITIVES, TensorSpec
from tinygrad_cl.lowering import Expr
from tinygrad_cl.primitives import random
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.runtime.sources import template_source

Array = np.ndarray

WIDTHS = (16, 1)
SIZE = 1024  # elements of every array
INF, NAN = float("inf"), float("nan")
FLOAT_EDGES = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -2.5, 2.0, -2.0, 3.7, -3.7, 10.0, -88.6, 88.6),
    *(1000.0, -1000.0, 1e-3, -1e-7, 1e-30, -1e30, 16777217.0, 1e-40, INF, -INF, NAN),
]
INT_EDGES = [0, 1, -1, 2, -2, 3, -3, 5, 7, -7, 10, -10, 16, 31, 100, -100, 255, 1000]
FLAG = 77

# Largest error in units in the last place over the edge values, huge angles included: what OpenCL
# allows for float32, and one more for NumPy's own. Intel's runtime stays within 2, our erf in 4,
# sigmoid in double within 3. Other rows are exact.
# fmt: off
ULPS = {
    "normalize": 1,  # the last product and sum may be rounded once
    "exp": 4, "log": 4, "sqrt": 4, "rsqrt": 3, "sin": 5, "cos": 5, "tanh": 6, "pow": 17, "div": 3,
    "sigmoid": 6, "erf": 7, "random_normal": 8,
    "tan": 6, "acos": 5, "asin": 5, "atan": 6, "atan2": 7, "sinh": 5, "cosh": 5, "hypot": 5,
    "asinh": 5, "acosh": 5, "atanh": 6, "exp2": 4, "expm1": 4, "log1p": 3, "log2": 4, "log10": 4,
    "erfc": 17, "sinc": 8, "logit": 8, "entr": 5, "xlogy": 5, "xlog1py": 5, "logaddexp": 8,
    "logaddexp2": 8, "binary_cross_entropy": 8, "pow_minus_half": 3, "erfinv": 24,
    "zeta": 32, "i0e": 12, "i1e": 12,
    # the reference's square is rounded; tails and roots that only an absolute error can describe
    "erfcx": 160, "log_ndtr": 160, "digamma": 1000, "lgamma": 20000,
}
# fmt: on


def edges(dtype: DType, kind: str) -> Array:
    """Values of a dtype in three orders, so that `first` and `second` meet in all pairs."""
    rng = np.random.default_rng(5)
    if dtype.kind == "b":
        values = np.array([False, True])
    elif dtype.kind == "f":
        with np.errstate(all="ignore"):
            values = np.array(FLOAT_EDGES).astype(dtype.numpy)
    else:
        info = np.iinfo(dtype.numpy)
        listed = [v for v in INT_EDGES if info.min <= v <= info.max]
        values = np.array([*listed, info.min, info.max, info.max - 1], dtype.numpy)
    pairs = np.array(list(itertools.product(values, values)), dtype.numpy)
    third = rng.permutation(pairs[:, 0])
    column = {"first": pairs[:, 0], "second": pairs[:, 1], "third": third}[kind]
    rest = SIZE - len(column)
    assert rest >= 0
    if dtype.kind == "f":
        more = rng.normal(0, 4, rest).astype(dtype.numpy)
    else:
        more = rng.integers(0, 2 if dtype.kind == "b" else 50, rest).astype(dtype.numpy)
    return np.concatenate([column, more])


@dataclass
class Case:
    """One line of the kernel: an expression over arrays, and what NumPy makes of them."""

    name: str
    text: str
    expected: Array
    ulps: float = 0.0
    valid: Array | None = None  # where the result is defined
    offset: int = 0


def access(dtype: DType) -> str:
    return "bool" if dtype.tag == "b" else dtype.storage


@dataclass
class Memory:
    """The arrays that expressions read, in one block of bytes."""

    offsets: dict[str, int] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    def put(self, name: str, array: Array) -> int:
        """Adds an array once; returns its place."""
        if name not in self.offsets:
            self.offsets[name] = sum(map(len, self.parts))
            data = array.tobytes()
            self.parts.append(data + bytes(-len(data) % 64))
        return self.offsets[name]

    def load(self, dtype: DType, kind: str) -> str:
        at = self.put(f"{dtype.name} {kind}", edges(dtype, kind))
        return f"LOADP_{access(dtype)}(IN({dtype.storage}, {at}), j, VEC)"


def statement(out: DType, loads: list[str], tags: list[str], text: str) -> str:
    registers = "".join(
        f"const V_{tag} a{i} = {load}; "
        for i, (tag, load) in enumerate(zip(tags, loads, strict=True))
    )
    store = f"STOREP_{access(out)}(r, OUT({out.storage}, @), j, VEC)"
    return f"{{ {registers}const V_{out.tag} r = {text}; {store}; }}"


def arity(expression: Expr) -> int:
    return 1 + max(int(i) for i in re.findall(r"\{(\d)\}", expression.text))


def signatures() -> Iterator[tuple[str, tuple[DType, ...], dict[str, Any]]]:
    """Every elementwise primitive with every dtype that it takes."""
    for primitive in list(PRIMITIVES.values()):
        lowering = primitive.lowering
        if not isinstance(lowering, Expr) or lowering.flag or primitive.name.startswith("random"):
            continue
        for dtype in ALL:
            inputs = (dtype,) * arity(lowering)
            if primitive.name == "where":
                inputs = (dtypes.bool_, dtype, dtype)
            for attrs in [{"dtype": to} for to in ALL] if primitive.name == "cast" else [{}]:
                try:
                    primitive.spec(*(TensorSpec((), d) for d in inputs), **attrs)
                except DTypeError:
                    continue
                yield primitive.name, inputs, attrs


def expression_cases(memory: Memory) -> Iterator[Case]:
    for name, inputs, attrs in signatures():
        primitive = PRIMITIVES[name]
        assert isinstance(primitive.lowering, Expr)
        kinds = [("first", "second", "third")[i % 3] for i in range(len(inputs))]
        arrays = [dtypes.widened(edges(d, kind)) for d, kind in zip(inputs, kinds, strict=True)]
        out = primitive.spec(*(TensorSpec((), d) for d in inputs), **attrs).dtype
        tags = [d.tag for d in inputs]
        registers = tuple(f"a{i}" for i in range(len(inputs)))
        text = primitive.lowering.format(out.tag, tuple(tags), registers)
        loads = [memory.load(d, kind) for d, kind in zip(inputs, kinds, strict=True)]
        with np.errstate(all="ignore"):
            expected = np.asarray(primitive.compute(arrays, attrs)).astype(out.numpy, copy=False)
        title = f"{name} {' '.join(d.name for d in inputs)} -> {out.name}"
        valid = None
        if name == "cast" and inputs[0].kind == "f" and out.kind in "ui":  # else undefined
            with np.errstate(all="ignore"):
                limit = float(np.iinfo(out.numpy).max)
                valid = (arrays[0] > -1) & (arrays[0].astype(float) < limit)
        if name == "zeta":  # is only meant for these
            valid = (arrays[0] > 1) & (arrays[1] > 0)
        if name == "binary_cross_entropy":
            valid = (arrays[1] >= 0) & (arrays[1] <= 1)
        ulps = ULPS.get(name, 0) if out.kind == "f" else 0
        yield Case(title, statement(out, loads, tags, text), expected, ulps, valid)


FOLDS: dict[str, Any] = {
    "sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum,
    "any": np.logical_or, "all": np.logical_and,
}  # fmt: skip


def fold_cases(memory: Memory, vec: int) -> Iterator[Case]:
    for kind, ufunc in FOLDS.items():
        for dtype in ALL:
            if (kind in ("any", "all") and dtype.tag != "b") or dtype.is_half:
                continue
            if kind in ("sum", "prod") and dtype.tag == "b":
                continue
            low = {"f": -2, "i": -2, "u": 0, "b": 0}[dtype.kind]
            ints = np.random.default_rng(3).integers(low, 2 if dtype.kind == "b" else 3, SIZE)
            array = ints.astype(dtype.numpy)  # small integers: any order of additions is exact
            if dtype.kind == "f" and kind in ("max", "min"):
                array[::37] = NAN
            at = memory.put(f"fold {kind} {dtype.name}", array)
            load = f"LOADP_{access(dtype)}(IN({dtype.storage}, {at}), j, VEC)"
            identity = f"SPLAT_{dtype.tag}(IDENTITY_{kind}_{dtype.tag})"
            folded = f"SPLAT_{dtype.tag}(HFOLD_{kind}_{dtype.tag}(FOLD_{kind}_{dtype.tag}(a0, a1)))"
            text = statement(dtype, [load, identity], [dtype.tag, dtype.tag], folded)
            blocks = array.reshape(-1, vec)
            expected = ufunc.reduce(blocks, axis=1, dtype=array.dtype, keepdims=True)
            yield Case(
                f"fold {kind} {dtype.name}", text, np.repeat(expected, vec, axis=1).reshape(-1)
            )


def lane_cases(memory: Memory, vec: int) -> Iterator[Case]:
    index = np.arange(SIZE)
    i64, b = dtypes.int64, dtypes.bool_
    yield Case("index", statement(i64, [], [], "INDEX_i64(j * 3 + 5, 3)"), index * 3 + 5)
    yield Case("index back", statement(i64, [], [], "INDEX_i64(-(long)j, -1)"), -index)
    for n in (0, 1, vec - 1, vec):
        text = statement(b, [], [], f"LANES_BELOW({n})")
        yield Case(f"lanes below {n}", text, index % vec < n)
    numbers = {
        "float32": 2.5,
        "float64": 1e300,
        "int32": -7,
        "int64": -(2**40),
        "uint8": 200,
        "bool": True,
    }
    for slot, (name, number) in enumerate(numbers.items()):
        block = np.zeros(8 * len(numbers), np.uint8)
        dtype = dtypes.dtype(name)
        raw = np.array([-1], np.int32) if name == "bool" else np.array([number], dtype.numpy)
        block[8 * slot : 8 * slot + raw.nbytes] = raw.view(np.uint8)
        at = memory.put(f"scalar {name}", block)
        text = f"SPLAT_{dtype.tag}(SCALAR_{dtype.tag}(in + {at}, {slot}))"
        yield Case(
            f"scalar {name}", statement(dtype, [], [], text), np.full(SIZE, number, dtype.numpy)
        )
    singles = edges(dtypes.float32, "first")
    load = memory.load(dtypes.float32, "first")
    for half in (dtypes.float16, dtypes.bfloat16):
        with np.errstate(all="ignore"):
            halves = singles.astype(half.numpy).astype(np.float32)
        text = statement(dtypes.float32, [load], ["f32"], f"ROUND_{half.storage}(a0)")
        yield Case(f"round {half.storage}", text, halves)
    for dtype in ALL:
        array = edges(dtype, "first")
        at = memory.put(f"{dtype.name} first", array)
        text = f"SPLAT_{dtype.tag}(LOAD1_{access(dtype)}(IN({dtype.storage}, {at}), j + 0))"
        expected = np.repeat(array[::vec], vec)
        yield Case(f"splat {dtype.name}", statement(dtype, [], [], text), expected)


def index_cases(memory: Memory) -> Iterator[Case]:
    """Good and bad indices and labels; row k reports into flags[4 * k]."""
    at, size, skipped = np.arange(SIZE), 9, -100
    index = np.random.default_rng(1).integers(-size, size, SIZE)
    wrapped = np.where(index < 0, index + size, index)
    label = np.where(index < 0, skipped, index)
    known = np.where(index < 0, -1, index)
    rows = [
        ("check_index", "", index, wrapped),
        (
            "check_index, bad",
            "",
            np.where(at == 3, -size - 1, index),
            np.where(at == 3, 0, wrapped),
        ),
        ("check_label", f"SPLAT_i64({skipped}), ", label, known),
        (
            "check_label, bad",
            f"SPLAT_i64({skipped}), ",
            np.where(at == 3, -1, label),
            np.where(at == 3, -1, known),
        ),
    ]
    for k, (title, ignore, given, expected) in enumerate(rows):
        name = title.partition(",")[0]
        load = f"LOADP_long(IN(long, {memory.put(title, given)}), j, VEC)"
        text = f"{name.upper()}(a0, SPLAT_i64({size}), {ignore}flags + {4 * k}, {FLAG + k})"
        yield Case(title, statement(dtypes.int64, [load], ["i64"], text), expected)


def random_cases() -> Iterator[Case]:
    key, counter = -123456789012345, 2**40 - 500  # the counter crosses a word
    numbers = np.arange(SIZE), np.asarray(key), np.asarray(counter)
    for name in ("random_uniform", "random_normal"):
        lowering = PRIMITIVES[name].lowering
        assert isinstance(lowering, Expr)
        registers = ("INDEX_i64(j, 1)", f"SPLAT_i64({key})", f"SPLAT_i64({counter})")
        text = lowering.format("f32", ("i64",) * 3, registers)
        expected = PRIMITIVES[name].reference(*numbers)
        yield Case(name, statement(dtypes.float32, [], [], text), expected, ULPS.get(name, 0))


@dataclass
class Program:
    """The program of one width, its cases, and the bytes that its expressions wrote."""

    device: Any
    handle: Any
    vec: int
    cases: list[Case]
    flags: list[list[int]]
    written: Array

    def result(self, case: Case) -> Array:
        raw = self.written[case.offset : case.offset + case.expected.nbytes]
        return raw.view(case.expected.dtype)


@pytest.fixture(params=WIDTHS, ids=lambda vec: f"vec{vec}")
def program(request: pytest.FixtureRequest, opencl_device: str) -> Program:
    lanes = get_device(opencl_device).traits.vector
    if request.param > lanes:
        pytest.skip(f"registers have at most {lanes} lanes on this device")
    return built(opencl_device, request.param)


@functools.cache
def built(name: str, vec: int) -> Program:
    """The program of one width, after its expressions were run."""
    device: Any = get_device(name)
    memory = Memory()
    cases = [
        *expression_cases(memory),
        *fold_cases(memory, vec),
        *lane_cases(memory, vec),
        *index_cases(memory),
        *random_cases(),
    ]
    used = [case for case in cases if device.traits.double or "f64" not in case.text]
    place = 0
    for case in used:
        case.offset = place
        place += case.expected.nbytes + 64  # a gap that must stay as it is
    handle = device.build(source(vec, used))
    out = device.upload(np.full(place, 0xAA, np.uint8))
    block = device.upload(np.frombuffer(b"".join(memory.parts), np.uint8))
    flags = device.upload(np.zeros(16, np.int32))
    kernel = handle.kernel("standalone_expressions")
    for position, buffer in enumerate((out, block, flags)):
        kernel.set(position, buffer)
    kernel.set_int(3, SIZE, 64)
    device.run([(kernel, (len(used),), (1,))])
    written = device.view(out, (place,), dtypes.uint8).copy()
    found = device.view(flags, (4, 4), dtypes.int32).tolist()
    return Program(device, handle, vec, used, found, written)


def source(vec: int, cases: list[Case]) -> str:
    """The text of the program of one width."""
    texts = (case.text.replace("@", str(case.offset)) for case in cases)
    hole = " \\\n".join(f"case {i}: RUN({text}) break;" for i, text in enumerate(texts))
    parts = [
        template_source("prelude"),
        template_source("random"),
        template_source("bfloat"),
        register_source(vec, special=True),
        f"#define CASES \\\n{hole}",
        (Path(__file__).parent / "registers.cl").read_text(),
    ]
    return "\n".join(parts)


def ulp_error(value: Array, expected: Array) -> Array:
    """Errors in units in the last place of the expected value; 0 where both are NaN or equal."""
    with np.errstate(all="ignore"):
        error = np.abs(value.astype(float) - expected.astype(float))
        tiny = np.asarray(dtypes.finfo(expected.dtype).tiny, expected.dtype)
        unit = np.spacing(np.maximum(np.abs(expected), tiny)).astype(float)
        same = (value == expected) | (np.isnan(value) & np.isnan(expected))
        return np.where(same, 0.0, np.where(np.isfinite(error), error / unit, np.inf))


def test_expressions_agree_with_the_references(program: Program) -> None:
    wrong = []
    for case in program.cases:
        value = program.result(case)
        valid = slice(None) if case.valid is None else case.valid
        value, expected = value[valid], case.expected[valid]
        if dtypes.dtype(expected.dtype).is_floating_point:
            error = ulp_error(value, expected)
        else:
            error = (value != expected).astype(float)
        if error.max() > case.ulps:
            i = int(error.argmax())
            wrong.append(
                f"{case.name}: {value[i]} is not {expected[i]} (element {i}), {error[i]} ulp"
            )
    assert not wrong, "\n".join(wrong)


def test_zeros_keep_their_sign_where_numpys_do(program: Program) -> None:
    for case in program.cases:
        name = case.name.split()[0]
        if name in (
            "neg",
            "abs",
            "floor",
            "trunc",
            "sqrt",
            "div",
            "mul",
            "floor_divide",
            "remainder",
        ):
            value, expected = program.result(case), case.expected
            if dtypes.dtype(expected.dtype).is_floating_point:
                zero = expected == 0
                np.testing.assert_array_equal(
                    np.signbit(value[zero]), np.signbit(expected[zero]), case.name
                )


def test_gaps_between_the_results_are_untouched(program: Program) -> None:
    for case in program.cases:
        end = case.offset + case.expected.nbytes
        assert (program.written[end : end + 64] == 0xAA).all(), case.name


def test_bad_indices_are_reported(program: Program) -> None:
    good_index, bad_index, good_label, bad_label = (row[:3] for row in program.flags)
    assert good_index == good_label == [0, 0, 0]
    assert bad_index == [FLAG + 1, -10, 9]
    assert bad_label == [FLAG + 3, -1, 9]


# ---- loads and stores


def tasks(vec: int) -> list[tuple[int, ...]]:
    """(how, at, stride, first, last, to, step, n) of every kind of access."""
    rows = [(0, 100 + n, 1, 0, n, 32 - n, 1, m) for n in range(vec + 1) for m in {n, vec, n // 2}]
    for stride, n in itertools.product((1, 2, 3, -1, -4, 0), {0, 1, vec // 2, vec}):
        rows.append((1, 120, stride, 0, n, 32, 1, vec))
        rows.append((1, 120, 1, 0, vec, 32, (stride % 2 + 1) * (1 if stride > 0 else -1), n))
    for stride, first, last in itertools.product((1, -2, 5), (0, 1, vec // 2), (0, vec // 2, vec)):
        rows.append((2, 130, stride, first, last, 32, 1, vec))
    return rows


def expected_memory(source: Array, rows: list[tuple[int, ...]], vec: int, blank: Array) -> Array:
    out = blank.copy()
    for i, (_, at, stride, first, last, to, step, n) in enumerate(rows):
        for lane in range(n):
            inside = first <= lane < last
            out[64 * i + to + lane * step] = source[at + lane * stride] if inside else 0
    return out


@pytest.mark.parametrize(
    "name", ["float", "double", "int", "long", "uchar", "half", "bfloat", "bool"]
)
def test_loads_and_stores_touch_exactly_their_lanes(program: Program, name: str) -> None:
    device = program.device
    if name == "double" and not device.traits.double:
        pytest.skip("the device has no doubles")
    dtype = (
        dtypes.bool_
        if name == "bool"
        else next(d for d in ALL if d.storage == name and d.tag != "b")
    )
    source = np.arange(1, 301).astype(dtype.numpy)
    rows = tasks(program.vec)
    blank = np.full(64 * len(rows), 99).astype(np.uint8 if name == "bool" else dtype.numpy)
    if name == "bool":  # any byte but 0 is true
        source = np.arange(300).astype(np.uint8) % 3
    out = device.upload(blank)
    buffers = (out, device.upload(source), device.upload(np.array(rows, np.int32)))
    kernel = program.handle.kernel(f"standalone_memory_{name}")
    for position, buffer in enumerate(buffers):
        kernel.set(position, buffer)
    kernel.set_int(3, len(rows))
    device.run([(kernel, (1,), (1,))])
    kind = dtypes.uint8 if name == "bool" else dtype
    value = device.view(out, blank.shape, kind)
    truth = (source != 0).astype(np.uint8) if name == "bool" else source
    expected = expected_memory(truth, rows, program.vec, blank)
    np.testing.assert_array_equal(value, expected)


# ---- the generator


def test_philox_gives_the_published_words() -> None:
    """The known answers that come with the Random123 library of the paper's authors."""
    ones = 0xFFFFFFFF
    known = [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((ones,) * 4, (ones,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]
    for counter, key, answer in known:
        words = random.philox(tuple(map(np.uint64, counter)), tuple(map(np.uint64, key)))
        assert " ".join(f"{int(word):08x}" for word in words) == answer


def test_elements_depend_on_the_sum_of_index_and_counter_only() -> None:
    uniform = random.random_uniform.reference
    key = np.asarray(3)
    whole = uniform(np.arange(100), key, np.asarray(7))
    np.testing.assert_array_equal(whole[40:], uniform(np.arange(60), key, np.asarray(47)))


def test_random_numbers_have_their_moments() -> None:
    at, key, counter = np.arange(200_000), np.asarray(11), np.asarray(0)
    u = random.random_uniform.reference(at, key, counter)
    z = random.random_normal.reference(at, key, counter)
    assert u.dtype == z.dtype == np.float32
    assert 0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    moments = [u.mean(), u.var(), *(np.mean(z**k) for k in (1, 2, 3, 4))]
    np.testing.assert_allclose(moments, [1 / 2, 1 / 12, 0, 1, 0, 3], atol=0.05)
