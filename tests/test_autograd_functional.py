"""`autograd.functional` and `func`: against formulas, and against numbers that PyTorch computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import Tensor, autograd, dtypes, func, nn
from tinygrad_cl.autograd import functional as F
from tinygrad_cl.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import assert_close

# torch 2.13.0, float64, `torch.autograd.functional`: the numbers of each answer in order.
TORCH: dict[str, list[float]] = {
    "jacobian": [
        0.1437343633013,
        0.0718671816507,
        -0.107800772476,
        -0.2559303713821,
        0.0319912964228,
        0.1919477785366,
        0.0718671816507,
        0.0,
        -0.1796679541266,
        0.0,
        0.2874687266026,
        0.0,
        0.0,
        0.0639825928455,
        0.0,
        -0.1599564821138,
        0.0,
        0.2559303713821,
        1.0,
        -2.5,
        4.0,
        5.8125,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ],
    "hessian": [
        -10.5501317030681,
        -0.0212457301011,
        7.3284981899975,
        -0.0212457301011,
        0.2721730641045,
        0.0159342975758,
        7.3284981899975,
        0.0159342975758,
        -5.2399546980558,
        -0.8859345415504,
        1.7144740795569,
        2.4853241902014,
        -4.8644197298972,
        -3.9765187043222,
        7.7830715678356,
        -0.4970648380403,
        -0.2432209864949,
        1.3508572296308,
        0.3767586538351,
        -1.9882593521611,
        -0.9728839459794,
        0.7455972570604,
        -1.4593259189692,
        -1.863993142651,
        3.6483147974229,
        3.0905841627717,
        -6.0685974882787,
        -0.8859345415504,
        -0.4970648380403,
        0.7455972570604,
        1.7144740795569,
        -0.2432209864949,
        -1.4593259189692,
        2.4853241902014,
        1.3508572296308,
        -1.863993142651,
        -4.8644197298972,
        0.3767586538351,
        3.6483147974229,
        -3.9765187043222,
        -1.9882593521611,
        3.0905841627717,
        7.7830715678356,
        -0.9728839459794,
        -6.0685974882787,
        -0.4970648380403,
        0.0,
        1.2426620951007,
        0.0,
        -1.9882593521611,
        0.0,
        0.0,
        -0.4864419729897,
        0.0,
        1.2161049324743,
        0.0,
        -1.9457678919589,
        1.2426620951007,
        0.0,
        -3.1066552377517,
        0.0,
        4.9706483804027,
        0.0,
        0.0,
        1.2161049324743,
        0.0,
        -3.0402623311858,
        0.0,
        4.8644197298972,
        -1.9882593521611,
        0.0,
        4.9706483804027,
        0.0,
        -7.9530374086444,
        0.0,
        0.0,
        -1.9457678919589,
        0.0,
        4.8644197298972,
        0.0,
        -7.7830715678356,
    ],
    "vjp": [
        -0.9253462253117,
        0.9338280432226,
        5.8125,
        3.5837279244149,
        -7.5280490020202,
        11.5622040566888,
        17.4734335908253,
        -0.1279651856911,
        -0.0898339770633,
        0.3199129642277,
        0.1437343633013,
        -0.5118607427643,
    ],
    "jvp": [
        -0.9253462253117,
        0.9338280432226,
        5.8125,
        0.1796679541266,
        -0.2719260195935,
        13.15625,
    ],
    "hvp": [
        2.9902346201412,
        -11.710834759235,
        -1.2251798595278,
        8.7216618769881,
        -1.1344669605706,
        1.8360845728043,
        3.0525576704867,
        -5.0527990568148,
        -4.7542581113425,
        7.8069259160213,
    ],
}
X = [0.5, -1.25, 2.0]
W = [[1.0, -2.0], [0.5, 0.25], [-0.75, 1.5]]
V = [1.0, -0.5, 2.0]
VW = [[0.5, 1.0], [-1.0, 2.0], [0.25, -0.5]]
U = [0.5, -2.0]


@pytest.fixture(autouse=True)
def _needs_float64(request: pytest.FixtureRequest) -> None:
    device = getattr(request.node, "callspec", None) and request.node.callspec.params.get("device")
    if device and not get_device(device).supports(dtypes.float64):
        pytest.skip(f"{device} has no float64")


def make(values: Any, device: str = "numpy", grad: bool = False) -> Tensor:
    return tg.tensor(np.float64(values), device=device, requires_grad=grad)


def several(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return (x @ w).tanh(), (x * x).sum() * w[0, 0]


def scalar(x: Tensor, w: Tensor) -> Tensor:
    return ((x @ w).sin() ** 2).sum() + (-x * x).exp().sum()


def numbers(tree: Any) -> list[float]:
    """The numbers of nested tuples of tensors, in order."""
    if isinstance(tree, Tensor):
        assert not tree.requires_grad
        return [float(v) for v in np.ravel(tree.numpy())]
    return [v for branch in tree for v in numbers(branch)]


# --- against PyTorch


def cases(device: str) -> dict[str, Callable[[], Any]]:
    x, w, v, vw, u = (make(a, device) for a in (X, W, V, VW, U))
    three = make(3.0, device)
    return {
        "jacobian": lambda: F.jacobian(several, (x, w)),
        "jacobian forward": lambda: F.jacobian(several, (x, w), strategy="forward-mode"),
        "jacobian vectorized": lambda: F.jacobian(several, (x, w), vectorize=True),
        "hessian": lambda: F.hessian(scalar, (x, w)),
        "hessian forward": lambda: F.hessian(
            scalar, (x, w), vectorize=True, outer_jacobian_strategy="forward-mode"
        ),
        "vjp": lambda: F.vjp(several, (x, w), (u, three)),
        "jvp": lambda: F.jvp(several, (x, w), (v, vw)),
        "hvp": lambda: F.hvp(scalar, (x, w), (v, vw)),
        "hvp vhp": lambda: F.vhp(scalar, (x, w), (v, vw)),
        "jacobian func": lambda: func.jacrev(several, argnums=(0, 1))(x, w),
        "vjp func": lambda: (
            (made := func.vjp(several, x, w))[0],
            made[1]((u, three)),
        ),
        "jvp func": lambda: func.jvp(several, (x, w), (v, vw)),
        "hessian func": lambda: func.jacrev(func.grad(scalar, argnums=(0, 1)), argnums=(0, 1))(
            x, w
        ),
    }


@pytest.mark.parametrize("name", cases("numpy"))
def test_against_torch(device: str, name: str) -> None:
    found = numbers(cases(device)[name]())
    np.testing.assert_allclose(found, TORCH[name.split()[0]], rtol=1e-10, atol=1e-12)


# --- forms and formulas


def test_shapes_of_jacobians(device: str) -> None:
    x = make(np.ones((2, 3)), device)
    assert F.jacobian(lambda x: x.sum(), x).shape == (2, 3)
    assert F.jacobian(lambda x: x.sum(0), x).shape == (3, 2, 3)
    assert F.hessian(lambda x: (x**2).sum(), x).shape == (2, 3, 2, 3)
    assert F.hessian(lambda x: (x**2).sum().reshape(1), x[0]).shape == (3, 3)
    empty = make(np.zeros((0, 2)), device)
    assert F.jacobian(lambda x: x.sum(), empty).shape == (0, 2)
    assert F.jacobian(lambda x: x * 2, empty).shape == (0, 2, 0, 2)
    assert F.jacobian(lambda x: x * 2, empty, create_graph=True).shape == (0, 2, 0, 2)
    assert F.jacobian(lambda x: x * 2, make(2.0, device)).item() == 2
    one = F.jacobian(lambda x: (x, x * x), (x,))
    assert [[type(v), v.shape] for row in one for v in row] == [[Tensor, (2, 3, 2, 3)]] * 2


def test_jacobians_of_elementwise_functions_are_diagonal(device: str) -> None:
    x = make(np.linspace(-2, 2, 70), device)
    for strategy in ("reverse-mode", "forward-mode"):
        found = F.jacobian(tg.sin, x, strategy=strategy)
        assert_close(found, np.diag(np.cos(np.linspace(-2, 2, 70))))


def test_rows_share_a_plan(opencl_device: str) -> None:
    device = get_device(opencl_device)
    x = make(np.linspace(-1, 1, 20), opencl_device)
    F.jacobian(lambda x: (x * x).exp(), x[:3])
    before = len(device.plans), device.kernels_compiled
    F.jacobian(lambda x: (x * x).exp(), x)
    assert len(device.plans) - before[0] <= 4
    assert device.kernels_compiled == before[1]


def test_a_quadratic_form(device: str) -> None:
    matrix = np.random.randn(4, 4)
    a, x, v = make(matrix, device), make(np.random.randn(4), device), make(np.arange(4.0), device)

    def energy(x: Tensor) -> Tensor:
        return x @ a @ x

    assert_close(F.hessian(energy, x), matrix + matrix.T)
    assert_close(F.hvp(energy, x, v)[1], (matrix + matrix.T) @ np.arange(4.0))
    assert_close(func.grad(energy)(x), (matrix + matrix.T) @ x.numpy())
    value, gradient = func.value_and_grad(energy)(x)
    assert value.item() == pytest.approx(energy(x).item())
    assert_close(gradient, func.grad(energy)(x))


def test_a_vector_may_be_left_out_for_one_element(device: str) -> None:
    x = make(2.0, device)
    assert [t.item() for t in F.vjp(lambda x: x**3, x)] == [8, 12]
    assert [t.item() for t in F.jvp(lambda x: x**3, x)] == [8, 12]
    assert [t.item() for t in F.hvp(lambda x: x**3, x)] == [8, 12]
    assert [t.item() for t in F.vhp(lambda x: x**4, x)] == [16, 48]


def test_float32_stays_float32(device: str) -> None:
    x = tg.tensor(np.float32(X), device=device)
    assert F.jacobian(tg.exp, x).dtype is dtypes.float32
    assert F.hessian(lambda x: x.prod(), x).dtype is dtypes.float32


# --- dependence


def test_independence_is_zero_or_an_error(device: str) -> None:
    x = make([1.0, 2.0], device)
    apart, made = make([5.0, 6.0], device), make(1.0, device, grad=True)
    assert F.jacobian(lambda x: apart, x).tolist() == [[0, 0], [0, 0]]
    assert F.vjp(lambda x: apart, x, x)[1].tolist() == [0, 0]
    assert F.jvp(lambda x: apart, x, x)[1].tolist() == [0, 0]
    assert F.hvp(lambda x: x.sum(), x, x)[1].tolist() == [0, 0]
    assert F.vhp(lambda x: x.sum(), x, x)[1].tolist() == [0, 0]
    assert F.hessian(lambda x: x.sum(), x).tolist() == [[0, 0], [0, 0]]
    assert F.jacobian(lambda x, y: x * 2, (x, x))[1].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(GradientError, match="jacobian: output 0 does not depend on the inputs"):
        F.jacobian(lambda x: apart, x, strict=True)
    with pytest.raises(GradientError, match="jacobian: result 1 does not depend on the inputs"):
        F.jacobian(lambda x, y: x * 2, (x, x), strict=True)
    with pytest.raises(GradientError, match="hvp: result 0"):
        F.hvp(lambda x: x.sum(), x, x, strict=True)
    with pytest.raises(GradientError, match="vhp: result 0"):
        F.vhp(lambda x: x.sum(), x, x, strict=True)
    with pytest.raises(GradientError, match="jvp: result 0"):
        F.jvp(lambda x: apart * made, x, x, strict=True)


def test_other_uses_of_the_inputs_do_not_count(device: str) -> None:
    x = make(3.0, device, grad=True)
    assert F.jacobian(lambda y: y * x, x).item() == 3
    assert func.grad(lambda y: y * x)(x).item() == 3
    assert x.grad is None


# --- differentiable results


def test_create_graph(device: str) -> None:
    x = make([1.0, 2.0], device, grad=True)
    found = F.jacobian(lambda x: x**3, x, create_graph=True)
    assert found.requires_grad
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6, 12]
    for product in (F.hvp, F.vhp):
        x.grad = None
        value, result = product(lambda x: (x**4).sum(), x, x.detach(), create_graph=True)
        (result.sum() + value).backward()
        assert x.grad.tolist() == [24 + 4, 24 * 4 + 32]
    for product in (F.vjp, F.jvp):
        x.grad = None
        value, result = product(lambda x: x**3, x, x.detach() * 0 + 1, create_graph=True)
        (result.sum() + value.sum()).backward()
        assert x.grad.tolist() == [6 + 3, 12 + 12]
    assert not F.hessian(lambda x: (x**3).sum(), x).requires_grad
    hessian = F.hessian(lambda x: (x**3).sum(), x, create_graph=True)
    assert autograd.grad(hessian.sum(), x)[0].tolist() == [6, 6]


def test_gradients_reach_the_vector(device: str) -> None:
    x, v = make([1.0, 2.0], device), make([1.0, 1.0], device, grad=True)
    F.vjp(lambda x: x * x, x, v, create_graph=True)[1].sum().backward()
    assert v.grad is not None
    assert v.grad.tolist() == [2, 4]
    assert not F.vjp(lambda x: x * x, x, v)[1].requires_grad


def test_parameters_that_a_function_uses_keep_their_gradients(device: str) -> None:
    layer = nn.Linear(2, 1).to(device=device, dtype=dtypes.float64)
    x = make([1.0, 2.0], device)
    slope = func.grad(lambda x: layer(x).sum())(x)
    assert slope.requires_grad
    (slope * slope).sum().backward()
    assert layer.weight.grad is not None
    assert_close(layer.weight.grad, 2 * layer.weight.detach())
    with tg.no_grad():
        assert not func.grad(lambda x: layer(x).sum())(x).requires_grad


# --- func


def test_transforms_nest(device: str) -> None:
    x = make(2.0, device)
    third = func.grad(func.grad(func.grad(lambda x: x**5)))
    assert third(x).item() == 60 * 4
    assert not third(x).requires_grad
    assert func.jacrev(func.jacrev(lambda x: x**3))(x).item() == 12
    assert func.jvp(func.grad(lambda x: x**3), (x,), (make(2.0, device),))[1].item() == 24
    inner = func.grad(lambda y: func.grad(lambda x: x * x * y * y)(x) * 1)
    assert inner(make(3.0, device)).item() == 2 * 2 * 2 * 3
    w = make(1.5, device, grad=True)
    mixed = func.grad(lambda w: func.jacrev(lambda x: w * w * x)(x))(w)
    assert mixed.item() == 3
    func.jacrev(lambda x: w * w * x)(x).backward()
    assert w.grad is not None
    assert w.grad.item() == 3


class Point(NamedTuple):
    a: Any
    b: Any


def test_arguments_and_results_of_any_form(device: str) -> None:
    x = make([1.0, 2.0], device)
    point = Point(x, {"c": [x * 2]})

    def norm(scale: float, p: Point, power: int = 2) -> Tensor:
        return scale * (p.a**power).sum() + p.b["c"][0].sum()

    found = func.grad(norm, argnums=1)(3.0, point, power=2)
    assert isinstance(found, Point)
    assert found.a.tolist() == [6, 12]
    assert found.b["c"][0].tolist() == [1, 1]
    assert func.grad(norm, argnums=(-1,))(3.0, point)[0].a.tolist() == [6, 12]
    rows = func.jacrev(lambda d: {"y": d["x"] * 2, "z": (d["x"],)})({"x": x})
    assert rows["y"]["x"].tolist() == [[2, 0], [0, 2]]
    assert rows["z"][0]["x"].tolist() == [[1, 0], [0, 1]]


def test_aux_is_passed_on_without_its_past(device: str) -> None:
    x = make([1.0, 2.0], device)

    def loss(x: Tensor) -> tuple[Tensor, dict[str, Any]]:
        doubled = x * 2
        return doubled.sum(), {"doubled": doubled, "note": "hello"}

    gradient, aux = func.grad(loss, has_aux=True)(x)
    assert gradient.tolist() == [2, 2]
    assert aux["note"] == "hello"
    assert aux["doubled"].tolist() == [2, 4]
    assert not aux["doubled"].requires_grad
    (value, aux), gradient = func.value_and_grad(loss, has_aux=True)(x)
    assert (value.item(), aux["note"], gradient.tolist()) == (6, "hello", [2, 2])
    assert func.vjp(loss, x, has_aux=True)[2]["note"] == "hello"
    assert func.jvp(loss, (x,), (x,), has_aux=True)[2]["note"] == "hello"
    assert func.jacrev(loss, has_aux=True)(x)[1]["note"] == "hello"


def test_a_pull_may_be_called_again(device: str) -> None:
    x = make([1.0, 2.0], device)
    value, pull = func.vjp(lambda x, y: x * y, x, x)
    assert value.tolist() == [1, 4]
    assert [g.tolist() for g in pull(x)] == [[1, 4], [1, 4]]
    assert [g.tolist() for g in pull(x * 2)] == [[2, 8], [2, 8]]


def test_users_functions_are_differentiated_twice(device: str) -> None:
    class Cube(autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    x = make([1.0, 2.0], device)
    assert F.jvp(Cube.apply, x, x)[1].tolist() == [3, 24]
    assert F.hessian(lambda x: Cube.apply(x).sum(), x).tolist() == [[6, 0], [0, 12]]


# --- errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.vjp(lambda x: x * 2, x), GradientError, "vjp: needs v, as the outputs have"),
        (lambda x: F.jvp(lambda x: x * 2, x), GradientError, "jvp: needs v, as the inputs have"),
        (lambda x: F.hvp(lambda x: x * 2, x, x), GradientError, "hvp: the function must return"),
        (lambda x: F.hessian(lambda x: (x, x), x), GradientError, "return one tensor of one"),
        (lambda x: F.jvp(lambda x: x, x, x[:1]), ShapeError, r"\[\(2,\)\], got \[\(1,\)\]"),
        (lambda x: F.vjp(lambda x: x, x, (x, x)), ShapeError, "shapes of the outputs"),
        (lambda x: F.jacobian(lambda x: x, x, strategy="sideways"), ArgumentError, "sideways"),
        (lambda x: F.jacobian(lambda x: x, 3), GradientError, "must be Tensors, got int"),
        (lambda x: F.jacobian(lambda x: 3, x), GradientError, "outputs of the function must be"),
        (lambda x: F.jacobian(lambda x: x, tg.arange(2)), DTypeError, "floating point, got int64"),
        (lambda x: func.grad(lambda x: x)(x), GradientError, "use vjp or jacrev"),
        (lambda x: func.grad(lambda x: x, argnums=1)(x), ArgumentError, "argnums 1 of a call"),
        (lambda x: func.grad(lambda x: x.sum())(3), GradientError, "must be Tensors, got int"),
        (lambda x: func.grad(lambda x: x.sum(), has_aux=True)(x), GradientError, "has_aux"),
        (lambda x: func.jvp(lambda x: x, (x,), (x, x)), ShapeError, "shapes of the primals"),
    ],
)
def test_errors(call: Callable[[Tensor], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(make([1.0, 2.0]))
