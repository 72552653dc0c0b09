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
    pool,
    reduce,
    scan,
    shaping,
    sorting,
    special,
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
    creation,
    scan,
    special,
    shaping,
    blas,
    linalg,
    sorting,
)
CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]
