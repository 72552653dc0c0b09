"""More methods of Tensor: shapes, diagonals, products, and what changes a tensor's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.functional import diagonal as diagonals
from tinygrad_cl.functional import grids, linalg, logic, products, shaping, turning
from tinygrad_cl.functional import inplace_shape as inplace
from tinygrad_cl.functional.methods_math import MathMethods

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor


class ShapeMethods(MathMethods):
    """Functions as methods; each is documented where it is defined."""

    __slots__ = ()

    diagonal = diagonals.diagonal
    diag = diagonals.diag
    diag_embed = diagonals.diag_embed
    diagflat = diagonals.diagflat
    trace = diagonals.trace
    split_with_sizes = shaping.split_with_sizes
    tensor_split = shaping.tensor_split
    unfold = shaping.unfold
    reshape_as = turning.reshape_as
    view_as = turning.view_as
    swapaxes = turning.swapaxes
    swapdims = turning.swapdims
    fliplr = turning.fliplr
    flipud = turning.flipud
    rot90 = turning.rot90
    sum_to_size = turning.sum_to_size
    new_tensor = grids.new_tensor
    new_full = grids.new_full
    new_ones = grids.new_ones
    new_zeros = grids.new_zeros
    new_empty = grids.new_empty
    addmv = products.addmv
    addr = products.addr
    addbmm = products.addbmm
    baddbmm = products.baddbmm
    inner = products.inner
    vdot = products.vdot
    kron = products.kron
    cross = products.cross
    det = linalg.det
    inverse = linalg.inv
    matrix_power = linalg.matrix_power

    squeeze_ = inplace.squeeze_
    unsqueeze_ = inplace.unsqueeze_
    transpose_ = inplace.transpose_
    t_ = inplace.t_
    swapaxes_ = inplace.swapaxes_
    swapdims_ = inplace.swapdims_
    addmm_ = inplace.addmm_
    addmv_ = inplace.addmv_
    addr_ = inplace.addr_
    addbmm_ = inplace.addbmm_
    baddbmm_ = inplace.baddbmm_
    tril_ = inplace.tril_
    triu_ = inplace.triu_
    clip_ = inplace.clip_
    index_add_ = inplace.index_add_
    scatter_add_ = inplace.scatter_add_
    bernoulli_ = inplace.bernoulli_

    def where(self: Any, condition: Tensor, other: Operand) -> Tensor:
        """Returns the tensor where `condition` holds, and `other` elsewhere."""
        return logic.where(condition, self, other)
