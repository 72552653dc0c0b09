"""Batch norm folded into the layer in front of it, and layers without first values."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import ones_like, zeros_like
from tinygrad_cl.nn.conv import _Conv
from tinygrad_cl.nn.linear import Linear
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.norm import _BatchNorm
from tinygrad_cl.tensor import Parameter, Tensor

ConvLayer = TypeVar("ConvLayer", bound=_Conv)
AnyModule = TypeVar("AnyModule", bound=Module)


def _scale_and_shift(
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    weight: Tensor | None,
    shift: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Returns the factor per output, and the new bias."""
    factor = (var + eps).rsqrt() * (ones_like(mean) if weight is None else weight)
    before = zeros_like(mean) if bias is None else bias
    after = (before - mean) * factor + (zeros_like(mean) if shift is None else shift)
    return factor, after


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Returns weight and bias of a convolution that includes the batch norm behind it.

    Args:
        conv_w: the weight of the convolution.
        conv_b: its bias, or None.
        bn_rm: running mean.
        bn_rv: running variance.
        bn_eps: what is added to it.
        bn_w: weight of the norm, or None.
        bn_b: its bias, or None.
        transpose: the convolution is a transposed one.
    """
    with no_grad():
        factor, bias = _scale_and_shift(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
        sides = (1, -1) if transpose else (-1, 1)
        shape = [*sides, *(1,) * (conv_w.ndim - 2)]
        return Parameter((conv_w * factor.reshape(*shape)).detach()), Parameter(bias.detach())


def fuse_conv_bn_eval(conv: ConvLayer, bn: _BatchNorm, transpose: bool = False) -> ConvLayer:
    """Returns a convolution that gives what `bn(conv(x))` gives in evaluation mode.

    Raises:
        ArgumentError: if one of them is in training mode, or the norm has no statistics.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
        >>> x = tg.ones(1, 1, 5, 5)
        >>> fused = nn.utils.fuse_conv_bn_eval(conv, bn)
        >>> ((fused(x) - bn(conv(x))).abs() < 1e-6).all().item()
        True
    """
    _check("fuse_conv_bn_eval", conv, bn)
    assert bn.running_mean is not None
    assert bn.running_var is not None
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Returns weight and bias of a dense layer that includes the batch norm behind it.

    Arguments as for `fuse_conv_bn_weights`.
    """
    with no_grad():
        factor, bias = _scale_and_shift(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
        weight = (linear_w * factor.unsqueeze(-1)).detach()
        return Parameter(weight), Parameter(bias.detach())


def fuse_linear_bn_eval(linear: Linear, bn: _BatchNorm) -> Linear:
    """Returns a dense layer that gives what `bn(linear(x))` gives in evaluation mode.

    Raises:
        ArgumentError: if one of them is in training mode, the norm has no statistics, or the sizes
            differ.
    """
    _check("fuse_linear_bn_eval", linear, bn)
    if linear.out_features != bn.num_features:
        raise ArgumentError(
            f"fuse_linear_bn_eval: {linear.out_features} outputs do not fit "
            f"{bn.num_features} features of the norm"
        )
    assert bn.running_mean is not None
    assert bn.running_var is not None
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def _check(op: str, layer: Module, bn: _BatchNorm) -> None:
    if layer.training or bn.training or bn.running_mean is None:
        raise ArgumentError(
            f"{op}: needs both layers in evaluation mode (.eval()) and a norm with running "
            "statistics"
        )


def skip_init(module_cls: type[AnyModule], *args: Any, **kwargs: Any) -> AnyModule:
    """Returns a layer; its first values may be anything, they are meant to be overwritten.

    Values are lazy here: what is overwritten before it is used is never drawn. So this is
    `module_cls(*args, **kwargs)`, under PyTorch's name.
    """
    return module_cls(*args, **kwargs)
