"""Watching plans run: where the shadow mode sees what each kernel reads and writes.

While `watching.step` is set, executables run group by group and call it after each; else it costs
one test per plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from tinygrad_cl.compiler.groups import Group
    from tinygrad_cl.compiler.plan import Plan
    from tinygrad_cl.graph import Node

    Arrays = dict[int, np.ndarray[Any, Any]]

    # watch(plan, groups, nodes, inputs, outputs): the groups of one launch have run; the arrays are
    # what they read, before they ran, and what they wrote, by position in the plan's structure.
    Watch = Callable[[Plan, Sequence[Group], Sequence[Node], Arrays, Arrays], None]


class Watching:
    """Holds the watcher, if there is one."""

    step: Watch | None = None


watching = Watching()
