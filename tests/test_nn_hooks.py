"""Hooks of modules around states and the backward pass, extra state, and moves without values."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import ModuleError, StateError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


# --------------------------------------------------------------------------------------- states


def test_state_hooks_run_around_each_module_with_its_prefix() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    seen: list[Any] = []
    net[1].register_state_dict_pre_hook(lambda module, *rest: seen.append((module, *rest)))
    net[1].register_state_dict_post_hook(
        lambda module, state, prefix, about: seen.append((list(state), prefix, about))
    )
    state = net.state_dict(prefix="net.", keep_vars=True)
    assert state["net.0.weight"] is net[0].weight
    names = ["net.0.weight", "net.0.bias", "net.1.weight", "net.1.bias"]
    assert seen == [(net[1], "net.1.", True), (names, "net.1.", {"version": 1})]


def test_what_a_hook_takes_out_is_not_saved_and_removing_it_brings_it_back() -> None:
    net = nn.Sequential(nn.Linear(2, 3))
    with net.register_state_dict_post_hook(lambda module, state, *rest: state.pop("0.bias")):
        assert list(net.state_dict()) == ["0.weight"]
    assert list(net.state_dict()) == ["0.weight", "0.bias"]


def test_the_destination_is_filled_and_returned() -> None:
    given: OrderedDict[str, Any] = OrderedDict(first=1)
    assert nn.Linear(2, 3).state_dict(destination=given) is given
    assert list(given) == ["first", "weight", "bias"]


def _renamed(module: Any, state: Any, prefix: str, *rest: Any) -> None:
    state[prefix + "weight"] = state.pop(prefix + "W")


def test_a_hook_before_loading_renames_and_leaves_the_given_state_alone() -> None:
    net = nn.Sequential(nn.Linear(2, 3, bias=False))
    net[0].register_load_state_dict_pre_hook(_renamed)
    given = {"0.W": np.ones((3, 2), np.float32)}
    net.load_state_dict(given)
    assert net[0].weight.tolist() == [[1, 1]] * 3
    assert list(given) == ["0.W"]


def test_a_hook_before_loading_reports_its_own_finds() -> None:
    layer = nn.Linear(2, 3)

    def told(module: Any, state: Any, prefix: str, about: Any, strict: bool, *lists: Any) -> None:
        assert strict
        assert about == {"version": 1}
        for found, word in zip(lists, ("lacking", "extra", "from version 0"), strict=True):
            found.append(word)

    layer.register_load_state_dict_pre_hook(told)
    before = layer.weight.tolist()
    other = nn.Linear(2, 3).state_dict()
    with pytest.raises(StateError) as caught:
        layer.load_state_dict(other)
    for line in ("missing: lacking", "unexpected: extra", "also: from version 0"):
        assert line in str(caught.value)
    assert layer.weight.tolist() == before


def test_a_hook_after_loading_forgives_keys() -> None:
    net = nn.Sequential(nn.Linear(2, 3))

    def forgive(module: nn.Module, keys: Any) -> None:
        assert net[0].weight.tolist() == [[2, 2]] * 3  # the values are there by now
        keys.missing_keys.remove("0.bias")
        keys.unexpected_keys.clear()

    state = {"0.weight": np.full((3, 2), 2, np.float32), "more": np.zeros(1)}
    with net[0].register_load_state_dict_post_hook(forgive):
        assert net.load_state_dict(state).missing_keys == []
    with pytest.raises(StateError, match=r"missing: 0\.bias\n  unexpected: more"):
        net.load_state_dict(state)


def test_what_a_hook_does_not_forgive_gives_the_old_values_back() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.LazyLinear(2))
    net.register_load_state_dict_post_hook(lambda module, keys: None)
    weight = net[0].weight
    before = weight.tolist()
    state = {"0.weight": np.ones((3, 2)), "0.bias": np.ones(3), "1.weight": np.ones((2, 3))}
    with pytest.raises(StateError, match=r"missing: 1\.bias"):
        net.load_state_dict(state)
    assert net[0].weight is weight
    assert weight.tolist() == before
    assert nn.parameter.is_lazy(net[1].weight)
    net(tg.ones(1, 2)).sum().backward()
    assert weight.grad is not None


class Vocabulary(nn.Module):
    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self.words = words
        self.embedding = nn.Embedding(len(words), 2)

    def get_extra_state(self) -> dict[str, Any]:
        return {"words": self.words}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.words = state["words"]


def test_extra_state_goes_with_the_state() -> None:
    source, target = nn.Sequential(Vocabulary(["a", "b"])), nn.Sequential(Vocabulary(["?", "?"]))
    state = source.state_dict()
    assert list(state) == ["0.embedding.weight", "0._extra_state"] or list(state) == [
        "0._extra_state",
        "0.embedding.weight",
    ]
    assert str(target.load_state_dict(state)) == "<All keys matched successfully>"
    assert target[0].words == ["a", "b"]


def test_extra_state_is_missed_and_unexpected_like_the_rest() -> None:
    plain, rich = nn.Sequential(nn.Embedding(2, 2)), Vocabulary(["a", "b"])
    with pytest.raises(StateError, match="missing: _extra_state"):
        rich.load_state_dict({"embedding.weight": plain[0].weight})
    keys = rich.load_state_dict({"embedding.weight": plain[0].weight}, strict=False)
    assert keys.missing_keys == ["_extra_state"]
    with pytest.raises(StateError, match=r"unexpected: 0\._extra_state"):
        plain.load_state_dict({"0.weight": plain[0].weight, "0._extra_state": 1})


def test_without_extra_state_the_methods_say_so() -> None:
    for call in (nn.ReLU().get_extra_state, lambda: nn.ReLU().set_extra_state(1)):
        with pytest.raises(ModuleError, match=r"ReLU has no [gs]et_extra_state; define one"):
            call()


def test_extra_state_survives_a_checkpoint(tmp_path: Any) -> None:
    source, target = Vocabulary(["a", "b"]), Vocabulary(["?", "?"])
    tg.io.save_checkpoint(tmp_path / "x.safetensors", model=source)
    tg.io.load_checkpoint(tmp_path / "x.safetensors", model=target)
    assert target.words == ["a", "b"]
    assert target.embedding.weight.tolist() == source.embedding.weight.tolist()


def test_a_state_that_is_no_dict_is_refused() -> None:
    with pytest.raises(StateError, match="needs a dict of values by name, got list"):
        nn.ReLU().load_state_dict([])  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------- calls


def test_a_backward_pre_hook_replaces_what_comes_in() -> None:
    layer, x = nn.Linear(2, 2), tg.ones(1, 2, requires_grad=True)
    seen = []
    layer.register_full_backward_hook(lambda module, g_in, g_out: seen.append(g_out[0].tolist()))
    layer.register_full_backward_pre_hook(lambda module, g_out: (g_out[0] * 2,))
    layer.register_full_backward_pre_hook(lambda module, g_out: g_out[0] + 1)
    layer.register_full_backward_pre_hook(lambda module, g_out: None, prepend=True)
    layer(x).sum().backward()
    assert seen == [[[3.0, 3.0]]]
    assert layer.bias.grad.tolist() == [3.0, 3.0]


def test_a_hook_that_is_always_called_hears_of_errors(caplog: pytest.LogCaptureFixture) -> None:
    layer, seen = nn.Linear(2, 2), []

    def look(module: Any, args: Any, output: Any) -> None:
        seen.append(output)

    def fail(module: Any, args: Any, output: Any) -> None:
        raise KeyError("mine")

    layer.register_forward_hook(look, always_call=True)
    layer.register_forward_hook(lambda *args: seen.append("never"))
    failing = layer.register_forward_hook(fail, always_call=True)
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError, match="linear"):
        layer(tg.ones(1, 5))
    assert seen == [None]
    assert "a forward hook of Linear raised KeyError('mine')" in caplog.text
    failing.remove()
    layer(tg.ones(1, 2))
    assert seen[1].shape == (1, 2)
    assert seen[2] == "never"


def test_a_captured_step_notices_hooks_that_come_and_go() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = tg.optim.SGD(net.parameters(), lr=0.0)

    @tg.jit
    def step(x: tg.Tensor) -> tg.Tensor:
        optimizer.zero_grad()
        loss = net(x).sum()
        loss.backward()
        optimizer.step()
        return loss

    x = tg.ones(2, 3)
    plain = [step(x).item() for _ in range(4)][-1]
    handle = net[2].register_forward_hook(lambda module, args, output: output + 1)
    assert [step(x).item() for _ in range(4)] == pytest.approx([plain + 4] * 4, abs=1e-5)
    with net[2].register_forward_hook(lambda module, args, output: output * 0):
        assert [step(x).item() for _ in range(4)] == [0.0] * 4
    assert [step(x).item() for _ in range(4)] == pytest.approx([plain + 4] * 4, abs=1e-5)
    handle.remove()
    assert step(x).item() == plain


# --------------------------------------------------------------------------------------- moves


def test_to_empty_keeps_shapes_dtypes_and_the_parameters() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).double()
    weight = net[0].weight
    assert net.to_empty(device="numpy") is net
    assert net[0].weight is weight
    assert weight.requires_grad
    assert [(p.shape, str(p.device), p.dtype) for p in net[0].parameters()] == [
        ((3, 2), "numpy", tg.float64),
        ((3,), "numpy", tg.float64),
    ]
    assert net[1].num_batches_tracked.dtype == tg.int64
    outer = nn.Sequential(nn.Linear(2, 2))
    outer.register_buffer("own", tg.zeros(1))
    before = outer[0].weight.node
    outer.to_empty(device=None, recurse=False)
    assert outer[0].weight.node is before


def test_type_casts_whole_numbers_too() -> None:
    net = nn.BatchNorm1d(3).type(tg.float64)
    assert {tensor.dtype for tensor in net.state_dict().values()} == {tg.float64}
    assert nn.Linear(2, 2).type("float16").weight.dtype == tg.float16


def test_to_takes_pytorchs_non_blocking() -> None:
    assert (
        nn.Linear(2, 2).to("numpy", non_blocking=True).weight.device
        == tg.zeros(1, device="numpy").device
    )


class Frozen(nn.BatchNorm1d):
    def train(self, mode: bool = True) -> Any:
        return super().train(False)


def test_a_child_may_refuse_to_train() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(Frozen(2)))
    net.train()
    assert net.training
    assert net[1].training
    assert not net[1][0].training


def test_set_submodule_adds_and_replaces() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    net.set_submodule("0.1", nn.ReLU())
    net.set_submodule("0.0", nn.Tanh(), strict=True)
    assert [type(layer).__name__ for layer in net[0]] == ["Tanh", "ReLU"]
    for path, strict in (("0.5", True), ("7.0", False), ("", False)):
        with pytest.raises(ModuleError, match="has no "):
            net.set_submodule(path, nn.ReLU(), strict)
    for path in ("0..0", ".0", "0."):
        with pytest.raises(ModuleError, match="has no child ''"):
            net.get_submodule(path)


def test_shared_ones_are_named_once_or_each_time() -> None:
    layer = nn.Linear(2, 2)
    layer.register_buffer("seen", tg.zeros(1))
    net = nn.Sequential(layer, nn.Sequential(layer))
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    every = [n for n, _ in net.named_parameters(remove_duplicate=False)]
    assert every == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]
    assert [n for n, _ in net.named_buffers(remove_duplicate=False)] == ["0.seen", "1.0.seen"]
    assert [n for n, _ in net.named_modules(remove_duplicate=False)] == ["", "0", "1", "1.0"]
    assert len(list(net.modules(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 3


# ---------------------------------------------------------------------------------- containers


def test_rows_of_layers_are_joined_and_repeated() -> None:
    first, second = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh(), nn.GELU())
    assert list(first + second) == [*first, *second]
    assert list(second * 2) == list(2 * second) == [*second, *second]
    assert [type(layer).__name__ for layer in reversed(list(second))] == ["GELU", "Tanh"]
    first += second
    assert len(first) == 3
    first *= 2
    assert len(first) == 6
    assert first[3] is first[0]
    for wrong in (lambda: first + nn.ReLU(), lambda: first * 0, lambda: first * 1.5):
        with pytest.raises(TypeError):
            wrong()


def test_a_parameter_dict_is_a_dict() -> None:
    table = nn.ParameterDict({"a": tg.zeros(2), "b": tg.ones(1)})
    assert table.get("a") is table["a"]
    assert table.get("z") is None
    assert table.get("z", 3) == 3
    assert table.setdefault("c", tg.zeros(3)).shape == (3,)
    assert table.setdefault("c", tg.zeros(5)).shape == (3,)
    assert list(reversed(table)) == ["c", "b", "a"]
    same = table.copy()
    assert same["a"] is table["a"]
    assert same is not table
    assert table.popitem()[0] == "c"
    assert list((table | {"d": tg.zeros(4)}).keys()) == ["a", "b", "d"]
    assert list(({"d": tg.zeros(4)} | table).keys()) == ["d", "a", "b"]
    table |= {"e": tg.zeros(4)}
    assert [name for name, _ in table.named_parameters()] == ["a", "b", "e"]
    assert list(table.fromkeys(["x", "y"], tg.ones(2)).state_dict()) == ["x", "y"]
    with pytest.raises(KeyError, match="empty"):
        nn.ParameterDict().popitem()
    values = nn.ParameterList([tg.zeros(1)])
    values += [tg.ones(2)]
    assert len(values) == 2


# ------------------------------------------------------------------------- a module as a function


def test_a_module_is_a_function_of_its_parameters() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    x = tg.tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    net(x).sum().backward()
    params = {name: p.detach() for name, p in net.named_parameters()}
    found = tg.func.grad(lambda p: tg.func.functional_call(net.eval(), p, (x,)).sum())(params)
    net.zero_grad()
    net(x).sum().backward()
    for name, p in net.named_parameters():
        np.testing.assert_allclose(found[name].numpy(), p.grad.numpy(), rtol=1e-5, atol=1e-6)
    double = {name: value * 2 for name, value in params.items()}
    before = net[2].weight
    once, twice = net[2].bias.tolist(), tg.func.functional_call(net, double, x * 0)
    assert twice.shape == (5, 1)
    assert net[2].weight is before
    assert net[2].bias.tolist() == once
    merged = tg.func.functional_call(net, (double, params), x)
    np.testing.assert_array_equal(merged.detach().numpy(), net(x).detach().numpy())


def test_given_buffers_are_changed_in_the_place_of_the_modules() -> None:
    net = nn.BatchNorm1d(2)
    mine = {"running_mean": tg.zeros(2), "running_var": tg.ones(2)}
    tg.func.functional_call(net, mine, tg.tensor([[1.0, 2.0], [3.0, 6.0]]))
    np.testing.assert_allclose(mine["running_mean"].numpy(), [0.2, 0.4], rtol=1e-6)
    assert net.running_mean.tolist() == [0, 0]


def test_tied_tensors_are_replaced_together_and_names_must_fit() -> None:
    layer = nn.Linear(2, 2, bias=False)
    net = nn.Sequential(layer, layer)
    eye, x = tg.eye(2), tg.ones(1, 2)
    call = tg.func.functional_call
    assert call(net, {"0.weight": eye * 3}, x).tolist() == [[9.0, 9.0]]
    with pytest.raises(StateError, match=r"unexpected: 2\.weight"):
        call(net, {"2.weight": eye}, x)
    two, most = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), ["0.weight", "0.bias", "1.weight"]
    given = {name: two.state_dict()[name] for name in most}
    with pytest.raises(StateError, match=r"missing: 1\.bias"):
        call(two, given, x, strict=True)
    with pytest.raises(ModuleError, match="must be a tensor"):
        call(net, {"0.weight": 3.0}, x)  # type: ignore[dict-item]
    weight = layer.weight
    with pytest.raises(ValueError, match="linear"):
        call(net, {"0.weight": eye}, tg.ones(1, 5))
    assert layer.weight is weight
