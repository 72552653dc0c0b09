"""Recurrent layers against recurrences written out in NumPy, on every device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from structures import names

import tinygrad_cl as tg
from tinygrad_cl import Tensor, nn
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.nn.utils import rnn
from tinygrad_cl.testing import gradcheck

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device

Array = np.ndarray


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def rnn_step(w: dict[str, Array], x: Array, h: Array) -> tuple[Array, ...]:
    return (np.tanh(x @ w["ih"].T + w["b_ih"] + h @ w["hh"].T + w["b_hh"]),)


def lstm_step(w: dict[str, Array], x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    gates = x @ w["ih"].T + w["b_ih"] + h @ w["hh"].T + w["b_hh"]
    i, f, g, o = np.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(w: dict[str, Array], x: Array, h: Array) -> tuple[Array, ...]:
    xr, xz, xn = np.split(x @ w["ih"].T + w["b_ih"], 3, axis=-1)
    hr, hz, hn = np.split(h @ w["hh"].T + w["b_hh"], 3, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return ((1 - z) * np.tanh(xn + r * hn) + z * h,)


KINDS: dict[str, tuple[Callable[..., Any], int]] = {
    "RNN": (rnn_step, 1),
    "LSTM": (lstm_step, 2),
    "GRU": (gru_step, 1),
}


def weights(layer: nn.Module, end: str) -> dict[str, Array]:
    names = {"ih": "weight_ih_", "hh": "weight_hh_", "b_ih": "bias_ih_", "b_hh": "bias_hh_"}
    return {k: getattr(layer, f"{name}{end}").detach().numpy() for k, name in names.items()}


def passed(kind: str, layer: nn.Module, end: str, x: Array, backward: bool) -> Array:
    """The outputs of one pass over (L, N, F)."""
    step, count = KINDS[kind]
    state = (np.zeros((x.shape[1], layer.hidden_size)),) * count
    out = []
    for part in x[::-1] if backward else x:
        state = step(weights(layer, end), part, *state)
        out.append(state[0])
    return np.stack(out[::-1] if backward else out)


@pytest.mark.parametrize("kind", KINDS)
def test_two_layers_in_both_directions(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True)
    x = draw(3, 2, 3)
    values: Array = x
    for number in range(2):
        sides = (f"l{number}", False), (f"l{number}_reverse", True)
        values = np.concatenate([passed(kind, layer, end, values, b) for end, b in sides], axis=-1)
    out, last = layer(tg.tensor(x))
    np.testing.assert_allclose(out.detach().numpy(), values, rtol=1e-4, atol=1e-5)
    h = (last[0] if kind == "LSTM" else last).detach().numpy()
    np.testing.assert_allclose(h[2], values[-1, :, :4], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(h[3], values[0, :, 4:], rtol=1e-4, atol=1e-5)
    whole = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    whole.load_state_dict(layer.state_dict())
    turned, _ = whole(tg.tensor(np.swapaxes(x, 0, 1).copy()))
    np.testing.assert_allclose(turned.detach().numpy(), np.swapaxes(values, 0, 1), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_goes_on_where_it_stopped(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4)
    x = tg.tensor(draw(4, 2, 3))
    whole, last = layer(x)
    first, state = layer(x[:2])
    second, end = layer(x[2:], state)
    got = tg.cat([first, second]).detach().numpy()
    np.testing.assert_allclose(got, whole.detach().numpy(), rtol=1e-5, atol=1e-6)
    for a, b in zip(end, last, strict=True) if kind == "LSTM" else [(end, last)]:
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_packed_sequences_are_what_each_is_alone() -> None:
    """Of the other layers likewise: tests/test_torch_nn.py."""
    layer = nn.LSTM(3, 4, bidirectional=True)
    parts = [tg.tensor(draw(n, 3, seed=n)) for n in (1, 3)]
    packed, (h, _) = layer(rnn.pack_sequence(parts, enforce_sorted=False))
    for i, (part, got) in enumerate(zip(parts, rnn.unpack_sequence(packed), strict=True)):
        alone, state = layer(part)
        np.testing.assert_allclose(got.detach().numpy(), alone.detach().numpy(), atol=1e-5)
        own = state[0].detach().numpy()
        np.testing.assert_allclose(h[:, i].detach().numpy(), own, atol=1e-5)


def test_gradients_pass_gradcheck() -> None:
    layer = nn.GRU(2, 2).double()
    x = tg.tensor(draw(2, 2, 2).astype(np.float64), requires_grad=True)
    gradcheck(lambda a, *p: layer(a)[0], (x, *layer.parameters()), order=1)


def test_the_input_part_of_all_steps_is_one_product() -> None:
    layer, x = nn.LSTM(3, 4), tg.tensor(draw(7, 2, 3))
    made = names(layer(x)[0].node)
    assert made.count("matmul") == 1 + 7
    assert len(made) / 7 < 40


def test_cells_are_steps_of_layers() -> None:
    x = tg.tensor(draw(2, 3))
    for kind in KINDS:
        layer, cell = getattr(nn, kind)(3, 4), getattr(nn, f"{kind}Cell")(3, 4)
        cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
        state = cell(x)
        h = state[0] if kind == "LSTM" else state
        wanted = layer(x.unsqueeze(0))[0][0].detach().numpy()
        np.testing.assert_allclose(h.detach().numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_dropout_stands_between_layers_while_training() -> None:
    layer, x = nn.RNN(3, 8, num_layers=2, dropout=0.5), tg.tensor(draw(2, 2, 3))
    once, again = (layer(x)[0].detach().numpy() for _ in range(2))
    assert not np.array_equal(once, again)
    layer.eval()
    once, again = (layer(x)[0].detach().numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    with pytest.warns(UserWarning, match="there is only one"):
        nn.GRU(3, 4, dropout=0.5)


def test_settings_and_shapes_that_do_not_fit() -> None:
    for make in (
        lambda: nn.RNN(3, 4, nonlinearity="sigmoid"),
        lambda: nn.LSTM(3, 0),
        lambda: nn.LSTM(3, 4, dropout=1.5, num_layers=2),
        lambda: nn.LSTM(3, 4, proj_size=4),
        lambda: nn.GRU(3, 4, proj_size=2),
        lambda: nn.RNNCell(3, 4, nonlinearity="sigmoid"),
    ):
        with pytest.raises(ArgumentError):
            make()
    layer, x = nn.LSTM(3, 4), tg.zeros(5, 2, 3)
    for call, words in (
        (lambda: layer(tg.zeros(5, 2, 4)), "needs 3 features"),
        (lambda: layer(tg.zeros(3)), "3 dims, or 2"),
        (lambda: layer(tg.zeros(0, 2, 3)), "at least one step"),
        (lambda: layer(x, (tg.zeros(1, 3, 4), tg.zeros(1, 2, 4))), "needs first states"),
        (lambda: layer(tg.zeros(5, 3), (tg.zeros(4), tg.zeros(4))), "states of 2 dims"),
        (lambda: nn.GRUCell(3, 4)(tg.zeros(2, 4)), "needs input"),
        (lambda: nn.GRUCell(3, 4)(tg.zeros(2, 3), tg.zeros(1, 4)), r"1 state\(s\) of shape"),
    ):
        with pytest.raises(ShapeError, match=words):
            call()


def test_names_and_repr_are_pytorchs() -> None:
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    ends = ("l0", "l0_reverse", "l1", "l1_reverse")
    assert list(layer.state_dict()) == [f"{kind}_{end}" for end in ends for kind in kinds]
    assert repr(layer) == "LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True)"
    assert [len(part) for part in layer.all_weights] == [5] * 4
    assert repr(nn.RNNCell(3, 4, nonlinearity="relu")) == "RNNCell(3, 4, nonlinearity=relu)"
    layer.flatten_parameters()


def test_training_a_gru_brings_the_loss_down() -> None:
    tg.manual_seed(0)
    layer, head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
    x = draw(16, 3, 1)
    y = tg.tensor(x.sum(axis=(1, 2))[:, None])
    params = [*layer.parameters(), *head.parameters()]
    optimizer = tg.optim.Adam(params, lr=0.03)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(head(layer(tg.tensor(x))[0][:, -1]), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


# ------------------------------------------------------------------------------------- sequences


def ragged() -> list[Tensor]:
    return [tg.tensor(draw(n, 2, seed=n)) for n in (3, 1, 4)]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(first: bool, side: str) -> None:
    padded = rnn.pad_sequence(ragged(), first, -1.0, side).detach().numpy()
    padded = padded if first else np.swapaxes(padded, 0, 1)
    assert padded.shape == (3, 4, 2)
    for row, part in zip(padded, ragged(), strict=True):
        n = part.shape[0]
        rest, own = (row[n:], row[:n]) if side == "right" else (row[:-n], row[-n:])
        np.testing.assert_array_equal(own, part.numpy())
        assert (rest == -1).all()


def test_packing_and_back() -> None:
    parts = ragged()
    padded, lengths = rnn.pad_sequence(parts), [3, 1, 4]
    packed = rnn.pack_padded_sequence(padded, tg.tensor(lengths), enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 2, 2, 1]
    assert packed.sorted_indices is not None
    assert packed.sorted_indices.tolist() == [2, 0, 1]
    back, found = rnn.pad_packed_sequence(packed)
    np.testing.assert_array_equal(back.numpy(), padded.numpy())
    assert found.tolist() == lengths
    longer, _ = rnn.pad_packed_sequence(packed, True, 7.0, 6)
    assert longer.shape == (3, 6, 2)
    assert (longer[1, 1:].numpy() == 7).all()
    for a, b in zip(rnn.unpack_sequence(packed), parts, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert packed.to(tg.float64).data.dtype is tg.float64


def test_lengths_that_do_not_fit() -> None:
    padded = tg.zeros(4, 2, 3)
    for lengths in ([4, 5], [4], [0, 4]):
        with pytest.raises(ArgumentError, match="needs 2 lengths from 1 to 4"):
            rnn.pack_padded_sequence(padded, lengths, enforce_sorted=False)
    with pytest.raises(ArgumentError, match="enforce_sorted=False"):
        rnn.pack_padded_sequence(padded, [2, 4])
    with pytest.raises(ShapeError, match="at least one sequence"):
        rnn.pad_sequence([])
    with pytest.raises(ArgumentError, match="padding_side"):
        rnn.pad_sequence([padded], padding_side="top")
    with pytest.raises(ArgumentError, match="total_length"):
        rnn.pad_packed_sequence(rnn.pack_sequence([tg.zeros(3)]), total_length=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_gradient_of_all_steps_is_one_product(kind: str) -> None:
    layer, x = getattr(nn, kind)(3, 4), tg.tensor(draw(7, 2, 3))
    out = layer(x)[0]
    grads = tg.autograd.grad(out.sum(), list(layer.parameters()))
    made = names(out.node, *(g.node for g in grads))
    assert made.count("matmul") == 1 + 7 + 6 + 2  # forward, back to all states but h0, dW_hh, dW_ih


@pytest.mark.parametrize(
    ("kind", "bias", "bidirectional"),
    [("RNN", True, False), ("relu", False, True), ("LSTM", True, True), ("GRU", True, True),
     ("GRU", False, False)],
)  # fmt: skip
def test_the_backward_pass_is_that_of_the_steps(kind: str, bias: bool, bidirectional: bool) -> None:
    options = {"bias": bias, "bidirectional": bidirectional}
    layer: Any = (
        nn.RNN(3, 4, nonlinearity="relu", **options)
        if kind == "relu"
        else getattr(nn, kind)(3, 4, **options)
    )
    x = tg.tensor(draw(3, 2, 3), requires_grad=True)
    count = 1 + bidirectional
    first = [tg.tensor(draw(count, 2, 4, seed=s), requires_grad=True) for s in range(layer.states)]
    given = [x, *first, *layer.parameters()]

    def gradients(create_graph: bool) -> list[Array]:
        out, last = layer(x, tuple(first) if layer.states == 2 else first[0])
        ends = last if layer.states == 2 else (last,)
        loss = (out * out).sum() + sum((end**3).sum() for end in ends)
        found = tg.autograd.grad(loss, given, create_graph=create_graph)
        return [g.detach().numpy() for g in found]

    for own, composed in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_allclose(own, composed, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_pass_gradcheck(kind: str) -> None:
    layer = getattr(nn, kind)(2, 2).double()
    x = tg.tensor(draw(2, 1, 2).astype(np.float64), requires_grad=True)
    gradcheck(lambda a, *p: layer(a)[0], (x, *layer.parameters()), order=2)


def test_a_backward_pass_after_the_values_were_read_and_again() -> None:
    layer, x = nn.LSTM(3, 4), tg.tensor(draw(5, 2, 3))
    layer(x)[0].sum().backward()
    wanted = layer.weight_hh_l0.grad.numpy().copy()
    layer.zero_grad()
    loss = layer(x)[0].sum()
    loss.item()
    loss.backward(retain_graph=True)
    np.testing.assert_allclose(layer.weight_hh_l0.grad.numpy(), wanted, rtol=1e-5, atol=1e-6)
    loss.backward()
    np.testing.assert_allclose(layer.weight_hh_l0.grad.numpy(), 2 * wanted, rtol=1e-5, atol=1e-6)
