"""Mistakes that a loss would hide, found when a model is compiled or sees its first batch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import nn
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import DataError, TinygradError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.calling import call
from tinygrad_cl.train.modes import evaluating

if TYPE_CHECKING:
    from tinygrad_cl.train.model import Model


def is_cross_entropy(loss: Any) -> bool:
    """Whether a loss takes logits of classes."""
    return loss is F.cross_entropy or isinstance(loss, nn.CrossEntropyLoss)


def is_logits_loss(loss: Any) -> bool:
    """Whether a loss takes logits of two classes."""
    return loss is F.binary_cross_entropy_with_logits or isinstance(loss, nn.BCEWithLogitsLoss)


def last_layer(net: nn.Module) -> nn.Module:
    """Returns the layer whose outputs are the net's, as far as containers tell."""
    while isinstance(net, nn.Sequential):
        layers = [m for m in net.children() if not isinstance(m, nn.Identity | nn.Flatten)]
        if not layers:
            return net
        net = layers[-1]
    return net


def warn_of_layers(net: nn.Module, loss: Any) -> bool:
    """Warns if the net's last layer does what the loss does, or lacks what it needs.

    Returns:
        Whether there was a warning.
    """
    last = type(last_layer(net))  # LogSoftmax is a Softmax, but it is harmless
    message = ""
    if is_cross_entropy(loss) and last in (nn.Softmax, nn.Sigmoid):
        message = (
            f"compile: the net ends with {last.__name__}, but cross_entropy takes logits and "
            "applies softmax itself; remove the layer, or train with NLLLoss on LogSoftmax"
        )
    elif is_logits_loss(loss) and last in (nn.Softmax, nn.Sigmoid):
        message = (
            f"compile: the net ends with {last.__name__}, but bce_with_logits takes logits "
            'and applies sigmoid itself; remove the layer, or take the loss "bce"'
        )
    elif (loss is F.nll_loss or isinstance(loss, nn.NLLLoss)) and last is nn.Softmax:
        message = (
            "compile: the net ends with Softmax, but nll takes log-probabilities; end with "
            'LogSoftmax, or remove the layer and take the loss "cross_entropy"'
        )
    if message:
        warnings.warn(message, UserWarning, stacklevel=3)
    return bool(message)


def warn_of_outputs(loss: Any, output: Any) -> None:
    """Warns if the outputs for cross_entropy look like probabilities; waits for the device."""
    if not is_cross_entropy(loss) or not isinstance(output, Tensor) or output.ndim < 2:
        return
    values = output.detach().numpy().astype(np.float64)
    if values.shape[1] < 2 or not values.size or values.min() < 0:
        return
    if np.abs(values.sum(1) - 1).max() < 1e-3:
        warnings.warn(
            "fit: every row of the net's outputs sums to 1: they look like the results of a "
            "softmax, but cross_entropy takes logits and applies softmax itself",
            UserWarning,
            stacklevel=7,
        )


def explained(model: Model, inputs: Any, targets: Any, error: TinygradError) -> TinygradError:
    """Returns the error to raise instead of one that the net or the loss raised for a batch."""
    if _fits(model, targets, inputs):
        return DataError(
            f"Model: the net does not take the inputs ({_form(inputs)}) but it does take the "
            f"targets ({_form(targets)}); are x and y swapped? Data are pairs (x, y)"
        )
    return error


def _fits(model: Model, inputs: Any, targets: Any) -> bool:
    assert model.loss is not None
    seen = model.seen
    try:
        with no_grad(), evaluating(model.net):
            model.loss(call(model, inputs), targets)
    except Exception:
        return False
    finally:
        model.seen = seen
    return True


def _form(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_form(member) for member in value)
    return f"{value.dtype.name} {tuple(value.shape)}" if isinstance(value, Tensor) else str(value)
