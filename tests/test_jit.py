"""jit: a captured function does what the function does, call after call, or says why not."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.jit import MAX_VARIANTS, Jit

F = nn.functional
Step = Callable[..., Any]


@pytest.fixture(autouse=True)
def on_device(device: str) -> Any:
    before = tg.get_default_device()
    tg.set_default_device(device)
    yield
    tg.set_default_device(before)


def replays(captured: Jit) -> int:
    """How many calls were replayed so far."""
    return sum(variant.replays for variant in captured._variants.values())


def net_and_step(make_optimizer: Callable[[Any], Any]) -> tuple[Any, Any, Step]:
    tg.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(4 * 9, 5),
    )
    optimizer = make_optimizer(net.parameters())

    def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return net, optimizer, step


def batches(count: int, size: int = 6) -> list[tuple[tg.Tensor, tg.Tensor]]:
    rng = np.random.default_rng(0)
    return [
        (
            tg.tensor(rng.standard_normal((size, 1, 8, 8), dtype=np.float32)),
            tg.tensor(rng.integers(0, 5, size)),
        )
        for _ in range(count)
    ]


COUNTS = itertools.count()
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: tg.optim.Adam(p, lr=0.01),
    "adamw": lambda p: tg.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: tg.optim.RMSprop(p, lr=0.01, centered=True),
    "nadam": lambda p: tg.optim.NAdam(p, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_is_bit_equal_to_define_by_run(name: str) -> None:
    """Losses, parameters, running statistics, gradients: dropout and a falling rate included."""
    seen = []
    for captured in (False, True):
        net, optimizer, step = net_and_step(OPTIMIZERS[name])
        schedule = tg.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        run = tg.jit(step) if captured else step
        losses = []
        for x, y in batches(9):
            losses.append(run(x, y).item())
            schedule.step()
        if captured:
            assert replays(run) == 6, str(run)
        arrays = [p.detach().numpy().copy() for p in (*net.parameters(), *net.buffers())]
        arrays += [p.grad.numpy().copy() for p in net.parameters()]
        seen.append((losses, arrays, tg.rand(3).tolist()))
    assert seen[0][0] == seen[1][0]
    for a, b in zip(seen[0][1], seen[1][1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert seen[0][2] == seen[1][2], "the random stream stands at the same place"


def test_optimizer_state_goes_on_after_replays() -> None:
    """Step counts and moments are those of as many define-by-run steps."""
    states = []
    for captured in (False, True):
        _, optimizer, step = net_and_step(OPTIMIZERS["adam"])
        run = tg.jit(step) if captured else step
        data = batches(8)
        for x, y in data[:6]:
            run(x, y)
        for x, y in data[6:]:
            step(x, y)
        state = optimizer.state_dict()["state"]
        states.append([(s["step"], np.asarray(s["exp_avg"])) for s in state.values()])
    for (count, moment), (other, expected) in zip(*states, strict=True):
        assert int(count) == int(other) == 8
        np.testing.assert_array_equal(moment, expected)


def test_shapes_and_modes_are_kinds_of_calls() -> None:
    net, _, _ = net_and_step(OPTIMIZERS["sgd"])
    predict = tg.jit(lambda x: net(x))
    with tg.no_grad():
        for size in (2, 3, 2, 3, 2, 3, 2, 3, 2, 3):
            x = tg.randn(size, 1, 8, 8)
            net.eval()
            np.testing.assert_array_equal(predict(x).numpy(), net(x).numpy())
        assert replays(predict) == 4
        x = tg.randn(2, 1, 8, 8)
        evaluated = predict(x).numpy().copy()
        net.train()
        assert not np.array_equal(predict(x).numpy(), evaluated), "a stale mode"
        net.eval()
        np.testing.assert_array_equal(predict(x).numpy(), net(x).numpy())


_factor = 2.0


def test_a_closed_over_number_is_never_stale() -> None:
    global _factor
    shift = 1.0

    class Holder:
        scale = 3.0

        def __init__(self) -> None:
            self.power = 2

    holder = Holder()

    def plain(x: tg.Tensor) -> tg.Tensor:
        return x**holder.power * _factor + shift

    captured = tg.jit(plain)
    x = tg.tensor([1.0, 2.0])

    def check() -> None:
        for _ in range(5):
            assert captured(x).tolist() == plain(x).tolist()

    check()
    assert replays(captured) > 0
    _factor = 5.0
    check()
    shift = -1.0
    check()
    holder.power = 3
    check()
    _factor = 2.0
    assert replays(captured) > 3


def test_a_python_argument_is_a_kind_of_call() -> None:
    captured = tg.jit(lambda x, k: x * k)
    x = tg.tensor([1.0])
    for _ in range(5):
        assert [captured(x, k).item() for k in (1, 2, 3.0, True)] == [1, 2, 3, 1]
    assert len(captured._variants) == 4


def test_variants_are_bounded() -> None:
    captured = tg.jit(lambda x, k: x + k)
    for k in range(MAX_VARIANTS + 9):
        assert captured(tg.tensor([1.0]), k).item() == 1 + k
    assert len(captured._variants) == MAX_VARIANTS


def test_a_counter_inside_runs_define_by_run(caplog: pytest.LogCaptureFixture) -> None:
    count = [0]

    def step(x: tg.Tensor) -> tg.Tensor:
        count[0] += 1
        return x * count[0]

    captured = tg.jit(step)
    with caplog.at_level(logging.WARNING, "tinygrad_cl.jit"):
        assert [captured(tg.tensor([1.0])).item() for _ in range(9)] == [*range(1, 10)]
    assert "define-by-run" in caplog.text
    assert replays(captured) == 0


def test_a_host_read_runs_define_by_run(caplog: pytest.LogCaptureFixture) -> None:
    captured = tg.jit(lambda x: (x * 2).item())
    with caplog.at_level(logging.WARNING, "tinygrad_cl.jit"):
        assert [captured(tg.tensor([float(i)])) for i in range(6)] == [0, 2, 4, 6, 8, 10]
    assert "reads a value" in caplog.text


def test_a_seed_inside_runs_define_by_run(caplog: pytest.LogCaptureFixture) -> None:
    def drawn(x: tg.Tensor) -> tg.Tensor:
        tg.manual_seed(3)
        return x * tg.rand(2)

    captured = tg.jit(drawn)
    assert len({tuple(captured(tg.ones(2)).tolist()) for _ in range(6)}) == 1
    assert "it sets the state of random numbers" in caplog.text


class Result:
    """A user's own container."""

    def __init__(self, y: tg.Tensor) -> None:
        self.y = y


def parts_of(x: tg.Tensor) -> Any:
    yield from (x * 2, x * 3)


@pytest.mark.parametrize(
    ("function", "look", "reason"),
    [
        (parts_of, lambda r: [y.tolist() for y in r], "a new generator"),
        (lambda x: Result(x * 2), lambda r: r.y.tolist(), "a new Result"),
        (lambda x: (x, np.full(2, 3)), lambda r: type(r[1]), "a new ndarray"),
        (lambda x: (x, next(COUNTS)), lambda r: type(r[1]), "differ from call to call"),
        (lambda x: {str(next(COUNTS)): x}, len, "differ from call to call"),
    ],
)
def test_results_that_no_replay_could_make(
    function: Any, look: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    captured = tg.jit(function)
    for value in range(10):
        x = tg.full((2,), float(value))
        assert look(captured(x)) == look(function(x))
    assert "replayed" not in str(captured)
    assert reason in caplog.text or "'COUNTS' changed" in caplog.text


def test_plain_results_are_captured() -> None:
    """A number that is the same each time, a dtype, an object that is there already."""
    held = Result(tg.ones(2))
    captured = tg.jit(lambda x: {"y": x * 2, "n": 3, "f": float("nan"), "d": x.dtype, "o": held})
    for value in range(6):
        found = captured(tg.full((2,), float(value)))
        assert found["y"].tolist() == [2.0 * value] * 2
        assert (found["n"], found["d"], found["o"]) == (3, tg.float32, held)
    assert "replayed 3 times" in str(captured)


def test_changing_host_data_is_never_stale() -> None:
    rng = np.random.default_rng(0)
    expected = np.random.default_rng(0)
    captured = tg.jit(lambda x: x + tg.tensor(rng.standard_normal(2, dtype=np.float32)))
    for _ in range(8):
        want = expected.standard_normal(2, dtype=np.float32)
        np.testing.assert_array_equal(captured(tg.zeros(2)).numpy(), want)


def test_constant_host_data_is_captured() -> None:
    captured = tg.jit(lambda x: x + tg.tensor([1.0, 2.0]))
    for i in range(7):
        assert captured(tg.full((2,), float(i))).tolist() == [i + 1, i + 2]
    assert replays(captured) == 4


def test_the_backward_pass_outside_runs_define_by_run() -> None:
    w = tg.tensor([2.0], requires_grad=True)
    forward = tg.jit(lambda x: (w * x).sum())
    for i in range(6):
        w.grad = None
        forward(tg.tensor([float(i)])).backward()
        assert w.grad is not None
        assert w.grad.tolist() == [i]


def test_gradients_of_leaves_without_a_step() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)

    @tg.jit
    def gradient(v: tg.Tensor) -> tg.Tensor:
        x.grad = None
        loss = (x * v).sum()
        loss.backward()
        return loss

    for i in range(7):
        gradient(tg.tensor([float(i), 1.0]))
        assert x.grad is not None
        assert x.grad.tolist() == [i, 1]
    assert replays(gradient) == 4


def test_accumulated_gradients_and_a_reset_from_outside() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    add = tg.jit(lambda v: (x * v).sum().backward())
    total = 0.0
    for i in range(14):
        if i == 7:
            x.grad, total = None, 0.0
        total += i
        add(tg.tensor([float(i), 0.0]))
        assert x.grad is not None
        assert x.grad.tolist() == [total, 0]


def test_values_that_somebody_holds_survive() -> None:
    net, _, step = net_and_step(OPTIMIZERS["sgd"])
    captured = tg.jit(step)
    data = batches(8)
    for x, y in data[:5]:
        captured(x, y)
    weight = next(net.parameters())
    held = weight.detach()
    before = held.numpy().copy()
    view = weight.detach().numpy()
    gradient = weight.grad
    assert gradient is not None
    kept = gradient.numpy().copy()
    for x, y in data[5:]:
        captured(x, y)
    np.testing.assert_array_equal(held.numpy(), before)
    np.testing.assert_array_equal(view, before)
    np.testing.assert_array_equal(gradient.numpy(), kept)
    assert not np.array_equal(weight.detach().numpy(), before)


def test_results_of_calls_are_different_tensors() -> None:
    captured = tg.jit(lambda x: {"twice": x * 2, "pair": (x, x + 1), "name": "sum"})
    results = [captured(tg.tensor([float(i)])) for i in range(6)]
    assert [r["twice"].item() for r in results] == [0, 2, 4, 6, 8, 10]
    assert [r["pair"][1].item() for r in results] == [1, 2, 3, 4, 5, 6]
    assert results[5]["name"] == "sum"
    assert isinstance(results[5]["pair"], tuple)


def test_a_detached_loss_and_detached_weights_are_not_stale() -> None:
    net, _, plain = net_and_step(OPTIMIZERS["sgd"])

    def step(x: tg.Tensor, y: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
        loss = plain(x, y)
        return loss.detach(), next(net.parameters()).detach()

    captured = tg.jit(step)
    seen = [captured(x, y) for x, y in batches(8)]
    assert len({loss.item() for loss, _ in seen}) == 8
    np.testing.assert_array_equal(seen[-1][1].numpy(), next(net.parameters()).detach().numpy())
    assert not np.array_equal(seen[-1][1].numpy(), seen[-2][1].numpy()), "results are not shared"


def test_arrays_and_keywords_become_arguments() -> None:
    captured = tg.jit(lambda x, *, y: x - y)
    for i in range(6):
        x, y = np.full(3, i, np.float32), tg.ones(3)
        assert captured(x, y=y).tolist() == [i - 1] * 3
    assert replays(captured) == 3


def test_loading_weights_between_calls_is_seen() -> None:
    net = nn.Linear(2, 1)
    predict = tg.jit(lambda x: net(x).detach())
    x = tg.ones(1, 2)
    for _ in range(5):
        predict(x)
    with tg.no_grad():
        net.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([0.5])})
    assert predict(x).item() == 3.5
    net.weight = nn.Parameter(tg.tensor([[5.0, 5.0]]))
    assert predict(x).item() == 10.5


def test_an_argument_changed_in_place_runs_define_by_run() -> None:
    captured = tg.jit(lambda x: x.add_(1))
    for _ in range(6):
        x = tg.zeros(2)
        captured(x)
        assert x.tolist() == [1, 1]


def test_a_module_and_a_method_can_be_captured() -> None:
    net = nn.Linear(2, 2)
    compiled = tg.compile(net)
    assert list(compiled.state_dict()) == ["weight", "bias"]
    with tg.no_grad():
        x = tg.ones(1, 2)
        for _ in range(5):
            np.testing.assert_array_equal(compiled(x).numpy(), net(x).numpy())
    assert tg.jit(compiled) is compiled


def test_a_new_parameter_group_is_captured_anew() -> None:
    a = tg.tensor([1.0], requires_grad=True)
    b = tg.tensor([1.0], requires_grad=True)
    optimizer = tg.optim.SGD([a], lr=1.0)

    def step() -> None:
        optimizer.zero_grad()
        (a + b).sum().backward()
        optimizer.step()

    captured = tg.jit(step)
    for _ in range(5):
        captured()
    optimizer.add_param_group({"params": [b], "lr": 0.5})
    for _ in range(5):
        captured()
    assert a.item() == -9
    assert b.item() == -1.5


def test_weights_that_are_clipped_after_the_step_are_captured() -> None:
    """What the call before has left to do is done before a call is recorded."""
    seen = []
    for wrap in (lambda f: f, tg.jit):
        w = tg.tensor([0.5, -0.5], requires_grad=True)
        optimizer = tg.optim.Adam([w], lr=0.25)

        def step(x, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()
            with tg.no_grad():
                w.clamp_(-1, 1)

        captured = wrap(step)
        rows = []
        for _ in range(8):
            captured(tg.tensor([1.0, -0.5]))
            rows.append(w.tolist())
        seen.append(rows)
    assert seen[0] == seen[1]
    assert "replayed 5 times" in str(captured)


def test_bad_uses_are_refused() -> None:
    with pytest.raises(tg.TinygradError, match="expected a function"):
        tg.jit(3)
    with pytest.raises(tg.TinygradError, match="unknown options speed"):
        tg.jit(lambda x: x, speed=9)


def test_errors_of_the_function_pass_through() -> None:
    captured = tg.jit(lambda x: x @ x)
    for _ in range(5):
        with pytest.raises(tg.ShapeError):
            captured(tg.ones(2, 3))
    assert captured(tg.eye(2)).tolist() == [[1, 0], [0, 1]]


def test_it_prints_what_it_captured() -> None:
    _, _, step = net_and_step(OPTIMIZERS["adam"])
    captured = tg.jit(step)
    for x, y in batches(5):
        captured(x, y)
    text = str(captured)
    for word in ("6x1x8x8 float32", "replayed 2 times", "random numbers", "of Adam"):
        assert word in text, text
