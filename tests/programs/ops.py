"""The lines that a program can be made of, one row each.

A row says which shapes it takes, what else is to be chosen, and how it is written; `{0}` and `{1}`
are its operands, other names in braces what was chosen. The text is the same for tinygrad_cl and
PyTorch: `m` is the library, `F` its `nn.functional`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

Shape = tuple[int, ...]
Options = Callable[..., st.SearchStrategy[dict[str, Any]]]


class Op(NamedTuple):
    """One kind of line.

    `arity`: how many tensors it takes. `fits`: of which shapes. `options`: what else is chosen.
    """

    name: str
    text: str
    arity: int = 1
    fits: Callable[..., bool] = lambda *shapes: True
    options: Options = lambda *shapes: st.just({})


def _some(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(strategies)


def _dim(shape: Shape) -> st.SearchStrategy[int]:
    return st.integers(-len(shape), len(shape) - 1)


def _dims(shape: Shape) -> st.SearchStrategy[Any]:
    if not shape:
        return st.none()
    every = st.sets(st.integers(0, len(shape) - 1), min_size=1).map(lambda dims: tuple(dims))
    return st.none() | every


def _full(*shapes: Shape) -> bool:
    return all(0 not in shape for shape in shapes)


def _has_dims(shape: Shape) -> bool:
    return len(shape) > 0


def _full_with_dims(shape: Shape) -> bool:
    return len(shape) > 0 and _full(shape)


def broadcast(a: Shape, b: Shape) -> bool:
    """Whether two shapes can be broadcast."""
    short = min(len(a), len(b))
    pairs = zip(a[len(a) - short :], b[len(b) - short :], strict=True)
    return all(p == q or 1 in (p, q) for p, q in pairs)


def _same(a: Shape, b: Shape) -> bool:
    return a == b


def _splits(size: int) -> list[tuple[int, int]]:
    return [(d, size // d) for d in range(1, size + 1) if size % d == 0]


def _new_shapes(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    size = math.prod(shape)
    found: list[Shape] = [(size,), (1, size), (size, 1)]
    if size:
        found += [*_splits(size), *((a, 1, b) for a, b in _splits(size))]
    return _some(shape=st.sampled_from(found))


def _slices(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    def one(size: int) -> st.SearchStrategy[str]:
        texts = [":", "::2", "1:", ":-1", "1::2", f":{(size + 1) // 2}"]
        return st.sampled_from([*texts, "0", "-1"] if size else texts)

    return _some(key=st.tuples(*map(one, shape)).map(", ".join))


def _pieces(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return _some(dim=_dim(shape), count=st.integers(1, 3))


def _row_numbers(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    numbers = st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=4)
    return _some(rows=numbers.map(tuple))


def _image(shape: Shape) -> bool:
    return len(shape) == 4 and _full(shape) and min(shape[2:]) >= 2


def _filters(x: Shape, w: Shape) -> bool:
    fits = _image(x) and len(w) == 4 and _full(w) and w[1] == x[1]
    return fits and w[2] <= x[2] + 2 and w[3] <= x[3] + 2


def _product(a: Shape, b: Shape) -> bool:
    if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
        return False
    return len(a) < 3 or len(b) < 3 or broadcast(a[:-2], b[:-2])


UNARY = ["tanh", "sigmoid", "relu", "abs", "neg", "square", "sin", "cos", "clone"]
MODERN = ["gelu", "silu", "softplus", "elu", "leaky_relu", "hardtanh"]

OPS: list[Op] = [
    *(Op(name, f"m.{name}({{0}})") for name in UNARY),
    *(Op(name, f"F.{name}({{0}})") for name in MODERN),
    Op("exp", "m.tanh({0}).exp()"),
    Op("log", "({0} * {0} + 1).log()"),
    Op("sqrt", "({0} * {0} + 0.5).sqrt()"),
    Op("clamp", "{0}.clamp(-0.5, 0.75)"),
    Op("scale", "{0} * c"),
    Op("shift", "c - {0}"),
    Op("mask", "{0} * ({0} > 0.1).float()"),
    Op("whole", "({0} * 3).round().int().float() / 3"),
    Op("wide", "{0}.double().square().float()"),
    # ---- two operands
    Op("add", "{0} + {1}", 2, broadcast),
    Op("sub", "{0} - {1}", 2, broadcast),
    Op("mul", "{0} * {1}", 2, broadcast),
    Op("div", "{0} / (1 + {1} * {1})", 2, broadcast),
    Op("maximum", "m.maximum({0}, {1})", 2, broadcast),
    Op("where", "m.where({0} > {1}, {0}, {1} * 2)", 2, broadcast),
    Op("lerp", "m.lerp({0}, {1}, c)", 2, broadcast),
    Op(
        "cat",
        "m.cat([{0}, {1}, {0}], {dim})",
        2,
        lambda a, b: a == b != (),
        lambda a, b: _some(dim=_dim(a)),
    ),
    Op(
        "stack",
        "m.stack([{0}, {1}], {dim})",
        2,
        _same,
        lambda a, b: _some(dim=st.integers(0, len(a))),
    ),
    Op("mse", "F.mse_loss({0}, {1})", 2, lambda a, b: a == b and _full(a)),
    # ---- folding dims
    Op(
        "sum",
        "{0}.sum({dim}, keepdim={keepdim})",
        1,
        _has_dims,
        lambda s: _some(dim=_dims(s), keepdim=st.booleans()),
    ),
    Op(
        "mean",
        "{0}.mean({dim}, keepdim={keepdim})",
        1,
        _full_with_dims,
        lambda s: _some(dim=_dims(s), keepdim=st.booleans()),
    ),
    Op(
        "amax",
        "{0}.amax({dim}, keepdim={keepdim})",
        1,
        _full_with_dims,
        lambda s: _some(dim=_dim(s), keepdim=st.booleans()),
    ),
    Op("var", "{0}.var({dim}, unbiased=False)", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("logsumexp", "{0}.logsumexp({dim})", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("cumsum", "{0}.cumsum({dim}) / 4", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("softmax", "{0}.softmax({dim})", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("log_softmax", "{0}.log_softmax({dim})", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("largest", "{0}.max({dim})[0]", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("best", "{0}.argmax({dim}).float() / 8", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("topk", "{0}.topk(1, {dim})[0]", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("sort", "{0}.sort({dim})[0]", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op(
        "layer_norm",
        "F.layer_norm({0}, {0}.shape[-1:])",
        1,
        lambda s: _full_with_dims(s) and s[-1] > 2,
    ),
    Op(
        "batch_norm",
        "F.batch_norm({0}, None, None, training=True)",
        1,
        lambda s: len(s) in (2, 3, 4) and _full(s) and s[0] > 2,
    ),
    Op(
        "cross_entropy",
        "F.cross_entropy({0}, {0}.detach().argmin(1))",
        1,
        lambda s: len(s) == 2 and _full(s),
    ),
    # ---- views and moves
    Op("reshape", "{0}.reshape{shape}", 1, lambda s: True, _new_shapes),
    Op(
        "permute",
        "{0}.permute{dims}",
        1,
        lambda s: len(s) > 1,
        lambda s: _some(dims=st.permutations(range(len(s))).map(tuple)),
    ),
    Op("flatten", "{0}.flatten(1)", 1, lambda s: len(s) > 2),
    Op("slice", "{0}[{key}]", 1, _has_dims, _slices),
    Op(
        "expand",
        "{0}.expand({count}, *{0}.shape)",
        1,
        lambda s: len(s) < 4,
        lambda s: _some(count=st.integers(1, 3)),
    ),
    Op(
        "unsqueeze",
        "{0}.unsqueeze({dim})",
        1,
        lambda s: len(s) < 4,
        lambda s: _some(dim=st.integers(0, len(s))),
    ),
    Op("squeeze", "{0}.squeeze()"),
    Op("flip", "{0}.flip({dim})", 1, _has_dims, lambda s: _some(dim=_dim(s))),
    Op("roll", "{0}.roll(1, {dim})", 1, _full_with_dims, lambda s: _some(dim=_dim(s))),
    Op("pad", "F.pad({0}, (1, 2))", 1, _has_dims),
    Op(
        "repeat",
        "{0}.repeat(*{0}.shape[:0], 2, *[1] * {rest})",
        1,
        _has_dims,
        lambda s: _some(rest=st.just(len(s) - 1)),
    ),
    Op("diagonal", "{0}.diagonal()", 1, lambda s: len(s) > 1 and _full(s)),
    Op("unfold", "{0}.unfold(0, 2, 1)", 1, lambda s: 0 < len(s) < 4 and s[0] > 2 and _full(s)),
    Op("tril", "{0}.tril()", 1, lambda s: len(s) > 1),
    Op(
        "halves",
        "{0}.split(max({0}.shape[{dim}] // 2, 1), {dim})[-1]",
        1,
        _full_with_dims,
        lambda s: _some(dim=_dim(s)),
    ),
    Op("chunk", "{0}.chunk({count}, {dim})[0]", 1, _full_with_dims, _pieces),
    Op("contiguous", "{0}.transpose(0, -1).contiguous()", 1, lambda s: len(s) > 1),
    # ---- by index
    Op("rows", "{0}[m.tensor({rows})]", 1, _full_with_dims, _row_numbers),
    Op(
        "embedding",
        "F.embedding(m.tensor({rows}), {0})",
        1,
        lambda s: len(s) == 2 and _full(s),
        _row_numbers,
    ),
    Op("gather", "{0}.gather(0, {0}.detach().argsort(0))", 1, _full_with_dims),
    Op(
        "index_add",
        "{0}.index_add(0, m.tensor({rows}), {0}[m.tensor({rows})] * 0.5)",
        1,
        _full_with_dims,
        _row_numbers,
    ),
    Op("index_put", "m.index_put({0}, (m.tensor([0]),), {0}[-1:] * 2)", 1, _full_with_dims),
    # ---- products, windows
    Op("matmul", "{0} @ {1}", 2, _product),
    Op(
        "matmul_t",
        "{0} @ {1}.transpose(-1, -2)",
        2,
        lambda a, b: len(a) > 1 and len(b) > 1 and _product(a, (*b[:-2], b[-1], b[-2])),
    ),
    Op(
        "linear", "F.linear({0}, {1})", 2, lambda a, b: len(a) > 0 and len(b) == 2 and a[-1] == b[1]
    ),
    Op("outer", "m.einsum('i,j->ij', {0}, {1})", 2, lambda a, b: len(a) == len(b) == 1),
    Op("einsum", "m.einsum('...i,...i->...', {0}, {1})", 2, lambda a, b: a == b and len(a) > 0),
    Op(
        "attention",
        "F.scaled_dot_product_attention({0}, {1}, {1})",
        2,
        lambda a, b: len(a) > 2 and a == b and _full(a),
    ),
    Op(
        "conv2d",
        "F.conv2d({0}, {1}, padding=1, stride={stride})",
        2,
        _filters,
        lambda x, w: _some(stride=st.sampled_from([1, 2])),
    ),
    Op("max_pool2d", "F.max_pool2d({0}, 2)", 1, _image),
    Op("avg_pool2d", "F.avg_pool2d({0}, 2, stride=1)", 1, _image),
]

# Lines that give their first operand another value.
WRITES: list[Op] = [
    *(Op(f"{name}_", f"{{0}}.{name}_()") for name in ("tanh", "sigmoid", "neg", "zero")),
    Op("mul_number_", "{0}.mul_(c)"),
    Op("clamp_", "{0}.clamp_(-0.5, 0.5)"),
    Op("fill_", "{0}.fill_(c)"),
    Op("add_", "{0}.add_({1})", 2, lambda a, b: broadcast(a, b) and _into(a, b)),
    Op("sub_", "{0}.sub_({1}, alpha=c)", 2, lambda a, b: _into(a, b)),
    Op("mul_", "{0}.mul_({1})", 2, lambda a, b: _into(a, b)),
    Op("copy_", "{0}.copy_({1})", 2, lambda a, b: _into(a, b)),
    Op("addcmul_", "{0}.addcmul_({1}, {1}, value=0.5)", 2, lambda a, b: _into(a, b)),
    Op("lerp_", "{0}.lerp_({1}, 0.25)", 2, lambda a, b: _into(a, b)),
    Op("masked_fill_", "{0}.masked_fill_({1} > 0.2, c)", 2, lambda a, b: _into(a, b)),
    Op("set_slice", "{0}[{key}] = 0.25", 1, _has_dims, _slices),
    Op("set_row", "{0}[-1] = {1}", 2, lambda a, b: _full_with_dims(a) and _into(a[1:], b)),
    Op("set_rows", "{0}[::2] = {1}", 2, lambda a, b: _full_with_dims(a) and _into(a[1:], b)),
    Op("add_to_row", "{0}[0] += {1}", 2, lambda a, b: _full_with_dims(a) and _into(a[1:], b)),
    Op("set_self", "{0}[1:] = {0}[:-1] * c", 1, lambda a: _full_with_dims(a) and a[0] > 1),
    Op(
        "index_add_",
        "{0}.index_add_(0, m.tensor({rows}), {0}[m.tensor({rows})])",
        1,
        _full_with_dims,
        _row_numbers,
    ),
    Op(
        "index_fill_", "{0}.index_fill_(0, m.tensor({rows}), 0.5)", 1, _full_with_dims, _row_numbers
    ),
    Op("add_self_", "{0}.add_({0})"),
    Op(
        "add_turned_",
        "{0}.add_({0}.transpose(0, 1) * c)",
        1,
        lambda a: len(a) == 2 and a[0] == a[1],
    ),
]


def _into(a: Shape, b: Shape) -> bool:
    """Whether `b` can be broadcast to `a`."""
    return (
        broadcast(a, b)
        and len(b) <= len(a)
        and all(p == q or q == 1 for p, q in zip(a[len(a) - len(b) :], b, strict=True))
    )
