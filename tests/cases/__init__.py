"""The test table: one row per op. Tests take their rows from `CASES` and name no op themselves."""

from __future__ import annotations

from cases import (
    blas,
    conv,
    creation,
    elementwise,
    elementwise_more,
    index,
    linalg,
    logic,
    matmul,
    movement,
    nn,
    nn_activation,
    nn_loss,
    nn_norm,
    nn_places,
    nn_volume,
    pool,
    reduce,
    scan,
    scatter,
    shaping,
    sorting,
    special,
    statistics,
)
from cases.core import Case

FAMILIES = (
    elementwise,
    elementwise_more,
    logic,
    reduce,
    movement,
    matmul,
    conv,
    pool,
    index,
    nn,
    nn_activation,
    nn_loss,
    nn_norm,
    nn_places,
    nn_volume,
    creation,
    scan,
    special,
    statistics,
    shaping,
    blas,
    linalg,
    sorting,
    scatter,
)
CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]
