"""Automatic mixed precision: which ops take 16 bits while `autocast` is on, and which float32.

Functions say their name when they ask for the nodes of their arguments (`base.unwrap`,
`base.operands`); that is where arguments are cast. All other ops take what they get. The lists are
PyTorch's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from tinygrad_cl.dtypes import DType, bfloat16, float16, float32, float64
from tinygrad_cl.dtypes import dtype as as_dtype
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.graph import Node, cast_mode
from tinygrad_cl.primitives import elementwise

F = TypeVar("F", bound=Callable[..., Any])

# fmt: off
# Products: most of the work, and their sums are made in float32 anyway.
NARROW = frozenset(
    {
        "matmul", "mm", "bmm", "mv", "dot", "linear", "addmm", "addmv", "addr", "addbmm",
        "baddbmm", "einsum", "tensordot", "inner", "bilinear", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "prelu", "scaled_dot_product_attention",
    }
)
# Where rounded arguments, or the range of float16, would cost accuracy.
WIDE = frozenset(
    {
        "softmax", "log_softmax", "softmin", "softplus", "logsumexp", "layer_norm",
        "group_norm", "rms_norm", "local_response_norm", "norm", "normalize",
        "cosine_similarity", "pdist", "cdist", "pairwise_distance", "sum", "prod", "cumsum",
        "cumprod", "logcumsumexp", "exp", "expm1", "log", "log1p", "log2", "log10",
        "reciprocal", "rsqrt", "sinh", "cosh", "tan", "acos", "asin", "erfinv", "nll_loss",
        "cross_entropy", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div",
        "log_cosh_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
        "poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss", "hinge_embedding_loss",
        "margin_ranking_loss", "multi_margin_loss", "multilabel_margin_loss",
        "multilabel_soft_margin_loss", "cosine_embedding_loss", "triplet_margin_loss",
    }
)
# fmt: on


def adapted(op: str, node: Node) -> Node:
    """Returns an argument of an op in the dtype that `autocast` wants for it; float64 stays."""
    dtype, wanted = node.dtype, cast_mode.dtype
    if wanted is None or not dtype.is_floating_point or dtype is float64:
        return node
    if op in NARROW:
        return node if dtype is wanted else elementwise.cast(node, dtype=wanted)
    return elementwise.cast(node, dtype=float32) if dtype.is_half and op in WIDE else node


class autocast:
    """Mixed precision in a block or a function, as PyTorch's `torch.autocast`.

    Products (linear layers, convolutions, attention) take and give 16 bits; softmax, norms,
    losses, sums and logarithms float32; everything else what it is given. Parameters stay as they
    are: cast in the forward pass, they get gradients in their own dtype. Backward passes belong
    outside; they use the dtypes of the forward pass. With float16, `GradScaler` keeps small
    gradients from vanishing; bfloat16 needs none.

    Args:
        device_type: accepted for PyTorch's programs; it says the default dtype.
        dtype: float16 or bfloat16; by default bfloat16 for "cpu" and float16 for all others.
        enabled: False switches it off in the block, within another `autocast` too.
        cache_enabled: accepted for PyTorch's programs.

    Raises:
        DTypeError: for another dtype.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.Softmax(1))
        >>> with tg.autocast("opencl", dtype=tg.float16):
        ...     hidden = net[0](tg.ones(1, 3))
        ...     output = net[1](hidden)
        >>> hidden.dtype, output.dtype, net[0].weight.dtype
        (tinygrad_cl.float16, tinygrad_cl.float32, tinygrad_cl.float32)
    """

    def __init__(
        self,
        device_type: str = "opencl",
        dtype: DType | str | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        default = bfloat16 if str(device_type) == "cpu" else float16
        wanted = default if dtype is None else as_dtype(dtype)
        if enabled and not wanted.is_half:
            raise DTypeError(f"autocast: needs float16 or bfloat16, got {wanted.name}")
        self.dtype = wanted if enabled else None
        self._before: list[DType | None] = []

    def __enter__(self) -> autocast:
        self._before.append(cast_mode.dtype)
        cast_mode.dtype = self.dtype
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        cast_mode.dtype = self._before.pop()

    def __call__(self, function: F) -> F:
        """Returns the function with this mode around each call."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]
