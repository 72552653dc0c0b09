"""What tutorials and older programs use besides layers and optimizers, compared with PyTorch."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

LIBRARIES = {"ours": tg, "theirs": torch}
RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 3)), RNG.random((2, 3)) + 0.25
POINTS = RNG.random((2, 3)) * 0.5 + 0.25


@pytest.fixture(autouse=True)
def _on() -> Any:
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    yield
    tg.set_default_device(before)


def module(library: str, name: str) -> Any:
    return importlib.import_module(f"{LIBRARIES[library].__name__}.{name}")


def array(lib: Any, values: Any) -> Any:
    return lib.from_numpy(np.asarray(values, np.float32))


DISTRIBUTIONS: dict[str, Any] = {
    "Normal": lambda d, t, k: d.Normal(t(A + k), t(B * (k + 1))),
    "Laplace": lambda d, t, k: d.Laplace(t(A + k), t(B * (k + 1))),
    "Uniform": lambda d, t, k: d.Uniform(t(-B * 0 - k), t(B + 1 + k)),
    "Exponential": lambda d, t, k: d.Exponential(t(B + k)),
    "Bernoulli": lambda d, t, k: d.Bernoulli(probs=t(POINTS / (k + 1))),
    "Bernoulli of logits": lambda d, t, k: d.Bernoulli(logits=t(A + k)),
    "Independent": lambda d, t, k: d.Independent(d.Normal(t(A), t(B + k)), 1),
}


def summary(library: str, make: Any) -> list[Any]:
    lib, d = LIBRARIES[library], module(library, "distributions")
    p, q = (make(d, lambda values: array(lib, values), k) for k in (0, 1))
    points = array(lib, POINTS.round() if "Bernoulli" in type(p).__name__ else POINTS)
    found = [p.log_prob(points), p.entropy(), p.mean, p.variance, d.kl_divergence(p, q)]
    return [value.numpy() for value in found]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str) -> None:
    for ours, theirs in zip(
        *(summary(library, DISTRIBUTIONS[name]) for library in LIBRARIES), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("by", ["probs", "logits"])
def test_categorical(by: str) -> None:
    rows = []
    for library, lib in LIBRARIES.items():
        d = module(library, "distributions")
        given = array(lib, B if by == "probs" else A)
        given.requires_grad_()
        p, q = d.Categorical(**{by: given}), d.Categorical(**{by: given.detach() * 2 + 1})
        value = lib.tensor([[2, 0], [1, 1], [0, 2]])
        kl = d.kl_divergence(p, q)
        (kl.sum() + p.log_prob(value).sum()).backward()
        found = (p.log_prob(value), p.entropy(), p.probs, kl)
        rows.append([x.detach().numpy() for x in (*found, given.grad)])
    for ours, theirs in zip(*rows, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def averaged(library: str, **options: Any) -> list[Any]:
    lib = LIBRARIES[library]
    swa = module(library, "optim.swa_utils")
    net = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
    for i, p in enumerate(net.parameters()):
        p.data = array(lib, np.sin(np.arange(p.numel()) + i)).reshape(tuple(p.shape))
    if "decay" in options:
        options["multi_avg_fn"] = swa.get_ema_multi_avg_fn(options.pop("decay"))
    mean = swa.AveragedModel(net, **options)
    optimizer = lib.optim.SGD(net.parameters(), lr=0.5)
    schedule = swa.SWALR(optimizer, swa_lr=0.125, anneal_epochs=3)
    rates = []
    for k in range(5):
        optimizer.zero_grad()
        net(array(lib, np.cos(np.arange(8.0) + k).reshape(4, 2))).exp().mean().backward()
        optimizer.step()
        mean.update_parameters(net)
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    swa.update_bn([array(lib, np.arange(8.0).reshape(4, 2))], mean)
    state = {name: value.numpy() for name, value in mean.state_dict().items()}
    return [rates, *state, *state.values()]


@pytest.mark.parametrize("options", [{}, {"use_buffers": True}, {"decay": 0.75}])
def test_averaged_nets(options: dict[str, Any]) -> None:
    ours, theirs = (averaged(library, **options) for library in LIBRARIES)
    assert ours[1:9] == theirs[1:9]  # names
    for a, b in zip(ours[9:], theirs[9:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert ours[0] == pytest.approx(theirs[0])


def test_a_schedule_after_a_restored_state() -> None:
    """As learning-rate finders do it: the state is older than the schedule that is tried."""
    found = []
    for lib in LIBRARIES.values():
        optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.5)
        state = copy.deepcopy(optimizer.state_dict())
        lib.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.125)
        optimizer.load_state_dict(state)
        optimizer.param_groups[0]["lr"] = 0.25
        schedule = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        optimizer.step()
        schedule.step()
        found.append([optimizer.param_groups[0]["lr"], schedule.base_lrs])
    assert found[0] == found[1] == [0.125, [0.25]]


def data_story(lib: Any) -> list[Any]:
    """Every way in which programs write through `.data` and state dicts."""
    x = lib.tensor([1.0, -2.0, 3.0], requires_grad=True)
    rows: list[Any] = []
    kept = x.data
    x.data.clamp_(min=0)
    rows += [x.tolist(), kept.tolist()]
    x.data = x.data * 2
    x.data[0] = 9
    kept += 1
    rows += [x.tolist(), kept.tolist()]
    x.data = kept
    (x * x).sum().backward()
    x.grad.data.clamp_(-3, 3)
    x.data.add_(x.grad.data, alpha=-0.5)
    rows += [x.tolist(), x.grad.tolist()]
    y = x * 2
    y.data = y.data.sign()
    y.sum().backward()
    rows += [y.tolist(), x.grad.tolist()]
    net = lib.nn.Linear(2, 2)
    for p in net.parameters():
        p.data.fill_(0.5)
    old = copy.deepcopy(net.state_dict())
    for value in net.state_dict().values():
        value.mul_(3)
    rows += [net.weight.tolist(), net.bias.tolist(), old["weight"].tolist()]
    return rows


def test_writing_through_data() -> None:
    assert data_story(tg) == data_story(torch)


class _Cubes:
    """Functions in the form with `setup_context`."""

    @staticmethod
    def make(lib: Any) -> Any:
        class Cube(lib.autograd.Function):  # type: ignore[misc, name-defined]
            @staticmethod
            def forward(x: Any) -> Any:
                return x * x * x

            @staticmethod
            def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                ctx.save_for_backward(*inputs)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                (x,) = ctx.saved_tensors
                return g * 3 * x * x

        return Cube


def test_functions_with_a_context_of_their_own() -> None:
    found = []
    for lib in LIBRARIES.values():
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = _Cubes.make(lib).apply(x)
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        g.sum().backward()
        found.append([y.tolist(), g.tolist(), x.grad.tolist()])
    assert found[0] == found[1] == [[1, 8], [3, 12], [6, 12]]


def test_files_under_any_name(tmp_path: Path) -> None:
    state = {"epoch": 3, "net": tg.nn.Linear(2, 2).state_dict(), "rates": [0.5, 0.25]}
    tg.save(state, tmp_path / "last.ckpt")
    for loaded in (
        tg.load(tmp_path / "last.ckpt", map_location="cpu", weights_only=True),
        torch.load(tmp_path / "last.ckpt", weights_only=True),
    ):
        assert loaded["epoch"] == 3
        assert loaded["rates"] == [0.5, 0.25]
        assert loaded["net"]["weight"].tolist() == state["net"]["weight"].tolist()  # type: ignore[index]
    torch.save({"w": torch.ones(2)}, tmp_path / "theirs.tar")
    assert tg.load(tmp_path / "theirs.tar", map_location=lambda storage, place: storage)[
        "w"
    ].tolist() == [1, 1]
    with pytest.raises(tg.DataError, match=r"a Linear is not saved .* \.state_dict\(\)"):
        tg.save(tg.nn.Linear(2, 2), tmp_path / "net.pt")
