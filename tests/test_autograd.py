"""Autograd: the backward walk, `grad`, hooks, grad modes, users' own ops, deep graphs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import DTypeError, GradientError, ShapeError, Tensor, tensor
from tinygrad_cl.autograd import Function, backward, grad
from tinygrad_cl.graph import toposort
from tinygrad_cl.testing import gradcheck

F = tg.nn.functional


@pytest.fixture(autouse=True)
def _on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that take `device` make their tensors there; the others on "numpy"."""
    params = getattr(getattr(request.node, "callspec", None), "params", {})
    before = tg.get_default_device()
    tg.set_default_device(params.get("device", "numpy"))
    yield
    tg.set_default_device(before)
    assert tg.is_grad_enabled()


def leaf(*values: float, dtype: Any = None) -> Tensor:
    return tensor(list(values), dtype=dtype, requires_grad=True)


def values(x: Tensor | None) -> Any:
    assert x is not None
    return x.tolist()


# --- backward


def test_backward_adds_up(device: str) -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    assert values(x.grad) == [2, 4]
    first = x.grad
    (x * 3).sum().backward()
    assert values(x.grad) == [5, 7]
    assert x.grad is first, "gradients are added up in place"
    x.grad = None
    (x * 3).sum().backward()
    assert values(x.grad) == [3, 3]


def test_a_value_used_many_times(device: str) -> None:
    x = leaf(2.0)
    y = x * x
    (y * y + y + x).backward()
    assert values(x.grad) == [4 * 8 + 2 * 2 + 1]


def test_broadcast_dims_are_summed(device: str) -> None:
    a, b, c = tg.ones(2, 1, 3), tg.ones(4, 1), tg.ones(())
    for x in (a, b, c):
        x.requires_grad_()
    (a * b + c).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert c.grad is not None
    assert a.grad.shape == (2, 1, 3)
    assert (a.grad == 4).all()
    assert b.grad.shape == (4, 1)
    assert (b.grad == 6).all()
    assert c.grad.shape == ()
    assert c.grad.item() == 24


def test_gradients_have_the_dtype_of_their_tensor(device: str) -> None:
    x, y = leaf(1.0, dtype="float16"), leaf(2.0, dtype="float64")
    (x * y).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is tg.float16
    assert y.grad is not None
    assert y.grad.dtype is tg.float64


def test_backward_is_lazy() -> None:
    x = leaf(1.0)
    (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.node.buffer is None


def test_item_before_backward_changes_nothing(device: str) -> None:
    x = leaf(1.0, 2.0)
    loss = (x.exp() * x).sum()
    assert loss.item() == pytest.approx(np.e + 2 * np.e**2, rel=1e-6)
    loss.backward()
    assert loss.item() == pytest.approx(np.e + 2 * np.e**2, rel=1e-6)
    np.testing.assert_allclose(values(x.grad), np.exp([1, 2]) * [2, 3], rtol=1e-6)


def test_gradient_argument(device: str) -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    y.backward(tensor([1.0, 10.0]), retain_graph=True)
    assert values(x.grad) == [3, 30]
    y.backward(gradient=tensor([1.0, 1.0], dtype="float64"))
    assert values(x.grad) == [6, 33]
    given = tg.ones(2)
    z = leaf(1.0, 2.0)
    (z + 0).backward(given)
    (x + 0).backward(given)
    for shown in (given, z.grad, x.grad):
        assert shown is not None
        assert shown.node.owner is not None
        assert shown.node.owner() is shown, "a node has one owner"
    given += 5
    assert values(x.grad) == [7, 34]
    one = leaf(2.0) * 2
    one.backward()  # one element needs no gradient


def test_bad_gradient_arguments() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="sum"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match="shape"):
        (x * 2).backward(tg.ones(3))
    with pytest.raises(DTypeError, match="floating"):
        (x * 2).backward(tensor([1, 2]))
    with pytest.raises(GradientError, match="Tensor"):
        (x * 2).backward(np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(GradientError, match="requires_grad"):
        tg.ones(()).backward()
    with pytest.raises(GradientError):
        (x > 1).backward(tg.ones(2))
    with pytest.raises(GradientError, match="as many"):
        backward([x.sum(), x.sum()], [tg.ones(())])


def test_the_graph_is_released(device: str) -> None:
    x = leaf(1.0)
    y = (x * x).exp()
    z = y.sum()
    z.backward()
    for again in (z, y.sum(), (y * 2).sum()):
        with pytest.raises(GradientError, match="retain_graph=True"):
            again.backward()
    assert z.item() == pytest.approx(np.e)
    (y.detach() * x).sum().backward()
    z = (x * x).sum()
    x.grad = None
    z.backward(retain_graph=True)
    z.backward()
    assert values(x.grad) == [4]


def test_released_graphs_let_go_of_memory(device: str) -> None:
    x = leaf(1.0, 2.0)
    inner = x * 2
    node = weakref.ref(inner.node)
    loss = (inner * inner).sum()
    del inner
    loss.backward()
    loss.item()
    values(x.grad)
    gc.collect()
    assert node() is None
    assert len(toposort([loss.node], lambda n: n.inputs)) == 1


def test_leaves_without_requires_grad_get_none(device: str) -> None:
    x, y, unused = leaf(1.0), tensor([2.0]), leaf(3.0)
    (x * y).backward()
    assert y.grad is None
    assert unused.grad is None
    assert values(x.grad) == [2]


def test_backward_for_some_inputs_only(device: str) -> None:
    x, y = leaf(2.0), leaf(3.0)
    h = x * y
    (h * x).backward(inputs=[x])
    assert values(x.grad) == [12]
    assert y.grad is None


def test_dead_tensors_are_skipped(device: str) -> None:
    x = leaf(2.0)
    y = x * tensor([3.0], requires_grad=True)
    y.backward()
    assert values(x.grad) == [3]


def test_integer_paths_have_no_gradient(device: str) -> None:
    x = leaf(1.5, 2.5)
    for y in (x > 2, x.argmax(), x.int(), x.isnan()):
        assert not y.requires_grad
        assert y.is_leaf
    (x * x.int()).sum().backward()
    assert values(x.grad) == [1, 2]


def test_rounding_and_clamping(device: str) -> None:
    x = leaf(-1.0, -0.5, 0.4, 1.0, 2.0)
    (x.floor() + x.round() + x.sign()).sum().backward()
    assert values(x.grad) == [0] * 5
    x.grad = None
    (x.clamp(-0.5, 1.0) + x.clamp(min=-0.5) + x.clamp(max=1.0)).sum().backward()
    assert values(x.grad) == [1, 3, 3, 3, 1]


# --- grad


def test_grad_returns_and_leaves_grad_alone(device: str) -> None:
    x, y = leaf(2.0), leaf(3.0)
    h = x * y
    gx, gh = grad(h * h, [x, h])
    assert (values(gx), values(gh)) == ([36], [12])
    assert x.grad is None
    assert y.grad is None
    assert not gx.requires_grad


def test_grad_of_several_outputs(device: str) -> None:
    x = leaf(2.0, 3.0)
    (g,) = grad([x.sum(), (x * x).sum()], x)
    assert values(g) == [5, 7]
    (g,) = grad([x * 2, x * 3], x, [tg.ones(2), tensor([10.0, 0.0])])
    assert values(g) == [32, 2]
    (g,) = grad(x.sum(), x)
    assert values(g) == [1, 1]
    (g,) = grad(x, x, tensor([7.0, 8.0]))
    assert values(g) == [7, 8]


def test_unused_inputs() -> None:
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(GradientError, match="allow_unused"):
        grad(x * 2, [x, y])
    assert grad(x * 2, [x, y], allow_unused=True)[1] is None
    assert values(grad(x * 2, [x, y], materialize_grads=True)[1]) == [0]
    with pytest.raises(GradientError, match="does not require grad"):
        grad(x * 2, [tensor([1.0])])
    with pytest.raises(GradientError, match="Tensors"):
        grad(x * 2, [1.0])  # type: ignore[list-item]


def test_second_and_third_derivatives(device: str) -> None:
    x = leaf(2.0, dtype="float64")
    first = grad((x**4).sum(), x, create_graph=True)[0]
    second = grad(first.sum(), x, create_graph=True)[0]
    third = grad(second.sum(), x)[0]
    assert [values(first), values(second), values(third)] == [[32], [48], [48]]
    with pytest.raises(GradientError):
        grad(second.sum(), x)


def test_gradient_penalty(device: str) -> None:
    x, w = leaf(1.0, 2.0), leaf(0.5, -1.0)
    y = (w * x * x).sum()
    (gx,) = grad(y, x, create_graph=True)
    (gx * gx).sum().backward()
    assert values(w.grad) == pytest.approx([8 * 0.5 * 1, 8 * -1 * 4])


def test_backward_with_create_graph(device: str) -> None:
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.requires_grad
    (second,) = grad(x.grad.sum(), x)
    assert values(second) == [18]


def test_mixed_second_derivatives_of_a_net(device: str) -> None:
    rng = np.random.default_rng(0)
    x = tensor(rng.standard_normal((4, 1, 6, 6)), requires_grad=True)
    w = tensor(rng.standard_normal((2, 1, 3, 3)) * 0.5, requires_grad=True)

    def net(x: Tensor, w: Tensor) -> Tensor:
        return F.max_pool2d(F.conv2d(x, w).tanh(), 2).square().sum()

    assert gradcheck(net, (x, w), order=2)


# --- hooks


def test_hooks_change_gradients(device: str) -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    seen: list[Any] = []
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g + 1)
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1], [10, 10]]
    assert values(x.grad) == [21, 21]
    handle.remove()
    handle.remove()
    y.sum().backward()
    assert seen == [[1, 1], [10, 10], [10, 10]]


def test_hooks_see_the_whole_gradient_once(device: str) -> None:
    x = leaf(1.0)
    seen: list[Any] = []
    y = x * 1
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 2 + y * 3).backward()
    assert seen == [5]
    with x.register_hook(lambda g: g * 0):
        (x * 2).backward()
    (x * 3).backward()
    assert values(x.grad) == [5 + 0 + 3]


def test_hooks_stay_on_a_parameter_that_changes(device: str) -> None:
    p = tg.nn.Parameter(tg.ones(1))
    p.register_hook(lambda g: g * 100)
    with tg.no_grad():
        p -= 0.5
    (p * 2).backward()
    assert values(p.grad) == [200]


def test_bad_hooks() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="does not require grad"):
        tensor([1.0]).register_hook(print)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match="register_hook"):
        (x * 2).sum().backward()
    assert tg.is_grad_enabled()


def test_retain_grad(device: str) -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 3)
    assert y.retains_grad
    assert not y.is_leaf
    assert y.grad is None
    (y * y).sum().backward()
    assert values(y.grad) == [12, 24]
    assert values(x.grad) == [24, 48]
    z = x * 1
    z.sum().backward()
    assert z.grad is None
    with pytest.raises(GradientError):
        tensor([1.0]).retain_grad()


# --- grad modes


def test_modes() -> None:
    x = leaf(1.0)
    with tg.no_grad():
        assert not tg.is_grad_enabled()
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad
        assert not tg.is_grad_enabled()
        assert tensor([1.0], requires_grad=True).requires_grad
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        raise ZeroDivisionError
    assert tg.is_grad_enabled()
    mode = tg.no_grad()
    with mode, mode:
        pass
    assert tg.is_grad_enabled()


def test_modes_as_decorators() -> None:
    @tg.no_grad()
    def evaluate(depth: int) -> bool:
        """Doc."""
        return evaluate(depth - 1) if depth else tg.is_grad_enabled()

    @tg.enable_grad()
    def train() -> bool:
        return tg.is_grad_enabled()

    assert evaluate(3) is False
    assert tg.is_grad_enabled()
    assert evaluate.__name__ == "evaluate"
    assert evaluate.__doc__ == "Doc."
    with tg.no_grad():
        assert train()


def test_set_grad_enabled() -> None:
    tg.set_grad_enabled(False)
    assert not tg.is_grad_enabled()
    tg.set_grad_enabled(True)
    assert tg.is_grad_enabled()
    with tg.set_grad_enabled(False):
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()

    @tg.set_grad_enabled(False)
    def inside() -> bool:
        return tg.is_grad_enabled()

    assert tg.is_grad_enabled()
    assert not inside()
    assert tg.is_grad_enabled()


def test_requires_grad() -> None:
    x = tensor([1.0])
    y = x * 2
    assert x.is_leaf
    assert y.is_leaf
    assert x.grad_fn is None
    x.requires_grad = True
    assert x.requires_grad
    assert x.is_leaf
    assert not y.requires_grad
    z = x * 2
    assert not z.is_leaf
    assert z.grad_fn is not None
    assert bool(z.grad_fn)
    with pytest.raises(GradientError, match="detach"):
        z.requires_grad_(False)
    x.requires_grad_(False)
    assert not (x * 2).requires_grad
    z.backward()  # the graph from before still leads somewhere
    assert values(x.grad) == [2]
    with pytest.raises(DTypeError):
        tensor([1]).requires_grad_()


# --- users' own ops


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        assert not tg.is_grad_enabled()
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * g * x


class SplitScaled(Function):
    """Two outputs, an argument that is no tensor, and an output saved for backward."""

    seen: tuple[Any, ...] = ()

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, y: Tensor) -> tuple[Tensor, Tensor]:
        ctx.factor = factor
        e = x.exp()
        ctx.save_for_backward(e, y, None)
        return e, y * factor

    @staticmethod
    def backward(ctx: Any, ge: Tensor, gy: Tensor) -> Any:
        e, _, nothing = ctx.saved_tensors
        assert nothing is None
        SplitScaled.seen = (ge, gy, ctx.needs_input_grad)
        return ge * e, None, gy * ctx.factor


def test_function(device: str) -> None:
    x = leaf(1.0, 3.0)
    y = Square.apply(x)
    assert y.requires_grad
    assert not y.is_leaf
    (y * 2).sum().backward()
    assert values(x.grad) == [4, 12]
    with pytest.raises(GradientError):
        y.sum().backward()
    with tg.no_grad():
        assert not Square.apply(x).requires_grad
    assert not Square.apply(tensor([2.0])).requires_grad


def test_function_second_order(device: str) -> None:
    x = leaf(2.0, dtype="float64")
    (g,) = grad(Square.apply(Square.apply(x)).sum(), x, create_graph=True)
    assert g.requires_grad
    assert values(g) == [32]
    assert values(grad(g.sum(), x)[0]) == [48]
    assert gradcheck(
        Square.apply, (tensor([0.3, -2.0], dtype="float64", requires_grad=True),), order=2
    )


def test_function_with_several_outputs(device: str) -> None:
    x, y = leaf(0.0, 1.0), leaf(2.0, 2.0)
    e, s = SplitScaled.apply(x, 5.0, y)
    (e.sum() + (s * s).sum()).backward()
    np.testing.assert_allclose(values(x.grad), np.exp([0, 1]), rtol=1e-6)
    assert values(y.grad) == [100, 100]
    assert SplitScaled.seen[2] == (True, False, True)
    e, _ = SplitScaled.apply(x, 5.0, y.detach())
    x.grad = None
    e.sum().backward()
    assert values(SplitScaled.seen[1]) == [0, 0], "an unused output gets zeros"
    assert SplitScaled.seen[2] == (True, False, False)
    x64, y64 = leaf(0.1, 0.2, dtype="float64"), leaf(1.0, 2.0, dtype="float64")
    assert gradcheck(lambda x, y: sum(SplitScaled.apply(x, 0.5, y)), (x64, y64), order=2)


def test_function_saved_values_survive_changes(device: str) -> None:
    x = leaf(3.0)
    h = x * 1
    y = Square.apply(h)
    h += 100
    y.backward()
    assert values(x.grad) == [6]


def test_function_may_return_its_input_and_constants(device: str) -> None:
    class Pass(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            index = x.argmax()
            flag = x * 0
            ctx.mark_non_differentiable(flag)
            ctx.set_materialize_grads(False)
            return x, index, flag

        @staticmethod
        def backward(ctx: Any, g: Tensor, g_index: None, g_flag: None) -> Tensor:
            assert g_index is None
            assert g_flag is None
            return g * 7

    x = leaf(1.0, 2.0)
    same, index, flag = Pass.apply(x)
    assert same is not x
    assert same.requires_grad
    assert not index.requires_grad
    assert not flag.requires_grad
    same.sum().backward()
    assert values(x.grad) == [7, 7]


def test_function_in_the_middle_of_pruned_and_shared_paths(device: str) -> None:
    x, y = leaf(2.0), leaf(3.0)
    h = Square.apply(x * y)
    assert values(grad(h, x, retain_graph=True)[0]) == [36]
    assert values(grad(h, y, retain_graph=True)[0]) == [24]
    h.backward(retain_graph=True)
    h.backward()
    assert values(x.grad) == [72]
    seen: list[Any] = []
    k = Square.apply(x)
    k.register_hook(lambda g: seen.append(g.tolist()))
    k.retain_grad()
    (k + k).sum().backward()
    assert seen == [[2]]
    assert values(k.grad) == [2]


def test_function_errors() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, what: str) -> Any:
            ctx.what = what
            return np.ones(2) if what == "array" else x * 2

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return {
                "few": g,
                "many": (g, None, g),
                "shape": (g.sum(), None),
                "array": (np.ones(2), None),
                "kind": (1.0, None),
                "fine": (g, None, None),
            }[ctx.what]

    x = leaf(1.0, 2.0)
    for what, message in [
        ("few", "1 gradients for 2"),
        ("many", "3 gradients"),
        ("shape", "shape"),
        ("kind", "float"),
    ]:
        with pytest.raises((GradientError, ShapeError), match=message):
            Wrong.apply(x, what).sum().backward()
    with pytest.raises(GradientError, match="must return Tensors"):
        Wrong.apply(x, "array")
    Wrong.apply(x, "fine").sum().backward()
    assert values(x.grad) == [1, 1]
    with pytest.raises(NotImplementedError):
        Function.apply(x)


def test_a_wrong_gradient_is_caught() -> None:
    class Planted(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * x.cos() * 1.001

    x = leaf(0.3, 0.7, dtype="float64")
    with pytest.raises(Exception, match="wrong"):
        gradcheck(Planted.apply, (x,))


# --- devices


def test_gradients_cross_devices(opencl_device: str) -> None:
    x = tensor([1.0, 2.0], device=opencl_device, requires_grad=True)
    y = (x * 3).to("numpy")
    assert y.device.name == "numpy"
    assert y.requires_grad
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.device is x.device
    assert values(x.grad) == [18, 36]
    assert x.cpu().device.name == "numpy"


# --- deep graphs


def test_graphs_deeper_than_the_stack(device: str) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    y.sum().backward()
    assert values(x.grad) == pytest.approx([np.e], rel=1e-3)


def test_dropping_a_deep_graph() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    (y * 2).sum().backward(retain_graph=True)
    z = Square.apply(y)
    for _ in range(5_000):
        z = Square.apply(z)
    last = weakref.ref(y.node)
    x.grad = None
    del y, z
    gc.collect()
    assert last() is None


def test_a_training_loop_does_not_grow(device: str) -> None:
    w, x = leaf(0.5, -0.5), tensor([1.0, 2.0])
    counts = []
    for step in range(30):
        loss = ((w * x).sum() - 1) ** 2
        w.grad = None
        loss.backward()
        with tg.no_grad():
            w -= 0.01 * w.grad
        loss.item()
        w.realize()
        if step >= 20:
            gc.collect()
            counts.append(len([o for o in gc.get_objects() if type(o).__name__ == "Node"]))
    assert len(set(counts)) == 1, counts
