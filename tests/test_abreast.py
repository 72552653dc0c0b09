"""Launches that do not need each other, as one."""

from __future__ import annotations

from structures import GPU, kernels, leaf, plan

import tinygrad_cl as tg
from tinygrad_cl import engine
from tinygrad_cl.compiler.execute import HOT
from tinygrad_cl.compiler.gluing import Place, phase_of
from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives.elementwise import add
from tinygrad_cl.primitives.matmul import matmul
from tinygrad_cl.primitives.movement import permute
from tinygrad_cl.runtime.device import get_device


def gradients(n: int = 128) -> tuple[Node, Node]:
    """Those of a layer's weight and input."""
    g, x, w = leaf(n, 200), leaf(n, 100), leaf(200, 100)
    return matmul(permute(g, dims=(1, 0)), x), matmul(g, w)


def parts(made: Plan) -> list[list[str]]:
    return [[phase.kernel.label for phase in kernel.glued] for kernel in kernels(made)]


def test_gradients_of_a_weight_and_an_input_are_one_launch() -> None:
    apart, made = plan(*gradients()), plan(*gradients(), glued=True)
    assert parts(made) == [["matmul", "matmul"]]
    (kernel,) = kernels(made)
    assert kernel.file == "abreast"
    assert kernel.grid.size[0] == sum(kernel.grid.size[0] for kernel in kernels(apart))


def test_what_needs_the_result_comes_afterwards() -> None:
    x, w, v = leaf(128, 200), leaf(200, 100), leaf(100, 50)
    assert parts(plan(matmul(matmul(x, w), v), glued=True)) == [[], []]


def test_large_launches_and_those_of_a_gpu_stay_alone() -> None:
    assert parts(plan(*gradients(1 << 13), glued=True)) == [[], []]
    assert parts(plan(*gradients(), traits=GPU, glued=True)) == [[], []]


def test_a_leaf_is_overwritten_after_all_others_have_read_it() -> None:
    """As a part of their launch, its new value would need a buffer of its own."""
    p, g, x = leaf(200, 100), leaf(200, 100), leaf(128, 200)
    made = plan(matmul(x, p), add(p, g), donors=[p], glued=True)
    assert [kernel.label for kernel in kernels(made)] == ["matmul", "add"]
    renewed = next(at for at, v in enumerate(made.structure) if v.signature.primitive.name == "add")
    assert made.storage[renewed].kind == "donated"


def test_partial_sums_are_added_up_beside_other_launches() -> None:
    """The second launch of a long sum needs nothing of the product that comes next."""
    a, b, x, w = leaf(8, 8192), leaf(8192, 16), leaf(128, 200), leaf(200, 100)
    apart, made = plan(matmul(a, b)), plan(matmul(a, b), matmul(x, w), glued=True)
    assert [kernel.label for kernel in kernels(apart)] == ["matmul", "matmul_sum"]
    assert parts(made)[0] == []
    assert sorted(parts(made)[1]) == ["matmul", "matmul_sum"]


def test_scratch_buffers_of_all_parts_are_different_ones() -> None:
    (first, second) = kernels(plan(matmul(leaf(8, 8192), leaf(8192, 16))))
    for kernel in (first, second):
        places = {a for a in phase_of(kernel, 3).arguments if isinstance(a, Place)}
        assert Place(("scratch", 3)) in places
        assert Place(("scratch", 0)) not in places


def test_it_changes_no_bit(opencl_device: str) -> None:
    """A plan is put together once it has run some times."""
    tg.manual_seed(0)
    g, x, w = (tg.randn(*shape, device=opencl_device) for shape in ((60, 70), (60, 50), (70, 50)))
    long = tg.randn(8, 4096, device=opencl_device)
    engine.realize([t.node for t in (g, x, w, long)])
    seen, launches = set(), []
    for _ in range(HOT + 1):
        made = [g.T @ x, g @ w, long @ long.T, (x * 2).exp().sum(1)]
        engine.realize([t.node for t in made])
        seen.add(b"".join(t.numpy().tobytes() for t in made))
        launches.append(len(list(get_device(opencl_device).plans.values())[-1].plan.steps))
    assert len(seen) == 1
    assert launches[0] > launches[-1]
