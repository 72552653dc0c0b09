"""The test table: one row per op. Tests take their rows from `CASES` and name no op themselves."""

from __future__ import annotations

from cases import conv, creation, elementwise, index, logic, matmul, movement, nn, pool, reduce
from cases.core import Case

FAMILIES = (elementwise, logic, reduce, movement, matmul, conv, pool, index, nn, creation)
CASES: list[Case] = [case for family in FAMILIES for case in family.CASES]
