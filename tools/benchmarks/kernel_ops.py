"""The ops of `kernels` in tinygrad_cl, PyTorch and NumPy: each returns what is to be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import modules
from benchmarks.kernels import Case
from benchmarks.timing import Step

Run = Callable[[], Any]


class Kit:
    """One library, as far as the ops differ between the two that have tensors.

    Attributes:
        library: the module.
        F: its functions.
        channels_last: whether images are stored that way.
    """

    def __init__(self, library: Any, channels_last: bool = False, fused: bool = False) -> None:
        self.library = library
        self.F = library.nn.functional
        self.channels_last = channels_last
        self.options = {"fused": True} if fused else {}
        self.rng = np.random.default_rng(0)

    def randn(self, *shape: int, grad: bool = False) -> Any:
        """A tensor of normal numbers."""
        x = self.tensor(self.rng.standard_normal(shape, np.float32))
        if self.channels_last and len(shape) == 4:
            x = x.contiguous(memory_format=self.library.channels_last)
        return x.requires_grad_() if grad else x

    def randint(self, high: int, *shape: int) -> Any:
        """A tensor of integers."""
        return self.tensor(self.rng.integers(0, high, shape))

    def tensor(self, array: np.ndarray) -> Any:
        """A tensor that holds an array."""
        raise NotImplementedError

    def done(self, *tensors: Any) -> Any:
        """Computes the tensors, where this has not happened yet."""
        raise NotImplementedError

    def copied(self, x: Any) -> Any:
        """A tensor in the order of its dims."""
        raise NotImplementedError

    def conv_gradient(self, which: str, x: Any, w: Any, g: Any, sizes: Sequence[int]) -> Run:
        """The gradient of a convolution with respect to one operand, and nothing else."""
        raise NotImplementedError


class OurKit(Kit):
    """tinygrad_cl: what is not asked for is not computed."""

    def tensor(self, array: np.ndarray) -> Any:
        """A tensor that holds an array."""
        return self.library.tensor(array)

    def done(self, *tensors: Any) -> Any:
        """Computes all in one plan."""
        from tinygrad_cl import engine

        engine.realize([tensor.node for tensor in tensors])
        return tensors

    def copied(self, x: Any) -> Any:
        """Values have no strides here: computing is copying."""
        return x

    def conv_gradient(self, which: str, x: Any, w: Any, g: Any, sizes: Sequence[int]) -> Run:
        """By way of `autograd.grad`, which needs no forward pass."""
        stride, pad, groups = sizes[-3:]
        of = (x if which == "input" else w).requires_grad_()

        def run() -> Any:
            y = self.F.conv2d(x, w, None, stride, pad, 1, groups)
            return self.done(*self.library.autograd.grad(y, of, g))

        return run


class TorchKit(Kit):
    """PyTorch."""

    def tensor(self, array: np.ndarray) -> Any:
        """A tensor that holds an array, on the device."""
        return self.library.from_numpy(array).to(modules.torch_device())

    def done(self, *tensors: Any) -> Any:
        """Nothing: it is computed."""
        return tensors

    def copied(self, x: Any) -> Any:
        """A contiguous tensor."""
        return x.contiguous()

    def conv_gradient(self, which: str, x: Any, w: Any, g: Any, sizes: Sequence[int]) -> Run:
        """By the op behind autograd, told which gradient is wanted."""
        stride, pad, groups = sizes[-3:]
        backward = self.library.ops.aten.convolution_backward
        mask = [which == "input", which == "weight", False]
        numbers = ([stride] * 2, [pad] * 2, [1, 1], False, [0, 0], groups, mask)
        return lambda: backward(g, x, w, None, *numbers)


def matmul(kit: Kit, form: str, m: int, k: int, n: int, batch: int) -> Run:
    """A product; an operand marked T is stored transposed."""
    lead = (batch,) if batch > 1 else ()
    a = kit.randn(*lead, *((k, m) if form[0] == "T" else (m, k)))
    b = kit.randn(*lead, *((n, k) if form[1] == "T" else (k, n)))

    # not by way of variables: tinygrad_cl computes every tensor that is alive, views among them
    runs: dict[str, Run] = {
        "NN": lambda: kit.done(a @ b),
        "NT": lambda: kit.done(a @ b.transpose(-1, -2)),
        "TN": lambda: kit.done(a.transpose(-1, -2) @ b),
    }
    return runs[form]


def conv(kit: Kit, which: str, sizes: tuple[int, ...]) -> Run:
    """A convolution or one of its gradients."""
    n, c, side, o, k, stride, pad, groups = sizes
    x, w = kit.randn(n, c, side, side), kit.randn(o, c // groups, k, k)
    if which == "forward":
        return lambda: kit.done(kit.F.conv2d(x, w, None, stride, pad, 1, groups))
    out = (side + 2 * pad - k) // stride + 1
    return kit.conv_gradient(which, x, w, kit.randn(n, o, out, out), sizes)


def chain(kit: Kit, which: str, shape: tuple[int, ...]) -> Run:
    """Elementwise ops."""
    x, y, z, bias = kit.randn(*shape), kit.randn(*shape), kit.randn(*shape), kit.randn(shape[1])
    F = kit.F
    forms: dict[str, Run] = {
        "add": lambda: x + y,
        "bias_relu": lambda: F.relu(x + bias),
        "multiply_add": lambda: x * y + z,
        "exp": lambda: (x * 0.5).exp(),
        "tanh": lambda: x.tanh(),
        "gelu": lambda: F.gelu(x),
        "chain": lambda: F.relu(x * y + bias) * 0.5 - x,
        "dropout": lambda: F.dropout(x, 0.2, True),
    }
    form = forms[which]
    return lambda: kit.done(form())


def total(kit: Kit, shape: tuple[int, ...], dim: int | None) -> Run:
    """A sum over one dim or all."""
    x = kit.randn(*shape)
    if dim is None:
        return lambda: kit.done(x.sum())
    return lambda: kit.done(x.sum(dim))


def row(kit: Kit, which: str, shape: tuple[int, ...], train: bool) -> Run:
    """A softmax or layer norm over rows; in training with the gradients."""
    inputs = [kit.randn(*shape, grad=train)]
    if which == "layer_norm":
        inputs += [kit.randn(shape[1], grad=train), kit.randn(shape[1], grad=train)]
        forward = lambda: kit.F.layer_norm(inputs[0], shape[1:], *inputs[1:])  # noqa: E731
    else:
        function = getattr(kit.F, which)
        forward = lambda: function(inputs[0], dim=-1)  # noqa: E731
    return _trained(kit, forward, inputs, shape, train)


def batch_norm(kit: Kit, shape: tuple[int, ...], train: bool) -> Run:
    """Batch norm with the batch's statistics, and ReLU."""
    channels = shape[1]
    inputs = [kit.randn(*shape, grad=train)]
    inputs += [kit.randn(channels, grad=train), kit.randn(channels, grad=train)]
    mean, var = (kit.tensor(np.full(channels, v, np.float32)) for v in (0, 1))

    def forward() -> Any:
        x, weight, bias = inputs
        return kit.F.relu(kit.F.batch_norm(x, mean, var, weight, bias, True))

    return _trained(kit, forward, inputs, shape, train)


def pool(kit: Kit, which: str, shape: tuple[int, ...], sizes: tuple[int, int], train: bool) -> Run:
    """A pool; in training with its gradient."""
    x = kit.randn(*shape, grad=train)
    function = getattr(kit.F, f"{which}_pool2d")
    side = (shape[2] - sizes[0]) // sizes[1] + 1
    return _trained(kit, lambda: function(x, *sizes), [x], (*shape[:2], side, side), train)


def _trained(kit: Kit, forward: Run, inputs: list[Any], shape: tuple[int, ...], train: bool) -> Run:
    """The op alone, or its result together with the gradients of its inputs."""
    if not train:
        return lambda: kit.done(forward())
    g = kit.randn(*shape)

    def run() -> Any:
        y = forward()
        return kit.done(y, *kit.library.autograd.grad(y, inputs, g))

    return run


def cross_entropy(kit: Kit, shape: tuple[int, int]) -> Run:
    """The loss and its gradient."""
    x, classes = kit.randn(*shape, grad=True), kit.randint(shape[1], shape[0])

    def run() -> Any:
        loss = kit.F.cross_entropy(x, classes)
        return kit.done(loss, *kit.library.autograd.grad(loss, x))

    return run


def transpose(kit: Kit, shape: tuple[int, ...], order: tuple[int, ...]) -> Run:
    """A copy in another order."""
    x = kit.tensor(kit.rng.standard_normal(shape, np.float32))
    return lambda: kit.done(kit.copied(x.permute(*order)))


def embedding(kit: Kit, tokens: int, vocabulary: int, width: int, train: bool = False) -> Run:
    """Rows of a table, or the gradient of the table alone."""
    table, places = kit.randn(vocabulary, width, grad=train), kit.randint(vocabulary, tokens)
    if not train:
        return lambda: kit.done(kit.F.embedding(places, table))
    g = kit.randn(tokens, width)

    def run() -> Any:
        y = kit.F.embedding(places, table)
        return kit.done(*kit.library.autograd.grad(y, table, g))

    return run


def attention(kit: Kit, sizes: tuple[int, ...], train: bool = False) -> Run:
    """Causal attention; in training with all gradients."""
    q, k, v = (kit.tensor(kit.rng.standard_normal(sizes, np.float32)) for _ in range(3))
    inputs = [x.requires_grad_() if train else x for x in (q, k, v)]
    function = kit.F.scaled_dot_product_attention
    return _trained(kit, lambda: function(*inputs, is_causal=True), inputs, sizes, train)


def optimizer(kit: Kit, name: str, count: int, side: int) -> Run:
    """One update of several matrices."""
    parameters = [kit.randn(side, side, grad=True) for _ in range(count)]
    for p in parameters:
        p.grad = kit.randn(side, side)
    optim = kit.library.optim
    if name == "adam":
        update = optim.Adam(parameters, lr=1e-3, **kit.options)
    else:
        update = optim.SGD(parameters, lr=1e-3, momentum=0.9, **kit.options)
    return lambda: update.step()


OPS: dict[str, Callable[..., Run]] = {
    "attention": attention,
    "batch_norm": batch_norm,
    "chain": chain,
    "conv": conv,
    "cross_entropy": cross_entropy,
    "embedding": embedding,
    "matmul": matmul,
    "optimizer": optimizer,
    "pool": pool,
    "row": row,
    "sum": total,
    "transpose": transpose,
}


def tinygrad_cl_kernel(case: Case, variant: str) -> Step:
    """A kernel of tinygrad_cl."""
    import tinygrad_cl as tg

    run = OPS[case.op](OurKit(tg), **case.options)
    return Step(run, tg.get_default_device().synchronize)


def torch_kernel(case: Case, variant: str) -> Step:
    """A kernel of PyTorch; "best" has channels_last images and fused optimizers."""
    import torch

    best = variant == "best"
    run = OPS[case.op](TorchKit(torch, channels_last=best, fused=best), **case.options)
    return Step(run, modules.torch_wait())
