"""Where `torch.utils` has what is elsewhere here: `utils.data` is `data`, `utils.checkpoint`.

Example:
    >>> from tinygrad_cl.utils.data import DataLoader
    >>> DataLoader([1, 2, 3], batch_size=2).batch_size
    2
"""

from __future__ import annotations

import sys

from tinygrad_cl import data as data
from tinygrad_cl.utils import checkpoint as checkpoint

sys.modules[f"{__name__}.data"] = data  # for `from tinygrad_cl.utils.data import ...`

__all__ = ["checkpoint", "data"]
