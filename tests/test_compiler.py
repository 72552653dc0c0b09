"""The compiler's decisions, without a device: what fuses and what does not, and why."""

from __future__ import annotations

import pytest
from structures import GPU, kernels, leaf, plan

from tinygrad_cl import dtypes
from tinygrad_cl.compiler.memory import ALIGNMENT, Interval, place
from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.compiler.render import merge_dims
from tinygrad_cl.compiler.templates import program_source
from tinygrad_cl.graph import Node, scalar
from tinygrad_cl.primitives import reduce
from tinygrad_cl.primitives.conv import conv2d
from tinygrad_cl.primitives.elementwise import add, alias, exp, relu, sub, tanh
from tinygrad_cl.primitives.matmul import matmul
from tinygrad_cl.primitives.movement import cat, expand, pad, permute, reshape, slice
from tinygrad_cl.shapes import Layout


def reasons(made: Plan) -> str:
    return " ".join(border.reason for border in made.borders)


def test_a_chain_is_one_kernel() -> None:
    x = leaf(1000)
    made = plan(relu(tanh(x * 2) + 1))
    assert len(kernels(made)) == 1
    assert kernels(made)[0].name.startswith("mul_tanh_add_relu__")
    assert made.arena == 0


def test_softmax_is_three_kernels_and_says_why() -> None:
    x = leaf(128, 10)
    e = exp(x - reduce.max(x, dim=(1,), keepdim=True))
    made = plan(e / reduce.sum(e, dim=(1,), keepdim=True))
    assert [k.label for k in kernels(made)] == ["max", "sub_exp_sum", "sub_exp_div"]
    assert "DOMAIN" in reasons(made)
    assert "border DOMAIN" in str(made)


def test_expressions_join_loads_and_results_of_reductions() -> None:
    x = leaf(64, 100)
    made = plan(tanh(reduce.sum(exp(x), dim=(1,), keepdim=False)))
    assert [k.label for k in kernels(made)] == ["exp_sum_tanh"]


def test_bias_and_activation_are_the_epilogue_of_conv_and_matmul() -> None:
    x, w, b = leaf(4, 3, 8, 8), leaf(5, 3, 3, 3), leaf(5)
    conv = conv2d(x, w, stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1)
    made = plan(relu(conv + reshape(b, shape=(1, 5, 1, 1))))
    assert kernels(made)[-1].label.endswith("add_relu")
    assert [g.kind for g in made.groups] == ["template"]
    made = plan(relu(matmul(leaf(8, 20), leaf(20, 30)) + leaf(30)))
    assert [g.kind for g in made.groups] == ["template"]


def test_matmul_reads_through_transposes_without_a_copy() -> None:
    x, w = leaf(8, 20), leaf(30, 20)
    made = plan(matmul(x, permute(w, dims=(1, 0))))
    assert [g.kind for g in made.groups] == ["template"]


def test_a_value_with_two_expensive_users_is_stored_once() -> None:
    x = leaf(100, 100)
    y = tanh(exp(x) + leaf(100, 100) * 2)
    made = plan(reduce.sum(y, dim=(0,), keepdim=False), reduce.sum(y, dim=(1,), keepdim=False))
    assert "FAN_OUT" in reasons(made)
    assert len(kernels(made)) == 3


def test_a_cheap_value_is_computed_again() -> None:
    x = leaf(100, 100)
    y = x * 2
    made = plan(reduce.sum(y, dim=(0,), keepdim=False), reduce.sum(y, dim=(1,), keepdim=False))
    assert [k.label for k in kernels(made)] == ["mul_sum", "mul_sum"]


def test_a_pad_of_an_expression_realizes_it() -> None:
    made = plan(pad(exp(leaf(3, 4)), before=(0, 1), after=(0, 1)))
    assert "PAD" in reasons(made)
    assert len(kernels(made)) == 2


def test_a_reshape_that_strides_cannot_say_is_a_border() -> None:
    made = plan(exp(reshape(permute(leaf(3, 4), dims=(1, 0)), shape=(12,))))
    assert "LAYOUT" in reasons(made)
    assert len(kernels(made)) == 2


def test_a_contiguous_view_is_no_work() -> None:
    made = plan(alias(reshape(leaf(3, 4), shape=(12,))))
    assert made.steps == ()
    assert made.storage[made.attached[0]].kind == "alias"


def test_the_greater_part_from_the_start_on_is_no_work() -> None:
    for length, kind in ((22, "alias"), (18, "fresh")):
        made = plan(alias(slice(leaf(24), starts=(0,), steps=(1,), shape=(length,))))
        assert made.storage[made.attached[0]].kind == kind
    after = plan(alias(slice(leaf(24), starts=(2,), steps=(1,), shape=(22,))))
    assert after.storage[after.attached[0]].kind == "fresh"


def test_inputs_of_cat_are_written_in_place() -> None:
    made = plan(cat(exp(leaf(2, 3)), leaf(4, 3), dim=0))
    assert [k.label for k in kernels(made)] == ["exp", "copy"]
    assert made.arena == 0


def sgd(shapes: list[tuple[int, ...]]) -> tuple[list[Node], list[Node]]:
    rate, momentum = scalar(0.1, dtypes.float32), scalar(0.9, dtypes.float32)
    outputs, donors = [], []
    for shape in shapes:
        p, g, m = leaf(*shape), leaf(*shape), leaf(*shape)
        velocity = add(m * momentum, g)
        outputs += [velocity, alias(sub(p, velocity * rate))]
        donors += [p, m]
    return outputs, donors


def test_all_parameters_are_updated_by_one_launch_in_place() -> None:
    outputs, donors = sgd([(100,), (20, 30), (7,), (3, 3, 3)])
    made = plan(*outputs, donors=donors)
    (kernel,) = kernels(made)
    assert kernel.segments == 4
    kinds = [made.storage[made.home(at)].kind for at in made.attached]
    assert kinds == ["donated"] * 8


def test_without_donors_updates_get_new_buffers() -> None:
    outputs, _ = sgd([(100,), (7,)])
    made = plan(*outputs)
    assert {made.storage[made.home(at)].kind for at in made.attached} == {"fresh"}


def test_a_donor_that_is_read_later_is_not_overwritten() -> None:
    p = leaf(16, 16)
    new = p * 2
    product = matmul(exp(new), p)  # must run after `new`, and reads the old value
    made = plan(new, product, donors=[p])
    assert made.storage[1 if made.structure[1].flag else 2].kind != "donated"
    assert all(made.storage[at].kind != "donated" for at in made.attached)


def test_an_update_chain_is_not_joined_with_what_it_depends_on() -> None:
    rate = scalar(0.1, dtypes.float32)
    a = leaf(64) * rate
    total = reduce.sum(a, dim=(0,), keepdim=True)
    b = expand(total, shape=(64,)) * rate
    made = plan(a, b)
    assert len(kernels(made)) == 3


def test_kept_values_are_attached_only_where_they_are_stored() -> None:
    x, w = leaf(8, 20), leaf(20, 30)
    hidden = matmul(x, w)
    active = relu(hidden)
    loss = reduce.sum(matmul(active, leaf(30, 5)), dim=(0, 1), keepdim=False)
    made = plan(loss, kept=[hidden, active])
    attached = [made.structure[at].signature.primitive.name for at in made.attached]
    assert attached == ["relu", "sum"]


def test_equal_kernels_share_their_text_across_shapes() -> None:
    one = kernels(plan(relu(leaf(100) + leaf(100))))[0]
    other = kernels(plan(relu(leaf(7, 300) + leaf(7, 300))))[0]
    assert one.name == other.name
    assert one.arguments != other.arguments


def test_numbers_are_no_part_of_the_text() -> None:
    one, other = kernels(plan(leaf(10) * 2.0))[0], kernels(plan(leaf(10) * 3.0))[0]
    assert one == other


def test_arena_values_that_live_together_do_not_overlap() -> None:
    intervals = {i: Interval(100 * (i + 1), i % 4, i % 4 + i % 3) for i in range(40)}
    offsets, end = place(intervals)
    for a, x in intervals.items():
        assert offsets[a] % ALIGNMENT == 0
        assert offsets[a] + x.size <= end
        for b, y in intervals.items():
            apart = x.last < y.first or y.last < x.first
            disjoint = offsets[a] + x.size <= offsets[b] or offsets[b] + y.size <= offsets[a]
            assert a == b or apart or disjoint
    assert end < sum(i.size for i in intervals.values())


def test_dims_merge_only_where_every_layout_allows() -> None:
    whole = Layout.contiguous((4, 2, 3))
    row = Layout((4, 2, 3), (0, 3, 1))
    assert merge_dims((4, 2, 3), [whole, whole]).sizes == (24,)
    assert merge_dims((4, 2, 3), [whole, row]).sizes == (4, 6)
    assert merge_dims((4, 2, 3), [whole], marks=[True, False, False]).sizes == (4, 6)
    assert merge_dims((), [Layout.contiguous(())]).sizes == (1,)


@pytest.mark.parametrize("traits", [GPU], ids=["gpu"])
def test_gpu_kernels_take_one_element_per_item(traits: object) -> None:
    (kernel,) = kernels(plan(relu(leaf(1000)), traits=GPU))
    assert kernel.vec == 1
    assert kernel.grid.local == (128,)


def test_operands_across_the_order_of_the_result_are_turned_in_tiles() -> None:
    x, y = leaf(300, 500), leaf(500, 300)
    (kernel,) = kernels(plan(relu(permute(x, dims=(1, 0)) + y)))
    assert kernel.file == "elementwise_tile"
    assert kernel.text.count("TURN_TILE(") == 1
    images = permute(leaf(8, 16, 10, 10), dims=(0, 2, 3, 1))
    (kernel,) = kernels(plan(exp(images)))
    assert kernel.file == "elementwise_tile"
    rows = permute(leaf(8, 16, 10, 10), dims=(0, 2, 1, 3))  # neighbors stay neighbors
    (kernel,) = kernels(plan(exp(rows)))
    assert kernel.file == "elementwise"
    (kernel,) = kernels(plan(exp(permute(leaf(500, 3), dims=(1, 0)))))
    assert kernel.file == "elementwise", "tiles of three rows are no better than strided loads"


def test_only_results_too_large_for_a_cache_go_past_it_and_never_in_place() -> None:
    (small,) = kernels(plan(exp(leaf(1024, 1024))))
    (large,) = kernels(plan(exp(leaf(4096, 1024))))
    assert "STREAMP_float" in large.text
    assert "STREAMP_float" not in small.text
    x = leaf(4096, 1024)
    (in_place,) = kernels(plan(exp(x), donors=[x]))
    assert "STREAMP_float" not in in_place.text
    (elsewhere,) = kernels(plan(exp(leaf(4096, 1024)), traits=GPU))
    assert "STREAMP_float" not in elsewhere.text


def test_a_program_holds_each_kernel_once() -> None:
    made = kernels(plan(relu(leaf(100)), relu(leaf(50, 4).__mul__(1)), leaf(9) * 2))
    source = program_source([*made, *made])
    for kernel in made:
        assert source.count(f"#define KERNEL {kernel.name}\n") == 1


def test_a_small_value_is_not_computed_again_all_over_a_large_domain() -> None:
    x = leaf(4096, 100)
    scale = exp(leaf(4096, 1))
    made = plan(tanh(x * scale))
    assert "SPREAD" in reasons(made)
    assert [k.label for k in kernels(made)] == ["exp", "mul_tanh"]
    small = plan(tanh(leaf(16, 100) * exp(leaf(16, 1))))
    assert len(kernels(small)) == 1, "a launch more would cost more than it saves"
    numbers = plan(x * exp(scalar(2.0, dtypes.float32)))
    assert len(kernels(numbers)) == 1
