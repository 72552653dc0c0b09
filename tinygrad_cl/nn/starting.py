"""First values that suit the activation behind each layer: `nn.Sequential(..., init="auto")`.

The activation that decides for a layer is the first one behind it, whatever stands between that has
no weights to speak of: norms, dropout, pools, changes of shape. Another layer with weights, an
unknown module or the end mean "none". Layers of nested `Sequential`s count in the order in which
they run; other modules of one's own keep the values they have.

| behind the layer | weight | gain |
|---|---|---|
| ReLU, ReLU6, ELU, CELU, GELU, SiLU, Mish, Hardswish, Softplus | Kaiming normal | sqrt(2) |
| LeakyReLU, PReLU, RReLU of slope a | Kaiming normal | sqrt(2 / (1 + a * a)) |
| SELU | normal, 1 / sqrt(fan_in) (LeCun) | 1 |
| Tanh, Hardtanh, Softsign, Tanhshrink | Xavier uniform | 5/3 |
| Sigmoid, Hardsigmoid, LogSigmoid, GLU, Softmax and its kin | Xavier uniform | 1 |
| none | Xavier uniform | 1 |

Kaiming: He et al. 2015, fan in. Xavier: Glorot and Bengio 2010. SELU: Klambauer et al. 2017. Biases
start at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import activation as act
from tinygrad_cl.nn import activation_more as more
from tinygrad_cl.nn import init
from tinygrad_cl.nn.conv import _Conv
from tinygrad_cl.nn.dropout import _Dropout
from tinygrad_cl.nn.linear import Bilinear, Flatten, Identity, Linear, Unflatten
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.norm import GroupNorm, LayerNorm, _NormBase
from tinygrad_cl.nn.norm_more import LocalResponseNorm, RMSNorm
from tinygrad_cl.nn.pool import AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from tinygrad_cl.nn.uninitialized import is_lazy
from tinygrad_cl.tensor import Tensor

Fill = Callable[[Tensor], object]

_WEIGHTED = (Linear, _Conv, Bilinear)
_RECTIFIERS = (
    act.ReLU,
    act.ReLU6,
    act.ELU,
    more.CELU,
    act.GELU,
    act.SiLU,
    act.Mish,
    more.Hardswish,
    act.Softplus,
)
_TANHS = (act.Tanh, act.Hardtanh, act.Softsign, more.Tanhshrink)
_OTHERS = (
    act.Sigmoid,
    act.LogSigmoid,
    act.Softmax,
    act.LogSoftmax,
    more.Hardsigmoid,
    more.GLU,
    more.Softmin,
)
_PASSED = (
    _NormBase,
    _Dropout,
    Flatten,
    Unflatten,
    Identity,
    LayerNorm,
    GroupNorm,
    RMSNorm,
    LocalResponseNorm,
    MaxPool1d,
    MaxPool2d,
    AvgPool1d,
    AvgPool2d,
    AdaptiveAvgPool2d,
)
_PASSED_FILES = ("pool_more", "pool_extra", "padding", "resample")  # everything that stands there


def start_by_activation(layers: Iterable[Module]) -> None:
    """Draws first values for layers in a row, by the activation behind each.

    A lazy layer draws them when it gets its shape.
    """
    flat = list(_in_order(layers))
    for i, layer in enumerate(flat):
        if isinstance(layer, _WEIGHTED):
            draw = partial(_draw, fill=_filling(_next_activation(flat[i + 1 :])))
            if is_lazy(layer.weight):
                layer.__dict__["_first_values"] = draw
            else:
                draw(layer)


def check_word(op: str, word: str | None) -> None:
    """Refuses another word than "auto".

    Raises:
        ArgumentError: for another word.
    """
    if word not in (None, "auto"):
        raise ArgumentError(f'{op}: init must be "auto" or None, got {word!r}')


def _in_order(layers: Iterable[Module]) -> Iterator[Module]:
    from tinygrad_cl.nn.containers import Sequential

    for layer in layers:
        if isinstance(layer, Sequential):
            yield from _in_order(layer)
        else:
            yield layer


def _next_activation(behind: list[Module]) -> Module | None:
    for layer in behind:
        if isinstance(layer, (*_RECTIFIERS, *_TANHS, *_OTHERS, act.LeakyReLU, act.PReLU)):
            return layer
        if isinstance(layer, more.RReLU | act.SELU):
            return layer
        file = type(layer).__module__.rpartition(".")[2]
        if not isinstance(layer, _PASSED) and file not in _PASSED_FILES:
            return None
    return None


def _filling(activation: Module | None) -> Fill:
    """Returns what fills the weight in front of an activation."""
    kaiming = init.kaiming_normal_
    if isinstance(activation, _RECTIFIERS):
        return partial(kaiming, nonlinearity="relu")
    if isinstance(activation, act.LeakyReLU):
        return partial(kaiming, a=activation.negative_slope)
    if isinstance(activation, act.PReLU):
        return partial(kaiming, a=activation.weight.detach().mean().item())
    if isinstance(activation, more.RReLU):
        return partial(kaiming, a=(activation.lower + activation.upper) / 2)
    if isinstance(activation, act.SELU):
        return partial(kaiming, nonlinearity="linear")
    tanh = isinstance(activation, _TANHS)
    return partial(init.xavier_uniform_, gain=init.calculate_gain("tanh") if tanh else 1.0)


def _draw(layer: Module, fill: Fill) -> None:
    fill(layer.weight)
    if layer.bias is not None:
        init.zeros_(layer.bias)
