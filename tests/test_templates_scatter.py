"""The kernel of folds by an index, in the forms for CPUs and for GPUs."""

from __future__ import annotations

import numpy as np
import pytest
from template_harness import CPU, GPU, Harness, check, job

from tinygrad_cl.graph import PRIMITIVES
from tinygrad_cl.lowering import DeviceTraits, flag_code

BOTH = pytest.mark.parametrize("traits", [CPU, GPU], ids=["cpu", "gpu"])

# Shape of the input, number of indices, dim.
SIZES = [((5,), 0, 0), ((5,), 40, 0), ((3, 7, 18), 9, 1), ((600, 40), 50, 0), ((1,), 1, 0)]


@BOTH
@pytest.mark.parametrize("kind", ["prod", "max"])
def test_folds(opencl_device: str, traits: DeviceTraits, kind: str) -> None:
    jobs = []
    rng = np.random.default_rng(3)
    for of in ("float32", "float64", "float16", "int32", "int64", "uint8"):
        for shape, count, dim in SIZES:
            wide = (*shape[:dim], count, *shape[dim + 1 :])
            x, src = rng.integers(1, 3, shape), rng.integers(0, 3, wide)
            index = rng.integers(0, shape[dim], wide)
            given = (x.astype(of), index, src.astype(of))
            jobs.append(
                job("scatter_fold", *given, traits=traits, dim=dim, op="scatter", kind=kind)
            )
    check(jobs, opencl_device, rtol=0)


@BOTH
def test_an_index_outside_is_reported(opencl_device: str, traits: DeviceTraits) -> None:
    given = (np.zeros(3), np.array([0, 3, 1]), np.ones(3))
    bad = job("scatter_fold", *given, traits=traits, dim=0, op="scatter", kind="max")
    result = Harness([bad], opencl_device).run(bad)
    assert result.intact
    assert result.flags[:3] == (flag_code("scatter"), 3, 3)
    np.testing.assert_array_equal(result.value, [1, 1, 0])
    with pytest.raises(IndexError, match="scatter: index 3 is out of range"):
        PRIMITIVES["scatter_fold"].reference(*given, dim=0, op="scatter", kind="max")
