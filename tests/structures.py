"""Builds structures for the compiler's tests: graphs without a device."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_cl import dtypes, graph
from tinygrad_cl.capture import Capture
from tinygrad_cl.compiler.plan import Launch, Plan, make_plan
from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.compiler.structure import DONOR, FREE, KEEP, WANTED, Structure, Value
from tinygrad_cl.graph import Node, TensorSpec
from tinygrad_cl.lowering import DeviceTraits

CPU = DeviceTraits()
GPU = DeviceTraits(kind="gpu", units=16, vector=1, max_work_group=1024)


def leaf(*shape: int, dtype: dtypes.DType = dtypes.float32) -> Node:
    """A node that stands for a realized one."""
    return Node(graph.data_signature(TensorSpec(shape, dtype)), (), None, False)


def structure(
    wanted: Sequence[Node], donors: Sequence[Node] = (), kept: Sequence[Node] = ()
) -> Structure:
    """The structure under some nodes."""
    order = graph.toposort(wanted, lambda node: node.inputs)
    index = {id(node): i for i, node in enumerate(order)}

    def flag(node: Node) -> int:
        for nodes, value in ((wanted, WANTED), (donors, DONOR), (kept, KEEP)):
            if any(node is other for other in nodes):
                return value
        return FREE

    return tuple(
        Value(node.signature, tuple(index[id(i)] for i in node.inputs), flag(node))
        for node in order
    )


def names(*wanted: Node) -> list[str]:
    """The primitives of the values that some nodes need, those inside formulas among them."""
    found = Capture(list(wanted), donate=False).structure()
    return [value.signature.primitive.name for value in found]


def plan(
    *wanted: Node,
    donors: Sequence[Node] = (),
    kept: Sequence[Node] = (),
    traits: DeviceTraits = CPU,
    glued: bool = False,
) -> Plan:
    """The plan that computes some nodes; `glued`: with runs and slices, as devices have it."""
    return make_plan(structure(wanted, donors, kept), traits, glued, glued)


def kernels(made: Plan) -> list[Kernel]:
    """The kernels of a plan, in order."""
    return [step.kernel for step in made.steps if isinstance(step, Launch)]
