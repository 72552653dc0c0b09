"""The kernels that are timed, as data: which op at which sizes, and the least that it takes.

`flops` counts a multiplication and an addition as two; `moved` counts every byte that has to be
read or written once if nothing is kept between kernels, but what a row needs twice and fits the
cache only once. Statistics over a whole batch make one more pass over it. `exps` counts
exponentials, which cost as much as ten or twenty multiplications.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_FLOAT = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel.

    Attributes:
        name: unique; starts with its family.
        op: what is called, a name in `kernel_ops`.
        options: its sizes.
        flops: arithmetic of multiply-add kind.
        moved: bytes.
        quick: whether `--quick` has it.
        exps: exponentials that are taken at least.
    """

    name: str
    op: str
    options: dict[str, Any] = field(repr=False)
    flops: float
    moved: float
    quick: bool = False
    exps: float = 0

    @property
    def family(self) -> str:
        """The first word of the name."""
        return self.name.split()[0]


def _matmul(form: str, m: int, k: int, n: int, batch: int = 1, quick: bool = False) -> Case:
    name = f"matmul {form} {f'{batch}x' if batch > 1 else ''}{m}x{k}x{n}"
    moved = _FLOAT * batch * (m * k + k * n + m * n)
    options = {"form": form, "m": m, "k": k, "n": n, "batch": batch}
    return Case(name, "matmul", options, 2.0 * batch * m * k * n, moved, quick)


def matmuls() -> Iterator[Case]:
    """Square, odd, skinny, long and batched ones; T: that operand is stored transposed."""
    for form in ("NN", "NT", "TN"):
        for size in (128, 256, 512, 1024, 2048):
            yield _matmul(form, size, size, size, quick=size == 256)
        yield _matmul(form, 333, 517, 129)
        yield _matmul(form, 1023, 1023, 1023)
    for rows in (1, 2, 4, 8):
        yield _matmul("NN", rows, 1024, 1024)
        yield _matmul("NT", rows, 1024, 1024, quick=rows == 1)
    yield from (_matmul("NT", 128, 784, 200), _matmul("NN", 128, 200, 784))
    yield from (_matmul("TN", 200, 128, 784), _matmul("NT", 32, 4096, 4096))
    yield from (_matmul("TN", 128, 16384, 64), _matmul("TN", 512, 8192, 128))
    yield from (_matmul("NN", 64, 64, 32, 64, quick=True), _matmul("NT", 64, 32, 64, 128))
    yield from (_matmul("TN", 64, 64, 64, 128), _matmul("NN", 256, 256, 256, 16))


# batch, in channels, height = width, out channels, kernel, stride, padding, groups
_CONVS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("3x3", (32, 16, 32, 16, 3, 1, 1, 1)),
    ("3x3", (32, 32, 32, 32, 3, 1, 1, 1)),
    ("3x3", (32, 64, 16, 64, 3, 1, 1, 1)),
    ("3x3", (32, 128, 8, 128, 3, 1, 1, 1)),
    ("3x3", (32, 256, 8, 256, 3, 1, 1, 1)),
    ("3x3", (8, 512, 4, 512, 3, 1, 1, 1)),
    ("1x1", (32, 64, 16, 128, 1, 1, 0, 1)),
    ("1x1", (32, 256, 8, 64, 1, 1, 0, 1)),
    ("strided", (32, 64, 16, 128, 3, 2, 1, 1)),
    ("strided", (32, 64, 16, 128, 1, 2, 0, 1)),
    ("depthwise", (32, 64, 32, 64, 3, 1, 1, 64)),
    ("grouped", (32, 64, 16, 64, 3, 1, 1, 4)),
    ("5x5", (32, 64, 14, 64, 5, 1, 2, 1)),
    ("few", (128, 1, 28, 6, 5, 1, 2, 1)),
    ("few", (32, 3, 32, 32, 3, 1, 1, 1)),
    ("few", (128, 6, 14, 16, 5, 1, 0, 1)),
    ("first", (32, 3, 127, 64, 11, 4, 2, 1)),
)
_QUICK_CONV = (32, 32, 32, 32, 3, 1, 1, 1)


def convs() -> Iterator[Case]:
    """Forward, and the gradients with respect to input and weight, each alone."""
    for kind, sizes in _CONVS:
        n, c, side, o, k, stride, pad, groups = sizes
        out = (side + 2 * pad - k) // stride + 1
        flops = 2.0 * n * out * out * o * (c // groups) * k * k
        moved = n * c * side * side + n * o * out * out + o * (c // groups) * k * k
        label = f"{c}->{o} @{side}" + (f" k{k}" if kind in ("few", "strided") else "")
        for which in ("forward", "input", "weight"):
            options = {"which": which, "sizes": sizes}
            name = f"conv {kind} {which} {label}"
            yield Case(name, "conv", options, flops, _FLOAT * moved, sizes == _QUICK_CONV)


_CHAINS = {"add": 3, "bias_relu": 2, "multiply_add": 4, "exp": 2, "tanh": 2, "gelu": 2, "chain": 3}


def chains() -> Iterator[Case]:
    """Elementwise ops over 0.25, 4 and 64 MB arrays; the number is how many are moved."""
    for op, arrays in {**_CHAINS, "dropout": 2}.items():
        for rows in (64, 1024, 16384):
            numel = rows * 1024
            quick = op == "bias_relu" and rows == 1024
            options = {"which": op, "shape": (rows, 1024)}
            moved, exps = _FLOAT * arrays * numel, numel if op == "exp" else 0
            yield Case(f"chain {op} {numel}", "chain", options, 0, moved, quick, exps)


def rows() -> Iterator[Case]:
    """Reductions, softmax, cross-entropy and norms."""
    for dim in (0, 1, None):
        for shape in ((1024, 1024), (16384, 1024)):
            options = {"shape": shape, "dim": dim}
            moved = _FLOAT * shape[0] * shape[1]
            name = f"sum dim={dim} {shape[0]}x{shape[1]}"
            yield Case(name, "sum", options, 0, moved, dim == 0 and shape[0] == 1024)
    for shape in ((2048, 65), (1024, 1000), (8192, 512)):
        numel = _FLOAT * shape[0] * shape[1]
        label = f"{shape[0]}x{shape[1]}"
        for op in ("softmax", "log_softmax", "layer_norm"):
            for train in (False, True):
                name = f"{op} {'train' if train else 'forward'} {label}"
                options = {"which": op, "shape": shape, "train": train}
                quick = op == "softmax" and shape[1] == 1000
                moved = (4 if train else 2) * numel
                exps = numel / _FLOAT if op.endswith("softmax") else 0
                yield Case(name, "row", options, 0, moved, quick, exps)
        name = f"cross_entropy train {label}"
        quick, exps = shape[1] == 1000, numel / _FLOAT
        yield Case(name, "cross_entropy", {"shape": shape}, 0, 2 * numel, quick, exps)
    for shape in ((32, 32, 32, 32), (128, 64, 16, 16), (128, 128, 32, 32)):
        n, c, h, w = shape
        for train in (False, True):
            name = f"batch_norm_relu {'train' if train else 'forward'} {n}x{c}x{h}x{w}"
            moved = (8 if train else 3) * _FLOAT * n * c * h * w
            quick = train and c == 64
            yield Case(name, "batch_norm", {"shape": shape, "train": train}, 0, moved, quick)


def images() -> Iterator[Case]:
    """Pools and transposes."""
    for op, kernel, stride in (("max", 2, 2), ("max", 3, 2), ("avg", 2, 2), ("avg", 3, 1)):
        shape = (32, 64, 32, 32)
        numel = 32 * 64 * 32 * 32
        out = 32 * 64 * ((32 - kernel) // stride + 1) ** 2
        for train in (False, True):
            moved = (numel + out) * (2 if train else 1) * _FLOAT
            name = f"pool {op} {'train' if train else 'forward'} k{kernel} s{stride}"
            options = {"which": op, "shape": shape, "sizes": (kernel, stride), "train": train}
            yield Case(name, "pool", options, 0, moved, op == "max" and kernel == 2 and train)
    for label, shape, order in (
        ("matrix", (1024, 1024), (1, 0)),
        ("matrix", (4096, 4096), (1, 0)),
        ("odd", (1021, 1019), (1, 0)),
        ("to_last", (32, 64, 32, 32), (0, 2, 3, 1)),
        ("to_first", (32, 32, 32, 64), (0, 3, 1, 2)),
        ("heads", (32, 64, 4, 32), (0, 2, 1, 3)),
    ):
        numel = 1
        for size in shape:
            numel *= size
        name = f"transpose {label} {'x'.join(map(str, shape))}"
        options = {"shape": shape, "order": order}
        yield Case(name, "transpose", options, 0, 2 * _FLOAT * numel, shape == (1024, 1024))


def models() -> Iterator[Case]:
    """Embedding, attention and optimizers."""
    for tokens, vocabulary, width in ((2048, 65, 128), (8192, 10000, 256)):
        label = f"{tokens} of {vocabulary}x{width}"
        values = _FLOAT * tokens * width
        options = {"tokens": tokens, "vocabulary": vocabulary, "width": width}
        yield Case(f"embedding forward {label}", "embedding", options, 0, 2 * values)
        moved = values + _FLOAT * vocabulary * width
        quick = tokens == 2048
        backward = {**options, "train": True}
        yield Case(f"embedding backward {label}", "embedding", backward, 0, moved, quick)
    for n, heads, t, width in ((32, 4, 64, 32), (4, 8, 512, 64), (1, 8, 2048, 64)):
        numel = _FLOAT * n * heads * t * width
        flops = 2.0 * n * heads * t * t * width  # causal: half of two products
        options = {"sizes": (n, heads, t, width)}
        label = f"{n}x{heads}x{t}x{width}"
        name = f"attention forward {label}"
        exps = n * heads * t * t / 2
        yield Case(name, "attention", options, flops, 4 * numel, t == 64, exps)
        options, name = {**options, "train": True}, f"attention train {label}"
        yield Case(name, "attention", options, 3.5 * flops, 8 * numel, False, 2 * exps)
    for name, passes in (("sgd", 5), ("adam", 7)):
        for count, side in ((8, 64), (20, 256), (8, 1024)):
            moved = passes * _FLOAT * count * side * side
            options = {"name": name, "count": count, "side": side}
            label = f"optimizer {name} {count}x{side}x{side}"
            yield Case(label, "optimizer", options, 0, moved, count == 20 and name == "adam")


CASES: dict[str, Case] = {
    case.name: case
    for family in (matmuls, convs, chains, rows, images, models)
    for case in family()
}


def chosen(patterns: list[str], quick: bool) -> list[Case]:
    """The cases whose names contain one of the words; all (or the quick ones) without words.

    Example:
        >>> [case.name for case in chosen(["NT 1x1024"], quick=False)]
        ['matmul NT 1x1024x1024']
    """
    if patterns:
        return [case for case in CASES.values() if any(word in case.name for word in patterns)]
    return [case for case in CASES.values() if case.quick or not quick]
