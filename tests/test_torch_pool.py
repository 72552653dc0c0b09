"""Max pooling against PyTorch's: the same places, ties, NaN and gradients, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import engine
from tinygrad_cl.graph import PRIMITIVES

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

WINDOWS: list[dict[str, Any]] = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 1},
    {"kernel_size": (2, 3), "stride": (1, 2), "dilation": (3, 1)},
    {"kernel_size": 5, "stride": 3, "padding": 2},
    {"kernel_size": 9, "stride": 1, "padding": 4},
]


def images(kind: str, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(len(kind))
    x = rng.standard_normal(shape)
    if kind != "distinct":
        x = np.round(x)
    if kind == "nan":  # one in a plane: of several in a window, PyTorch takes the last
        x.reshape(-1, shape[-2] * shape[-1])[:, 3 * shape[-1] + 4] = np.nan
    return x.astype(np.float32)


def pairs(options: dict[str, Any]) -> dict[str, Any]:
    """The attrs of the primitive."""
    given = {"padding": 0, "dilation": 1} | options
    names = ("kernel_size", "stride", "padding", "dilation")
    found = {n: given[n] if isinstance(given[n], tuple) else (given[n],) * 2 for n in names}
    return found | {"ceil_mode": given.get("ceil_mode", False)}


@pytest.mark.parametrize("kind", ["distinct", "ties", "nan"])
@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_overlapping_windows(device: str, kind: str, options: dict[str, Any]) -> None:
    for shape in ((2, 3, 19, 37), (3, 5, 11, 9)):
        x = images(kind, *shape)
        theirs = torch.tensor(x, requires_grad=True)
        y, index = torch.nn.functional.max_pool2d(theirs, **options, return_indices=True)
        g = np.arange(y.numel(), dtype=np.float32).reshape(y.shape) % 17  # sums are exact
        y.backward(torch.tensor(g))

        ours = tg.tensor(x, device=device, requires_grad=True)
        z, places = tg.nn.functional.max_pool2d(ours, **options, return_indices=True)
        z.backward(tg.tensor(g, device=device))
        assert ours.grad is not None
        np.testing.assert_array_equal(z.detach().numpy(), y.detach().numpy())
        np.testing.assert_array_equal(places.numpy(), index.numpy())
        np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())


@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_places_are_those_of_the_indices(device: str, options: dict[str, Any]) -> None:
    attrs = pairs(options)
    x = images("nan", 2, 3, 19, 37)
    _, index = torch.nn.functional.max_pool2d(torch.tensor(x), **options, return_indices=True)
    node = PRIMITIVES["max_pool2d_offset"](tg.tensor(x, device=device).node, **attrs)
    (sh, sw), (ph, pw), (dh, dw) = (attrs[name] for name in ("stride", "padding", "dilation"))
    row, column = np.divmod(engine.numpy(node).astype(np.int64), attrs["kernel_size"][1])
    oh, ow = np.arange(node.shape[-2])[:, None], np.arange(node.shape[-1])
    h, w = oh * sh - ph + row * dh, ow * sw - pw + column * dw
    np.testing.assert_array_equal(h * x.shape[-1] + w, index.numpy())


@pytest.mark.parametrize(
    ("size", "out"), [((7, 7), 3), ((8, 8), 4), ((6, 7), (3, None)), ((7, 5), (4, 3)), ((5, 9), 1)]
)
def test_adaptive_windows(device: str, size: tuple[int, int], out: Any) -> None:
    x = images("ties", 2, 3, *size)
    for op in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        more = {"return_indices": True} if "max" in op else {}
        theirs = torch.tensor(x, requires_grad=True)
        ours = tg.tensor(x, device=device, requires_grad=True)
        y = getattr(torch.nn.functional, op)(theirs, out, **more)
        z = getattr(tg.nn.functional, op)(ours, out, **more)
        if more:
            np.testing.assert_array_equal(z[1].numpy(), y[1].numpy())
            y, z = y[0], z[0]
        y.square().sum().backward()
        z.square().sum().backward()
        assert ours.grad is not None
        np.testing.assert_allclose(z.detach().numpy(), y.detach().numpy(), 1e-6, 1e-6)
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("shape", [(1, 2, 1203, 61), (3, 3, 1201, 13), (7, 1, 3, 5)], ids=str)
@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d"])
def test_tall_and_tiny_planes(device: str, op: str, shape: tuple[int, ...]) -> None:
    # Rows are gone through in bands, narrow planes in pairs, the ends of the input apart.
    for options in ({"stride": 2}, {"stride": 1, "padding": 1}):
        x = images("ties", *shape)
        theirs = torch.tensor(x, requires_grad=True)
        ours = tg.tensor(x, device=device, requires_grad=True)
        y = getattr(torch.nn.functional, op)(theirs, 3, **options)
        z = getattr(tg.nn.functional, op)(ours, 3, **options)
        g = np.arange(y.numel(), dtype=np.float32).reshape(y.shape) % 17
        y.backward(torch.tensor(g))
        z.backward(tg.tensor(g, device=device))
        assert ours.grad is not None
        np.testing.assert_allclose(z.detach().numpy(), y.detach().numpy(), 1e-6, 1e-6)
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), 1e-5, 1e-5)
