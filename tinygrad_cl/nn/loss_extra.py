"""Losses with state or sequences. Functions: functional/{loss_more,sequence_loss}.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.linear import Linear
from tinygrad_cl.nn.loss import _Loss, _WeightedLoss
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.functional.sequence_loss import Lengths
    from tinygrad_cl.runtime.device import Device


class LogCoshLoss(_Loss):
    """`log(cosh(x - y))`: half the squared error near 0, the absolute error less log 2 far off.

    It does not overflow.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> round(nn.LogCoshLoss()(tg.tensor([-1000.0]), tg.tensor([0.0])).item(), 3)
        999.307
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.log_cosh_loss(x, target, self.reduction)


class CTCLoss(_Loss):
    """Connectionist temporal classification (Graves et al. 2006); see `functional.ctc_loss`.

    Args:
        blank: the class that means "no label".
        reduction: "mean" (over labels, then sequences), "sum" or "none".
        zero_infinity: give 0, and no gradient, for targets that are too long for their input.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> log_probs = tg.zeros(4, 1, 3).log_softmax(2)
        >>> round(nn.CTCLoss()(log_probs, tg.tensor([[1, 2]]), [4], [2]).item(), 4)
        0.8432
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths
    ) -> Tensor:
        """Returns the loss of log-probabilities (T, N, C)."""
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


class LinearCrossEntropyLoss(_WeightedLoss):
    """A dense layer and cross-entropy in one; see `functional.linear_cross_entropy`.

    Args:
        in_features: features of the input.
        num_classes: C.
        out_features: further dims of the logits, for several targets per sample.
        bias: whether the dense layer has one.
        device: where the parameters live.
        dtype: their dtype.
        reduction: "mean", "sum" or "none".
        weight: one factor per class.
        ignore_index: targets of this class do not count; -100 by default.
        label_smoothing: share of the target that is spread evenly over all classes.
        options: taken for compatibility; the plan decides what is kept in memory.

    Attributes:
        linear: the dense layer.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.LinearCrossEntropyLoss(5, 10)(tg.zeros(2, 5), tg.tensor([1, 3])).shape
        ()
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Device | str | None = None,
        dtype: DType | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__(weight, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"LinearCrossEntropyLoss: label_smoothing must be in [0, 1], got {label_smoothing}"
            )
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        rows = num_classes * math.prod(self.out_features)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss of features (N, in_features)."""
        shape = (self.num_classes, *self.out_features)
        return F.linear_cross_entropy(
            x,
            self.linear.weight.reshape(*shape, self.in_features),
            target,
            linear_bias=self.linear.bias,
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )
