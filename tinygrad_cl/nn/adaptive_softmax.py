"""`AdaptiveLogSoftmaxWithLoss`: softmax over very many classes, rare ones in clusters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import tensor
from tinygrad_cl.functional.index import gather, index_add, index_select
from tinygrad_cl.functional.movement import cat
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.containers import ModuleList, Sequential
from tinygrad_cl.nn.linear import Linear
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class ASMoutput(NamedTuple):
    """What the layer returns: log-probabilities of the targets, and their negative mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax over classes sorted by frequency, rare ones in clusters (Grave et al. 2017).

    The head scores the frequent classes and the clusters; a cluster scores its own classes with
    fewer features, and only for the samples whose target lies in it. Targets are read on the host.

    Args:
        in_features: features of the input.
        n_classes: number of classes, sorted from frequent to rare.
        cutoffs: where clusters begin, rising.
        div_value: each cluster has so many times fewer features than the one before.
        head_bias: whether the head has a bias.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for cutoffs that do not rise between 1 and `n_classes - 1`.

    Attributes:
        head: the dense layer of frequent classes and clusters.
        tail: two dense layers per cluster.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
        >>> output, loss = layer(tg.zeros(3, 16), tg.tensor([0, 20, 99]))
        >>> output.shape, loss.shape, layer.log_prob(tg.zeros(3, 16)).shape
        ((3,), (), (3, 100))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        ends = [int(c) for c in cutoffs]
        rising = all(a < b for a, b in itertools.pairwise([0, *ends, n_classes]))
        if not ends or not rising:
            raise ArgumentError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs must rise between 1 and "
                f"{n_classes - 1}, got {list(cutoffs)}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*ends, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = ends[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            inner = int(in_features // div_value ** (i + 1))
            first = Linear(in_features, inner, False, device, dtype)
            self.tail.append(Sequential(first, Linear(inner, high - low, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        """Returns log-probabilities of the targets, (N), and minus their mean.

        Raises:
            ShapeError: if input and targets do not fit.
            ArgumentError: for a target that is no class.
        """
        single = target_.ndim == 0
        if (
            target_.ndim > 1
            or input_.ndim != target_.ndim + 1
            or (not single and input_.shape[0] != target_.shape[0])
        ):
            raise ShapeError(
                "AdaptiveLogSoftmaxWithLoss: needs input (N, F) and target (N), or (F) and (), got "
                f"{input_.shape} and {target_.shape}"
            )
        x = input_.unsqueeze(0) if single else input_
        classes = np.atleast_1d(target_.detach().numpy())
        if classes.size and (classes.min() < 0 or classes.max() >= self.n_classes):
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: targets must be classes from 0 to "
                f"{self.n_classes - 1}, got {classes.min()} to {classes.max()}"
            )
        cluster = np.searchsorted(self.cutoffs, classes, side="right")
        places = np.where(cluster == 0, classes, self.shortlist_size + cluster - 1)
        scores = F.log_softmax(self.head(x), 1)
        output = gather(scores, 1, tensor(places[:, None], device=x.device)).squeeze(1)
        for i in range(self.n_clusters):
            rows = np.flatnonzero(cluster == i + 1)
            if rows.size:
                own = self._in_cluster(x, i, rows, classes)
                output = index_add(output, 0, tensor(rows, device=x.device), own)
        loss = -output.mean()
        return ASMoutput(output.squeeze(0) if single else output, loss)

    def _in_cluster(self, x: Tensor, i: int, rows: np.ndarray, classes: np.ndarray) -> Tensor:
        chosen = index_select(x, 0, tensor(rows, device=x.device))
        scores = F.log_softmax(self.tail[i](chosen), 1)
        within = tensor(classes[rows][:, None] - self.cutoffs[i], device=x.device)
        return gather(scores, 1, within).squeeze(1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Returns log-probabilities of all classes, (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            of_cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(self.tail[i](input), 1) + of_cluster)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """Returns the most probable class of each sample, (N)."""
        return self.log_prob(input).argmax(1)
