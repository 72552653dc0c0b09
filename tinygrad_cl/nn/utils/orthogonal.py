"""Orthogonal matrices from unconstrained ones: by exponential, by Cayley's map, by reflections."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import eye, tensor, zeros
from tinygrad_cl.functional.linalg import solve
from tinygrad_cl.functional.movement import cat
from tinygrad_cl.functional.random import randn
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor

MAPS = ("matrix_exp", "cayley", "householder")


def matrix_exp(a: Tensor) -> Tensor:
    """Returns the exponential of skew-symmetric matrices of moderate size.

    Squaring and scaling: `exp(A) = exp(A / 2**6)**(2**6)`, the inner one by Taylor's series to the
    12th power, in Paterson and Stockmeyer's order of products (1973).
    """
    unit = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    x = a * 2.0**-6
    x2 = x @ x
    x3 = x2 @ x
    terms = [1 / math.factorial(n) for n in range(13)]
    y = unit * terms[12]
    for n in (9, 6, 3, 0):
        y = y @ x3 + (unit * terms[n] + x * terms[n + 1] + x2 * terms[n + 2])
    for _ in range(6):
        y = y @ y
    return y


def cayley(a: Tensor) -> Tensor:
    """Returns `(I - A/2)^-1 (I + A/2)`, orthogonal for skew-symmetric A."""
    unit = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return solve(unit - a * 0.5, unit + a * 0.5)


def reflections(x: Tensor) -> Tensor:
    """Returns the product of Householder reflections whose vectors stand below the diagonal.

    The signs of the columns are those of the diagonal.
    """
    n, k = x.shape[-2:]
    a = x.tril(-1)
    tau = 2.0 / (1.0 + (a * a).sum(dim=-2))
    unit = eye(n, k, dtype=x.dtype, device=x.device)
    vectors = a + unit
    q = unit.expand(*x.shape)
    for i in reversed(range(k)):
        v = vectors[..., i : i + 1]
        q = q - tau[..., i : i + 1].unsqueeze(-1) * (v @ (v.mT @ q))
    return q * x.diagonal(dim1=-2, dim2=-1).detach().trunc().unsqueeze(-2)


class Orthogonal(Module):
    """The parametrization behind `parametrizations.orthogonal`."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if orthogonal_map not in MAPS:
            raise ArgumentError(
                f"orthogonal: orthogonal_map must be one of {', '.join(MAPS)}, "
                f"got {orthogonal_map!r}"
            )
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        self.shape = tuple(weight.shape)
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """Returns an orthogonal matrix made of `x`."""
        wide = x.shape[-2] < x.shape[-1]
        tall = x.mT if wide else x
        n, k = tall.shape[-2:]
        if self.orthogonal_map == "householder":
            q = reflections(tall)
        else:
            lower = tall.tril()
            if n != k:
                rest = zeros(*tall.shape[:-1], n - k, dtype=x.dtype, device=x.device)
                lower = cat([lower, rest], dim=-1)
            skew = lower - lower.mT
            q = matrix_exp(skew) if self.orthogonal_map == "matrix_exp" else cayley(skew)
            q = q[..., :k]
        if self.use_trivialization and self.base is not None:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, q: Tensor) -> Tensor:
        """Returns what gives `q`, made orthogonal where it is not.

        Raises:
            ShapeError: for a matrix of another shape.
            ArgumentError: without trivialization, if the map has no inverse.
        """
        if tuple(q.shape) != self.shape:
            raise ShapeError(f"orthogonal: needs a weight of shape {self.shape}, got {q.shape}")
        wide = q.shape[-2] < q.shape[-1]
        tall = q.mT if wide else q
        if self.use_trivialization:
            return self._trivialized(tall, q)
        if self.orthogonal_map != "householder":
            raise ArgumentError(
                f"orthogonal: {self.orthogonal_map!r} cannot start from the present weight; use "
                "use_trivialization=True or the map 'householder'"
            )
        inverse = tensor(_householder_vectors(tall.numpy()), device=q.device, dtype=q.dtype)
        return inverse.mT if wide else inverse

    def _trivialized(self, tall: Tensor, given: Tensor) -> Tensor:
        n, k = tall.shape[-2:]
        with no_grad():
            whole = tall
            if n != k:
                shape = (*tall.shape[:-1], n - k)
                rest = randn(*shape, dtype=tall.dtype, device=tall.device)
                whole = cat([tall, rest], dim=-1)
            array = whole.numpy()
            if n != k or not _is_orthogonal(array):
                array = orthogonalized(array)
            self.base = tensor(array, dtype=given.dtype, device=given.device)
            minus = -eye(*given.shape[-2:], dtype=given.dtype, device=given.device)
            return minus.expand(*given.shape) if given.ndim > 2 else minus


def _is_orthogonal(q: np.ndarray) -> bool:
    n, k = q.shape[-2:]
    eps = 10 * n * np.finfo(q.dtype).eps
    return bool(np.allclose(np.swapaxes(q, -1, -2) @ q, np.eye(k), atol=eps))


def orthogonalized(a: np.ndarray) -> np.ndarray:
    """Returns the orthogonal factors of QR whose triangular ones have positive diagonals."""
    q, r = np.linalg.qr(a.astype(np.float64))
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return (q * np.where(signs == 0, 1, signs)[..., None, :]).astype(a.dtype)


def _householder_vectors(q: np.ndarray) -> np.ndarray:
    """Returns reflection vectors below a diagonal of signs, from which `reflections` gives q."""
    flat = q.reshape(-1, *q.shape[-2:]).astype(np.float64)
    made = np.empty_like(flat)
    for i, matrix in enumerate(flat):
        h, tau = np.linalg.qr(matrix, mode="raw")
        a = h.T.copy()
        signs = np.sign(np.diagonal(a)).copy()
        signs[tau == 0] *= -1
        np.fill_diagonal(a, signs)
        made[i] = a
    return made.reshape(q.shape).astype(q.dtype)
