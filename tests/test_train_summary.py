"""The table of layers: what is counted, for every kind of net."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.train import LayerTable


@pytest.fixture(autouse=True)
def _on_the_host() -> Iterator[None]:
    """Nets that no test moves elsewhere are on the host: they compile nothing."""
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    yield
    tg.set_default_device(before)


def table(net: nn.Module, *args: object, **options: object) -> LayerTable:
    return tg.summary(net, *args, verbose=False, **options)  # type: ignore[arg-type]


class Residual(nn.Module):
    """Nested, with a parameter and a product of its own, and a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(tg.ones(6, 6))
        self.body = nn.Sequential(nn.Linear(6, 6, bias=False), nn.ReLU())

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.body(self.body(x)) + x @ self.mix


def test_nested_modules_count_everything_once() -> None:
    net = nn.Sequential(Residual(), nn.Linear(6, 2))
    found = table(net, (6,))
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["0.body.0", "0.body.1", "0", "1"]
    assert [row.depth for row in found.rows] == [2, 2, 0, 0]
    assert rows["0.body.0"].mult_adds == 2 * 36
    assert rows["0"].mult_adds == rows["0"].parameters == 36
    assert found.mult_adds == sum(row.mult_adds for row in found.rows) == 72 + 36 + 12
    assert found.parameters == sum(row.parameters for row in found.rows) == 36 + 36 + 14
    assert rows["0"].input_shape == rows["0"].output_shape == (6,)


@pytest.mark.parametrize(
    ("net", "size", "expected"),
    [
        (nn.Conv2d(4, 6, 3, stride=2, groups=2), (4, 9, 9), 6 * 16 * 2 * 9),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 5, 5), 4 * 25 * 3 * 9),
        (nn.Conv1d(3, 5, 4), (3, 10), 5 * 7 * 3 * 4),
        (nn.Linear(7, 3), (5, 7), 5 * 7 * 3),
        (nn.Bilinear(3, 4, 5), [(3,), (4,)], None),
        (nn.ReLU(), (8,), 0),
    ],
)
def test_multiply_adds_of_layers(net: nn.Module, size: tuple[int, ...], expected: int) -> None:
    found = table(net, size).mult_adds
    assert found == expected if expected is not None else found > 0


def test_recurrent_and_attention_layers_have_products() -> None:
    lstm = table(nn.LSTM(5, 7, batch_first=True), (4, 5))
    assert lstm.mult_adds == 4 * 4 * 7 * (5 + 7)
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    found = table(encoder, (6, 8))
    dense = 6 * 8 * (3 * 8 + 8 + 16 + 16)
    attention = 2 * 6 * 6 * 8
    assert found.mult_adds == dense + attention
    assert found.parameters == sum(p.numel() for p in encoder.parameters())


def test_several_inputs_and_dtypes() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(10, 4)
            self.dense = nn.Linear(4, 3)

        def forward(self, x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
            return self.dense(self.words(x).mean(1) + y)

    found = table(Two(), [(5,), (4,)], [tg.int64, tg.float32], batch_size=3)
    assert found.rows[0].input_shape == (5,)
    assert found.rows[0].output_shape == (5, 4)
    assert found.mult_adds == 3 * 12
    assert found.input_bytes == 3 * (5 * 8 + 4 * 4)
    data = (np.zeros((2, 5), np.int64), np.zeros((2, 4), np.float32))
    assert table(Two(), input_data=data).mult_adds == 2 * 12
    with pytest.raises(ArgumentError, match="1 dtypes for 2 inputs"):
        table(Two(), [(5,), (4,)], [tg.int64])
    with pytest.raises(ArgumentError, match="must be a shape or several"):
        table(Two(), [5, (4,)])


def test_batch_dim() -> None:
    rnn = nn.GRU(5, 7)  # (L, N, E)
    found = table(rnn, (4, 5), batch_dim=1)
    assert found.rows[0].input_shape == (4, 5)
    assert found.rows[0].output_shape == ((4, 7), (1, 7))
    whole = table(nn.Linear(3, 2), (8, 3), batch_dim=None)
    assert whole.rows[0].input_shape == (8, 3)
    assert whole.mult_adds == 8 * 6


def test_memory_is_that_of_parameters_buffers_and_outputs() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)).to("numpy")
    found = table(net, (4,), batch_size=10)
    norm = 4 * 4 * 8 + 8  # weight, bias, mean, variance; the count of batches
    assert [row.memory for row in found.rows] == [4 * 40 + 320, norm + 320]
    assert found.parameter_bytes == 160 + norm
    assert found.output_bytes == 640
    assert found.memory == 160 + norm + 640 + 160
    assert table(net.double(), (4,)).input_bytes == 32


def test_the_net_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    before = {name: value.tolist() for name, value in net.state_dict().items()}
    table(net, (4,))
    assert net.training
    assert net[1].training
    assert {name: value.tolist() for name, value in net.state_dict().items()} == before
    assert net[0]._hooks is None or not any(net[0]._hooks.values())


def test_layers_that_are_not_called_are_listed() -> None:
    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 3)

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return self.used(x)

    found = table(Part(), (2,))
    assert [row.output_shape for row in found.rows] == [(2,), None]
    assert "?" in str(found)
    assert repr(found) == "<LayerTable: 2 layers, 15 parameters>"


def test_printing(capsys: pytest.CaptureFixture[str]) -> None:
    found = tg.summary(nn.Linear(3, 2), (3,))
    assert capsys.readouterr().out == f"{found}\n"
    head, rule, row, *_ = str(found).splitlines()
    for word in ("layer", "input shape", "output shape", "parameters", "mult-adds", "memory"):
        assert word in head
    assert len(head) == len(rule) == len(row)
