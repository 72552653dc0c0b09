"""Values that the host must see before a result has a shape: read now, and counted as fallbacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.compiler.fallbacks import count_fallback
from tinygrad_cl.dtypes import widened
from tinygrad_cl.functional import base
from tinygrad_cl.graph import Node

DATA_DEPENDENT = "the shape of the result depends on the values"


def values(op: str, node: Node) -> np.ndarray[Any, Any]:
    """Returns the values of a node, for an op that goes on with NumPy; bfloat16 as float32."""
    if base.device_of(node).kind != "host":
        count_fallback(op, DATA_DEPENDENT)
    array: np.ndarray[Any, Any] = widened(engine.numpy(node))
    return array
