"""Elementwise primitives.   Device side: ops/prelude.cl.   User side: functional/elementwise.py.

One row per op: name, NumPy reference, OpenCL expression, gradient rules. Inputs broadcast and have
one dtype; `g` is the cotangent of the output `y`; the backward walk sums over broadcast dims.
NaN passes through `relu`, `clamp`, `maximum` and `minimum`, as in PyTorch and NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_cl.dtypes import DType, bool_, int64
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, Vjp, lift, register
from tinygrad_cl.lowering import Expr, View
from tinygrad_cl.primitives.movement import zeros
from tinygrad_cl.primitives.rules import ANY, BOOL, FLOAT, NUMERIC, common_dtype, reference
from tinygrad_cl.shapes import broadcast

SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0

# ---- constructors of rows


def row(
    name: str,
    function: Callable[..., Any],
    text: str,
    *vjps: Vjp | None,
    kinds: str = FLOAT,
    result: DType | None = None,
    by_tag: Mapping[str, str] | None = None,
) -> Primitive:
    """Registers an op on inputs of one dtype among `kinds`, which `result` may replace."""

    def spec(*inputs: TensorSpec) -> TensorSpec:
        dtype = common_dtype(name, kinds, inputs)
        return TensorSpec(broadcast(name, *(x.shape for x in inputs)), result or dtype)

    lowering = Expr(text, by_tag or {})
    return register(Primitive(name, spec, reference(function, result), lowering, vjps))


def numeric(name: str, function: Callable[..., Any], text: str, *vjps: Vjp | None) -> Primitive:
    """Registers an op on numbers."""
    return row(name, function, text, *vjps, kinds=NUMERIC)


def lattice(
    name: str, function: Callable[..., Any], text: str, masks: str, *vjps: Vjp | None
) -> Primitive:
    """Registers an op on numbers that is `masks` on bools."""
    return row(name, function, text, *vjps, kinds=ANY, by_tag={"b": masks})


def rounding(name: str, function: Callable[..., Any], text: str) -> Primitive:
    """Registers a rounding to whole numbers: integers stay, the gradient is zero."""
    same = {"i32": "{0}", "i64": "{0}", "u8": "{0}"}

    def rounded(x: Any) -> Any:
        return function(x) if x.dtype.kind == "f" else x

    return row(name, rounded, text, flat, kinds=NUMERIC, by_tag=same)


def comparison(name: str, function: Callable[..., Any], text: str) -> Primitive:
    """Registers an op that compares two inputs of any dtype."""
    return row(name, function, text, kinds=ANY, result=bool_)


def logical(name: str, function: Callable[..., Any], text: str) -> Primitive:
    """Registers an op on bools."""
    return row(name, function, text, kinds=BOOL)


# ---- NumPy references that are more than one call


def _np_sigmoid(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def _np_rsqrt(x: Any) -> Any:
    return 1 / np.sqrt(x)


def _np_trunc_divide(a: Any, b: Any) -> Any:
    return np.trunc(a / b)


def _np_relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _np_clamp(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


_np_erf = np.vectorize(math.erf, otypes=[np.float64])


def _np_sign(x: Any) -> Any:
    return np.where(np.isnan(x), 0, np.sign(x))  # PyTorch: sign(nan) is 0


def _np_pow(a: Any, b: Any) -> Any:
    if a.dtype.kind == "f":
        return np.power(a, b)
    # A negative power of an integer is 0, or that of 1 and -1, as in PyTorch.
    unit = np.where(a == 1, 1, np.where(a == -1, 1 - 2 * (b & 1).astype(np.int64), 0))
    return np.where(b < 0, unit, np.power(a, np.where(b < 0, 0, b)))


# ---- gradient rules that are more than one line


def flat(g: Node, y: Node, *inputs: Node) -> Node:
    """The gradient rule of piecewise constant ops."""
    return zeros(y)


def _if(condition: Node, g: Node) -> Node:
    """`g` where the condition holds, else 0."""
    return where(condition, g, lift(0, g))


def _unless(condition: Node, g: Node) -> Node:
    return where(condition, lift(0, g), g)


def _dead(y: Node) -> Node:
    return le(y, lift(0, y))


def _winner(g: Node, lost: Node, tied: Node) -> Node:
    # Ties share the cotangent equally: every convex split is a subgradient, this one is symmetric.
    return _unless(lost, where(tied, g * 0.5, g))


# 1 / a is finite above
_LEAST_WITH_INVERSE = {"float16": 2.0**-16, "bfloat16": 2.0**-128, "float32": 2.0**-128}
_LEAST_WITH_INVERSE["float64"] = 2.0**-1024


def _pow_base(g: Node, y: Node, a: Node, b: Node) -> Node:
    # b * a**(b - 1) is 0 * inf where b is 0 and 1 / a overflows: there (and for a NaN) the exponent
    # is taken as 1.
    tiny = _LEAST_WITH_INVERSE[a.dtype.name]
    dead = logical_and(eq(b, lift(0, b)), logical_not(gt(abs(a), lift(tiny, a))))
    return g * b * pow(a, where(dead, lift(1, b), b) - 1)


def _pow_exponent(g: Node, y: Node, a: Node, b: Node) -> Node:
    dead = logical_and(eq(a, lift(0, a)), ge(b, lift(0, b)))
    return g * y * log(where(dead, lift(1, a), a))


def _clamp_x(g: Node, y: Node, x: Node, low: Node, high: Node) -> Node:
    return _if(logical_and(ge(x, low), le(x, high)), g)


def _clamp_low(g: Node, y: Node, x: Node, low: Node, high: Node) -> Node:
    return _if(logical_and(lt(x, low), lt(low, high)), g)


def _clamp_high(g: Node, y: Node, x: Node, low: Node, high: Node) -> Node:
    return _if(logical_or(gt(x, high), gt(low, high)), g)


# ---- the rows
# fmt: off

# anything to bools
eq      = comparison("eq", np.equal,         "EQUAL({0}, {1})")
ne      = comparison("ne", np.not_equal,     "~EQUAL({0}, {1})")
lt      = comparison("lt", np.less,          "LESS_{t0}({0}, {1})")
le      = comparison("le", np.less_equal,    "LESS_EQUAL_{t0}({0}, {1})")
gt      = comparison("gt", np.greater,       "LESS_{t0}({1}, {0})")
ge      = comparison("ge", np.greater_equal, "LESS_EQUAL_{t0}({1}, {0})")
isnan   = row("isnan",     np.isnan,         "~EQUAL({0}, {0})", result=bool_)

logical_not = logical("logical_not", np.logical_not, "~{0}")
logical_and = logical("logical_and", np.logical_and, "{0} & {1}")
logical_or  = logical("logical_or",  np.logical_or,  "{0} | {1}")
logical_xor = logical("logical_xor", np.logical_xor, "{0} ^ {1}")

# floats to floats
exp     = row("exp",     np.exp,      "exponential({0})", lambda g, y, x: g * y)
log     = row("log",     np.log,      "log({0})",         lambda g, y, x: g / x)
sqrt    = row("sqrt",    np.sqrt,     "sqrt({0})",        lambda g, y, x: g / (2 * y))
rsqrt   = row("rsqrt",   _np_rsqrt,   "rsqrt({0})",       lambda g, y, x: g * -0.5 * y * y * y)
cos: Primitive
sin     = row("sin",     np.sin,      "sin({0})",         lambda g, y, x: g * cos(x))
cos     = row("cos",     np.cos,      "cos({0})",         lambda g, y, x: -g * sin(x))
tanh    = row("tanh",    np.tanh,     "tanh({0})",        lambda g, y, x: g * (1 - y * y))
sigmoid = row("sigmoid", _np_sigmoid, "SIGMOID({0})",     lambda g, y, x: g * y * (1 - y))
erf     = row("erf",     _np_erf,     "ERF_{t}({0})",     lambda g, y, x: g * SLOPE * exp(-(x * x)))
relu    = row("relu",    _np_relu,    "RELU({0})",        lambda g, y, x: _unless(_dead(y), g))
div     = row("div",     np.divide,   "{0} / {1}",        lambda g, y, a, b: g / b,
                                                          lambda g, y, a, b: -g * y / b)

# numbers to numbers
neg     = numeric("neg",  np.negative, "-{0}",            lambda g, y, x: -g)
sign    = numeric("sign", _np_sign,    "SIGN_{t}({0})",   flat)
abs     = numeric("abs",  np.abs,      "ABS_{t}({0})",    lambda g, y, x: g * sign(x))
sub     = numeric("sub",  np.subtract, "{0} - {1}",       lambda g, y, a, b: g,
                                                          lambda g, y, a, b: -g)
pow     = numeric("pow",  _np_pow,     "POW_{t}({0}, {1})", _pow_base, _pow_exponent)
pow_minus_half = row("pow_minus_half", _np_rsqrt, "rsqrt({0})",
    lambda g, y, x: g * -0.5 * pow(x, lift(-1.5, x)))
clamp   = numeric("clamp", _np_clamp,  "CLAMP({0}, {1}, {2})", _clamp_x, _clamp_low, _clamp_high)

floor   = rounding("floor", np.floor,  "floor({0})")
ceil    = rounding("ceil",  np.ceil,   "ceil({0})")
round   = rounding("round", np.rint,   "rint({0})")  # halves to even
trunc   = rounding("trunc", np.trunc,  "trunc({0})")

# quotients rounded towards 0
trunc_divide = row("trunc_divide", _np_trunc_divide, "trunc({0} / {1})", flat, flat)

# quotients rounded down, as Python's // and %; an integer divided by 0 gives 0
floor_divide = numeric("floor_divide", np.floor_divide, "floor_divide({0}, {1})", flat, flat)
remainder    = numeric("remainder",    np.remainder,    "floor_remainder({0}, {1})",
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * floor_divide(a, b))

# numbers to numbers, bools to bools
add     = lattice("add",     np.add,      "{0} + {1}",         "{0} | {1}",
    lambda g, y, a, b: g,
    lambda g, y, a, b: g)
mul     = lattice("mul",     np.multiply, "{0} * {1}",         "{0} & {1}",
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a)
maximum = lattice("maximum", np.maximum,  "MAXIMUM({0}, {1})", "{0} | {1}",
    lambda g, y, a, b: _winner(g, lt(a, b), eq(a, b)),
    lambda g, y, a, b: _winner(g, lt(b, a), eq(a, b)))
minimum = lattice("minimum", np.minimum,  "MINIMUM({0}, {1})", "{0} & {1}",
    lambda g, y, a, b: _winner(g, lt(b, a), eq(a, b)),
    lambda g, y, a, b: _winner(g, lt(a, b), eq(a, b)))
clamp_min = lattice("clamp_min", np.maximum, "MAXIMUM({0}, {1})", "{0} | {1}",
    lambda g, y, x, low: _if(ge(x, low), g),
    lambda g, y, x, low: _if(lt(x, low), g))
clamp_max = lattice("clamp_max", np.minimum, "MINIMUM({0}, {1})", "{0} & {1}",
    lambda g, y, x, high: _if(le(x, high), g),
    lambda g, y, x, high: _if(gt(x, high), g))

# fmt: on

# ---- rows with a spec rule of their own


def _where_spec(condition: TensorSpec, a: TensorSpec, b: TensorSpec) -> TensorSpec:
    if condition.dtype is not bool_:
        raise DTypeError(f"where: needs a bool condition, got {condition.dtype.name}; use x != 0")
    dtype = common_dtype("where", ANY, (a, b))
    return TensorSpec(broadcast("where", condition.shape, a.shape, b.shape), dtype)


def _np_cast(x: Any, dtype: DType) -> Any:
    with np.errstate(all="ignore"):
        return x.astype(dtype.numpy, copy=False)


def _check_index_spec(index: TensorSpec, size: TensorSpec, op: str) -> TensorSpec:
    if index.dtype is not int64 or size != TensorSpec((), int64):
        raise DTypeError(f"{op}: needs int64 indices, got {index.dtype.name}; use .long()")
    return index


def _np_check_index(index: Any, size: Any, op: str) -> Any:
    bad = (index < -size) | (index >= size)
    if bad.any():
        raise IndexError(f"{op}: index {index[bad][0]} is out of range for a dim of size {size}")
    return np.asarray(np.where(index < 0, index + size, index))


def _check_label_spec(
    label: TensorSpec, size: TensorSpec, ignore: TensorSpec, op: str
) -> TensorSpec:
    _check_index_spec(label, ignore, op)
    return _check_index_spec(label, size, op)


def _np_check_label(label: Any, size: Any, ignore: Any, op: str) -> Any:
    outside = (label < 0) | (label >= size)
    bad = outside & (label != ignore)
    if bad.any():
        raise IndexError(f"{op}: index {label[bad][0]} is out of range for a dim of size {size}")
    return np.asarray(np.where(outside | (label == ignore), -1, label))


alias = register(
    Primitive(
        "alias",
        lambda x: x,
        lambda x: x,
        View(lambda layout, shape, attrs: layout),
        (lambda g, y, x: g,),
    )
)
# The value of `x` once more: never `x` itself for the compiler, because of the number beside it.
again = row(
    "again", lambda x, number: x, "((void)({1}), {0})", lambda g, y, x, number: g, None, kinds=ANY
)
where: Primitive = register(
    Primitive(
        "where",
        _where_spec,
        lambda condition, a, b: np.asarray(np.where(condition, a, b)),
        Expr("SELECT_{t}({0}, {1}, {2})"),
        (
            None,
            lambda g, y, condition, a, b: _if(condition, g),
            lambda g, y, condition, a, b: _unless(condition, g),
        ),
    )
)
cast: Primitive = register(
    Primitive(
        "cast",
        lambda x, dtype: TensorSpec(x.shape, dtype),
        _np_cast,
        Expr("CAST_{t0}_{t}({0})"),
        (lambda g, y, x, dtype: cast(g, dtype=x.dtype),),
        attrs=("dtype",),
    )
)
# Negative indices count from the end; one out of range is reported and becomes 0.
check_index = register(
    Primitive(
        "check_index",
        _check_index_spec,
        _np_check_index,
        Expr("CHECK_INDEX({0}, {1}, {flags}, {code})", flag=True),
        attrs=("op",),
    )
)
# Labels from 0 to size - 1 pass, `ignore` becomes -1; any other is reported and becomes -1.
check_label = register(
    Primitive(
        "check_label",
        _check_label_spec,
        _np_check_label,
        Expr("CHECK_LABEL({0}, {1}, {2}, {flags}, {code})", flag=True),
        attrs=("op",),
    )
)
