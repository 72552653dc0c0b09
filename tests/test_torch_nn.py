"""Layers against PyTorch's, where it is installed: names, values and gradients, and back again.

PyTorch's `state_dict` of a layer is loaded by name; outputs, gradients of the inputs and of every
parameter must be the same; then our `state_dict` is loaded into a fresh layer of PyTorch's. All of
it in float64 on the "numpy" device.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

pytestmark = [
    pytest.mark.usefixtures("on_numpy"),
    pytest.mark.filterwarnings("ignore"),  # PyTorch's
]


@pytest.fixture
def on_numpy() -> Iterator[None]:
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    yield
    tg.set_default_device(before)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape)


def ours(value: Any, grad: bool = True) -> Any:
    made = tg.tensor(value)
    return made.requires_grad_() if grad and made.dtype.is_floating_point else made


def theirs(value: Any, grad: bool = True) -> Any:
    made = torch.tensor(value)
    return made.requires_grad_() if grad and made.dtype.is_floating_point else made


def flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [part for item in value for part in flat(item)]
    return [] if value is None else [value]


def close(a: Any, b: Any, name: str, rtol: float = 1e-7) -> None:
    np.testing.assert_allclose(
        a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=1e-10, err_msg=name
    )


def carry(mine: Any, its: Any) -> None:
    """Loads PyTorch's values by name; both list the same names."""
    state = its.state_dict()
    assert list(mine.state_dict()) == list(state)
    assert not any(mine.load_state_dict(state))


def compare(mine: Any, its: Any, *arrays: Any, call: Callable[..., Any] | None = None) -> None:
    """Compares outputs and gradients of two layers for the same inputs."""
    run = call or (lambda layer, *inputs: layer(*inputs))
    a_in, b_in = [ours(x) for x in arrays], [theirs(x) for x in arrays]
    a, b = flat(run(mine, *a_in)), flat(run(its, *b_in))
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        close(x, y, "output")
        assert x.dtype.name == str(y.dtype).removeprefix("torch.")
    a = [x for x in a if x.requires_grad]
    b = [y for y in b if y.requires_grad]
    if not a:
        assert not b
        return
    weights = [draw(*x.shape, seed=i) for i, x in enumerate(a)]
    sum((x * tg.tensor(w)).sum() for x, w in zip(a, weights, strict=True)).backward()
    sum((y * torch.tensor(w)).sum() for y, w in zip(b, weights, strict=True)).backward()
    named = [(f"input {i}", x, y) for i, (x, y) in enumerate(zip(a_in, b_in, strict=True))]
    params = dict(its.named_parameters())
    named += [(name, x, params[name]) for name, x in mine.named_parameters()]
    for name, x, y in named:
        if y.grad is not None and (x.grad is not None or y.grad.any()):
            close(x.grad, y.grad, f"gradient of {name}")
    assert dict(mine.named_parameters()).keys() == params.keys()


def same(make: Callable[[Any], Any], *arrays: Any, call: Callable[..., Any] | None = None) -> None:
    """Both ways: PyTorch's state here, and ours there."""
    its, mine = make(torch.nn).double(), make(nn).double()
    carry(mine, its)
    compare(mine, its, *arrays, call=call)
    for (name, x), y in zip(mine.named_buffers(), its.buffers(), strict=True):
        close(x, y, f"buffer {name}")
    fresh = make(torch.nn).double()
    state = {name: torch.tensor(value.numpy()) for name, value in mine.state_dict().items()}
    fresh.load_state_dict(state)
    for (name, x), y in zip(fresh.state_dict().items(), its.state_dict().values(), strict=True):
        close(x, y, name, 1e-12)


IMAGE = draw(2, 4, 6, 7)

ROWS: dict[str, tuple[Any, ...]] = {
    "Linear": (lambda n: n.Linear(4, 3), draw(2, 5, 4)),
    "Linear without bias": (lambda n: n.Linear(4, 3, bias=False), draw(4)),
    "Bilinear": (lambda n: n.Bilinear(3, 4, 5), draw(2, 3), draw(2, 4)),
    "PReLU": (lambda n: n.PReLU(4), IMAGE),
    "BatchNorm1d": (lambda n: n.BatchNorm1d(4), draw(3, 4, 5)),
    "BatchNorm1d of an odd batch": (lambda n: n.BatchNorm1d(4), draw(3, 4)),
    "BatchNorm2d": (lambda n: n.BatchNorm2d(4, eps=1e-3, momentum=0.3), IMAGE),
    "BatchNorm2d, all batches": (lambda n: n.BatchNorm2d(4, momentum=None), IMAGE),
    "BatchNorm2d without bias": (lambda n: n.BatchNorm2d(4, bias=False), IMAGE),
    "BatchNorm2d, evaluation": (lambda n: n.BatchNorm2d(4).eval(), IMAGE),
    "BatchNorm3d": (lambda n: n.BatchNorm3d(2), draw(2, 2, 3, 2, 3)),
    "InstanceNorm1d": (lambda n: n.InstanceNorm1d(4, affine=True), draw(2, 4, 5)),
    "InstanceNorm2d": (
        lambda n: n.InstanceNorm2d(4, affine=True, track_running_stats=True),
        IMAGE,
    ),
    "InstanceNorm3d": (lambda n: n.InstanceNorm3d(2, affine=True), draw(2, 2, 3, 2, 3)),
    "LayerNorm": (lambda n: n.LayerNorm((6, 7)), IMAGE),
    "LayerNorm without bias": (lambda n: n.LayerNorm(7, bias=False), IMAGE),
    "GroupNorm": (lambda n: n.GroupNorm(2, 4), IMAGE),
    "RMSNorm": (lambda n: n.RMSNorm((6, 7), eps=1e-3), IMAGE),
    "Embedding": (lambda n: n.Embedding(9, 3, padding_idx=1), np.array([[1, 5], [8, 1]])),
    "Embedding by frequency": (
        lambda n: n.Embedding(9, 3, scale_grad_by_freq=True),
        np.array([[1, 5], [5, 1], [5, 0]]),
    ),
    "EmbeddingBag": (lambda n: n.EmbeddingBag(9, 3, mode="max"), np.array([[1, 5], [8, 2]])),
    "EmbeddingBag with offsets": (
        lambda n: n.EmbeddingBag(9, 3, padding_idx=5),
        np.array([1, 5, 8, 2]),
        np.array([0, 1, 1]),
    ),
    "AdaptiveLogSoftmaxWithLoss": (
        lambda n: n.AdaptiveLogSoftmaxWithLoss(16, 30, [5, 10, 20], 2.0, True),
        draw(6, 16),
        np.array([0, 4, 7, 29, 11, 5]),
    ),
    "LinearCrossEntropyLoss": (
        lambda n: n.LinearCrossEntropyLoss(5, 4, out_features=(3,), bias=True),
        draw(2, 5),
        np.array([[1, 2, 3], [0, 0, 1]]),
    ),
    "Sequential": (
        lambda n: n.Sequential(
            n.Conv2d(4, 3, 3), n.BatchNorm2d(3), n.ReLU(), n.MaxPool2d(2), n.Flatten(),
            n.Linear(12, 2)
        ),
        IMAGE,
    ),
}  # fmt: skip

for _d in (1, 2, 3):
    _x = draw(2, 4, *(6, 5, 7)[:_d])
    _rows: dict[str, tuple[Any, ...]] = {
        f"Conv{_d}d": (lambda n, k=f"Conv{_d}d": getattr(n, k)(4, 6, 3, 2, 1, groups=2), _x),
        f"Conv{_d}d same": (
            lambda n, k=f"Conv{_d}d": getattr(n, k)(4, 2, 4, padding="same", dilation=1),
            _x,
        ),
        f"Conv{_d}d valid": (
            lambda n, k=f"Conv{_d}d": getattr(n, k)(4, 2, 2, padding="valid", bias=False),
            _x,
        ),
        f"Conv{_d}d without batch": (lambda n, k=f"Conv{_d}d": getattr(n, k)(4, 2, 2), _x[0]),
        f"ConvTranspose{_d}d": (
            lambda n, k=f"ConvTranspose{_d}d": getattr(n, k)(4, 6, 3, 2, 1, 1, groups=2),
            _x,
        ),
    }
    for _mode in ("reflect", "replicate", "circular"):
        _rows[f"Conv{_d}d {_mode}"] = (
            lambda n, k=f"Conv{_d}d", m=_mode: getattr(n, k)(4, 2, 3, padding=2, padding_mode=m),
            _x,
        )
        _rows[f"Conv{_d}d same {_mode}"] = (
            lambda n, k=f"Conv{_d}d", m=_mode: getattr(n, k)(
                4, 2, 4, padding="same", padding_mode=m
            ),
            _x,
        )
    ROWS |= _rows


@pytest.mark.parametrize("name", ROWS)
def test_layers(name: str) -> None:
    make, *arrays = ROWS[name]
    same(make, *arrays)


# ------------------------------------------------------------------------------------ recurrence

RNNS = [
    (kind, layers, both, first, bias, proj)
    for kind, layers, both, first, bias, proj in itertools.product(
        ("RNN", "LSTM", "GRU"), (1, 2), (False, True), (False, True), (False, True), (0, 2)
    )
    if (kind == "LSTM" or not proj) and (bias or layers == 1)
]


def rnn(n: Any, kind: str, layers: int, both: bool, first: bool, bias: bool, proj: int) -> Any:
    options: dict[str, Any] = {"proj_size": proj} if proj else {}
    if kind == "RNN":
        options["nonlinearity"] = "relu" if both else "tanh"
    return getattr(n, kind)(
        3, 5, layers, bias=bias, batch_first=first, bidirectional=both, **options
    )


@pytest.mark.parametrize("settings", RNNS, ids=str)
def test_recurrent_layers(settings: Any) -> None:
    kind, layers, both, first, _, proj = settings
    count = layers * (1 + both)
    sizes = [proj or 5, 5] if kind == "LSTM" else [5]

    def start(shape: tuple[int, ...]) -> list[np.ndarray]:
        return [draw(count, *shape, size, seed=i) for i, size in enumerate(sizes)]

    def call(layer: Any, x: Any, *state: Any) -> Any:
        return layer(x, (tuple(state) if kind == "LSTM" else state[0]) if state else None)

    x = draw(4, 6, 3)
    same(lambda n: rnn(n, *settings), x, *start((4 if first else 6,)), call=call)
    same(lambda n: rnn(n, *settings), x, call=call)
    same(lambda n: rnn(n, *settings), draw(6, 3), *start(()), call=call)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("lengths", [[6, 4, 4, 1], [2, 6, 1, 4]])
def test_packed_sequences(kind: str, lengths: list[int]) -> None:
    falling = lengths == sorted(lengths, reverse=True)

    def call(layer: Any, x: Any, *state: Any) -> Any:
        tools = (torch.nn if isinstance(x, torch.Tensor) else nn).utils.rnn
        packed = tools.pack_padded_sequence(x, lengths, True, enforce_sorted=falling)
        out, last = layer(packed, tuple(state) if kind == "LSTM" else state[0])
        padded, found = tools.pad_packed_sequence(out, True, -1.0, 7)
        assert found.tolist() == lengths
        return padded, last

    state = [draw(4, 4, 5, seed=i) for i in range(2 if kind == "LSTM" else 1)]
    same(lambda n: rnn(n, kind, 2, True, True, True, 0), draw(4, 6, 3), *state, call=call)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(kind: str, bias: bool) -> None:
    def call(layer: Any, x: Any, *state: Any) -> Any:
        return layer(x, (tuple(state) if kind == "LSTMCell" else state[0]) if state else None)

    for shape in ((4,), ()):
        state = [draw(*shape, 5, seed=i) for i in range(2 if kind == "LSTMCell" else 1)]
        same(lambda n: getattr(n, kind)(3, 5, bias), draw(*shape, 3), *state, call=call)
        same(lambda n: getattr(n, kind)(3, 5, bias), draw(*shape, 3), call=call)


# ------------------------------------------------------------------------------------- attention

ATTENTION: dict[str, dict[str, Any]] = {
    "plain": {},
    "other sizes": {"kdim": 3, "vdim": 6},
    "added keys": {"add_bias_kv": True, "add_zero_attn": True},
    "batch first, no bias": {"batch_first": True, "bias": False},
}
MASKS = [
    None,
    np.array([[False, True, True, False, False]] * 4),
    np.triu(np.full((4, 5), -np.inf), 1),
    draw(6, 4, 5),
]


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("wanted", [True, False])
def test_attention(name: str, wanted: bool) -> None:
    settings = ATTENTION[name]
    keys, values = settings.get("kdim", 8), settings.get("vdim", 8)
    padding = np.zeros((3, 5), bool)
    padding[1, 3:] = True
    first = settings.get("batch_first", False)
    q, k, v = draw(4, 3, 8), draw(5, 3, keys), draw(5, 3, values, seed=1)
    if first:
        q, k, v = (np.swapaxes(x, 0, 1).copy() for x in (q, k, v))
    for mask, average in itertools.product(MASKS, (True, False)):

        def call(layer: Any, *inputs: Any, mask: Any = mask, average: bool = average) -> Any:
            make = torch.tensor if isinstance(inputs[0], torch.Tensor) else tg.tensor
            float_mask = mask is not None and mask.dtype != bool
            ignored = np.where(padding, -np.inf, 0.0) if float_mask else padding
            return layer(
                *inputs,
                need_weights=wanted,
                average_attn_weights=average,
                attn_mask=None if mask is None else make(mask),
                key_padding_mask=make(ignored),
            )

        same(lambda n: n.MultiheadAttention(8, 2, **settings), q, k, v, call=call)


@pytest.mark.parametrize("batched", [True, False])
def test_self_attention(batched: bool) -> None:
    def call(layer: Any, x: Any) -> Any:
        make = torch.tensor if isinstance(x, torch.Tensor) else tg.tensor
        mask = make(np.triu(np.ones((4, 4), bool), 1))
        return layer(x, x, x, attn_mask=mask, need_weights=False, is_causal=True)

    x = draw(4, 3, 8) if batched else draw(4, 8)
    same(lambda n: n.MultiheadAttention(8, 2), x, call=call)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{"activation": "gelu"}, {"bias": False}], ids=str)
def test_transformer(norm_first: bool, batch_first: bool, options: dict[str, Any]) -> None:
    padding = np.zeros((3, 5))
    padding[0, 3:] = -np.inf

    def make(n: Any) -> Any:
        settings = {"dropout": 0.0, "norm_first": norm_first, "batch_first": batch_first}
        return n.Transformer(8, 2, 2, 2, 16, **settings, **options)

    def call(layer: Any, src: Any, tgt: Any) -> Any:
        lib = torch if isinstance(src, torch.Tensor) else tg
        mask = layer.generate_square_subsequent_mask(4, dtype=lib.float64)
        ignored = {
            name: lib.tensor(padding)
            for name in ("src_key_padding_mask", "memory_key_padding_mask")
        }
        return layer(src, tgt, tgt_mask=mask, **ignored)

    src, tgt = draw(3, 5, 8), draw(3, 4, 8)
    if not batch_first:
        src, tgt = np.swapaxes(src, 0, 1).copy(), np.swapaxes(tgt, 0, 1).copy()
    same(make, src, tgt, call=call)


# ----------------------------------------------------------------------------- lazy and normed


@pytest.mark.parametrize(
    ("kind", "args", "shape"),
    [
        ("LazyLinear", (3,), (2, 5)),
        *((f"LazyConv{d}d", (4, 3), (2, 2, *(5,) * d)) for d in (1, 2, 3)),
        *((f"LazyConvTranspose{d}d", (4, 3), (2, 2, *(5,) * d)) for d in (1, 2, 3)),
        *((f"LazyBatchNorm{d}d", (), (2, 3, *(4,) * d)) for d in (1, 2, 3)),
        *((f"LazyInstanceNorm{d}d", (), (2, 3, *(4,) * d)) for d in (1, 2, 3)),
    ],
)
def test_lazy_layers(kind: str, args: Any, shape: Any) -> None:
    its, mine = getattr(torch.nn, kind)(*args).double(), getattr(nn, kind)(*args).double()
    assert repr(mine) == repr(its)
    assert list(mine.state_dict()) == list(its.state_dict())
    x = draw(*shape)
    its(torch.tensor(x))
    mine.load_state_dict(its.state_dict())
    compare(mine, its, x)
    assert repr(mine) == repr(its)
    assert type(mine) is getattr(nn, kind.removeprefix("Lazy"))


NORMED: dict[str, Any] = {
    "weight_norm": lambda n, layer: n.utils.weight_norm(layer),
    "weight_norm, one": lambda n, layer: n.utils.weight_norm(layer, dim=None),
    "spectral_norm": lambda n, layer: n.utils.spectral_norm(layer),
    "parametrized weight_norm": lambda n, layer: n.utils.parametrizations.weight_norm(layer),
    "parametrized spectral_norm": lambda n, layer: n.utils.parametrizations.spectral_norm(layer),
    "orthogonal": lambda n, layer: n.utils.parametrizations.orthogonal(layer, "weight", "cayley"),
    "exponential": lambda n, layer: n.utils.parametrizations.orthogonal(
        layer, "weight", "matrix_exp"
    ),
    "householder": lambda n, layer: n.utils.parametrizations.orthogonal(
        layer, "weight", "householder", use_trivialization=False
    ),
}
NORMED_LAYERS: dict[str, tuple[Any, np.ndarray]] = {
    "linear": (lambda n: n.Linear(4, 3), draw(2, 4)),
    "conv": (lambda n: n.Conv2d(4, 3, 2), IMAGE),
    "transposed": (lambda n: n.ConvTranspose2d(4, 3, 2), IMAGE),
}


@pytest.mark.parametrize("layer", NORMED_LAYERS)
@pytest.mark.parametrize("name", NORMED)
def test_normed_weights(name: str, layer: str) -> None:
    if layer != "linear" and "norm" not in name:
        pytest.skip("orthogonal weights are matrices")
    make, x = NORMED_LAYERS[layer]

    def started(n: Any) -> Any:
        made = NORMED[name](n, make(n))
        with (torch if n is torch.nn else tg).no_grad():  # away from where it starts
            for param in made.parameters():
                if param.ndim > 1 and name != "householder":
                    param.copy_(param * 1.5)
        return made

    same(started, x)


def test_a_householder_weight_starts_where_it_was() -> None:
    layer = nn.Linear(3, 5).double()
    q = np.linalg.qr(draw(5, 3))[0]
    layer.load_state_dict({"weight": q, "bias": draw(5)})
    orthogonal = nn.utils.parametrizations.orthogonal
    orthogonal(layer, "weight", "householder", use_trivialization=False)
    np.testing.assert_allclose(layer.weight.detach().numpy(), q, atol=1e-12)


# ------------------------------------------------------------------------------------- functions


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("aligned", [True, False])
def test_grid_sample(mode: str, padding: str, aligned: bool) -> None:
    def call(layer: Any, x: Any, grid: Any) -> Any:
        F = (torch.nn if isinstance(x, torch.Tensor) else nn).functional
        return F.grid_sample(x, grid, mode, padding, aligned)

    same(lambda n: n.Identity(), IMAGE, draw(2, 3, 2, 2), call=call)
    if mode != "bicubic":
        same(lambda n: n.Identity(), draw(2, 2, 3, 4, 3), draw(2, 3, 2, 2, 3), call=call)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("joined", [True, False])
def test_ctc_behind_log_softmax(reduction: str, joined: bool) -> None:
    labels = np.array([[1, 2, 2, 1], [3, 3, 4, 0], [1, 2, 3, 4]])
    counts = [4, 2, 0]
    if joined:
        labels = np.concatenate([row[:n] for row, n in zip(labels, counts, strict=True)])

    def call(layer: Any, x: Any, y: Any) -> Any:
        make = torch.tensor if isinstance(x, torch.Tensor) else tg.tensor
        steps = make([7, 5, 6])
        return layer(x.log_softmax(2), y, steps, make(counts))

    same(lambda n: n.CTCLoss(reduction=reduction), draw(7, 3, 5), labels, call=call)


def test_our_names_are_pytorchs() -> None:
    """Every module of PyTorch's is there, but for those that need what is not: see the reasons."""
    missing = {
        name
        for name in dir(torch.nn)
        if isinstance(getattr(torch.nn, name), type) and not hasattr(nn, name)
    }
    assert missing <= {
        "Container",  # deprecated
        "DataParallel",  # one process uses one device
        "LinearCrossEntropyOptions",  # the plan decides what is kept in memory
        "NLLLoss2d",  # deprecated name of NLLLoss
        "SyncBatchNorm",  # one process uses one device
    }
    for places in (("init",), ("utils", "rnn"), ("utils", "parametrizations")):
        mine: Any = nn
        its: Any = torch.nn
        for place in places:
            mine, its = getattr(mine, place), getattr(its, place)
        public = [n for n in dir(its) if not n.startswith("_") and callable(getattr(its, n))]
        local = [n for n in public if getattr(its, n).__module__.startswith(its.__name__)]
        deprecated = {n for n in local if f"{n}_" in local} | {"PackedSequence_", "bind"}
        assert not [n for n in local if n not in deprecated and not hasattr(mine, n)]
