"""The plans whose generated text is kept under tests/kernels/ and read by people.

`python tools/goldens.py` writes the files anew; `test_goldens.py` compares them with what the
generator writes now.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from structures import GPU, kernels, leaf, plan

import tinygrad_cl as tg
from tinygrad_cl import dtypes, engine, nn
from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.compiler.templates import readable_source
from tinygrad_cl.graph import Node, scalar
from tinygrad_cl.optim.update import update_group
from tinygrad_cl.primitives import reduce
from tinygrad_cl.primitives.conv import conv2d
from tinygrad_cl.primitives.elementwise import add, alias, exp, relu, sub, tanh
from tinygrad_cl.primitives.matmul import matmul
from tinygrad_cl.primitives.movement import pad, permute, reshape

FOLDER = Path(__file__).parent / "kernels"


def chain() -> Plan:
    """A chain of elementwise ops over one flat buffer."""
    return plan(relu(tanh(leaf(1000) * 2) + 1))


def chain_gpu() -> Plan:
    """The same for a GPU: one lane a work-item."""
    return plan(relu(tanh(leaf(1000) * 2) + 1), traits=GPU)


def bias_rows() -> Plan:
    """A bias per channel: rows, with one number splatted along each."""
    return plan(relu(leaf(4, 6, 28, 28) + reshape(leaf(6), shape=(1, 6, 1, 1))))


def softmax() -> Plan:
    """Softmax as a composition: its expressions are computed inside the folds."""
    x = leaf(128, 10)
    e = exp(x - reduce.max(x, dim=(1,), keepdim=True))
    return plan(e / reduce.sum(e, dim=(1,), keepdim=True))


def softmax_rows() -> Plan:
    """Softmax of a large tensor: a kernel takes some rows at a time through all passes."""
    x = leaf(1024, 100)
    e = exp(x - reduce.max(x, dim=(1,), keepdim=True))
    return plan(e / reduce.sum(e, dim=(1,), keepdim=True), glued=True)


def sgd() -> Plan:
    """Momentum over two parameters: one launch, in place."""
    rate, momentum = scalar(0.1, dtypes.float32), scalar(0.9, dtypes.float32)
    outputs, donors = [], []
    for shape in ((120, 84), (84,)):
        p, g, m = leaf(*shape), leaf(*shape), leaf(*shape)
        velocity = add(m * momentum, g)
        outputs += [velocity, alias(sub(p, velocity * rate))]
        donors += [p, m]
    return plan(*outputs, donors=donors)


def linear_relu() -> Plan:
    """A dense layer: bias and activation in the epilogue of the matrix product."""
    return plan(relu(matmul(leaf(128, 400), permute(leaf(120, 400), dims=(1, 0))) + leaf(120)))


def conv_relu() -> Plan:
    """A convolution with bias and activation in its epilogue."""
    x, w, b = leaf(8, 6, 14, 14), leaf(16, 6, 5, 5), leaf(16)
    y = conv2d(x, w, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)
    return plan(relu(y + reshape(b, shape=(1, 16, 1, 1))))


def pad_rows() -> Plan:
    """Zeros around an image: loads with bounds."""
    return plan(pad(leaf(4, 6, 28, 28), before=(0, 0, 2, 2), after=(0, 0, 2, 2)))


def lenet_step() -> Plan:
    """A training step of LeNet-5 on 32 digits: nearly all of it is one launch, slice by slice."""
    device = "numpy"
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    ).to(device)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x = tg.zeros(32, 1, 28, 28, device=device).numpy()
    y = np.zeros(32, np.int64)
    loss = nn.functional.cross_entropy(
        net(tg.tensor(x, device=device)), tg.tensor(y, device=device)
    )
    loss.backward()
    fresh: list[Node] = []
    with tg.no_grad():
        for group in optimizer.param_groups:
            update_group(optimizer, group, fresh)
    return engine.explain([loss.node, *fresh])


def transposed_add() -> Plan:
    """One operand lies transposed: it is turned, tile by tile, before the body takes it."""
    return plan(relu(permute(leaf(500, 300), dims=(1, 0)) + leaf(300, 500)))


def transposed_add_gpu() -> Plan:
    """The same for a GPU: tiles in local memory."""
    return plan(relu(permute(leaf(500, 300), dims=(1, 0)) + leaf(300, 500)), traits=GPU)


GOLDENS: tuple[Callable[[], Plan], ...] = (
    chain,
    chain_gpu,
    bias_rows,
    softmax,
    softmax_rows,
    sgd,
    linear_relu,
    conv_relu,
    pad_rows,
    transposed_add,
    transposed_add_gpu,
    lenet_step,
)


def golden_text(make: Callable[[], Plan]) -> str:
    """What is kept of a plan: the plan itself as a comment, then the text of its kernels."""
    made = make()
    head = "".join(
        f" * {line}".rstrip() + "\n" for line in [make.__doc__ or "", "", *str(made).splitlines()]
    )
    parts = [readable_source(kernel) for kernel in kernels(made)]
    return f"/*\n{head} */\n\n" + "\n".join(parts)
