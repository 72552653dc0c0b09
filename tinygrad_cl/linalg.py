"""Linear algebra under the names of `torch.linalg`: factorizations, solutions, products, norms."""

from __future__ import annotations

from tinygrad_cl.errors import LinAlgError as LinAlgError
from tinygrad_cl.functional.linalg import cholesky as cholesky
from tinygrad_cl.functional.linalg import cross as cross
from tinygrad_cl.functional.linalg import det as det
from tinygrad_cl.functional.linalg import diagonal as diagonal
from tinygrad_cl.functional.linalg import inv as inv
from tinygrad_cl.functional.linalg import inv as inverse
from tinygrad_cl.functional.linalg import matrix_norm as matrix_norm
from tinygrad_cl.functional.linalg import matrix_power as matrix_power
from tinygrad_cl.functional.linalg import multi_dot as multi_dot
from tinygrad_cl.functional.linalg import norm as norm
from tinygrad_cl.functional.linalg import solve as solve
from tinygrad_cl.functional.linalg import vecdot as vecdot
from tinygrad_cl.functional.linalg import vector_norm as vector_norm

__all__ = [
    "LinAlgError",
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "inv",
    "inverse",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "solve",
    "vecdot",
    "vector_norm",
]
