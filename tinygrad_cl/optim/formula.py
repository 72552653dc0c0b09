"""`Formula`: an update written down once and repeated for every parameter and step.

Building a node costs a look-up of its signature. An update builds the same nodes for every
parameter of one shape, step after step, so the first one is recorded and the others only connect
nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_cl.errors import DeviceError
from tinygrad_cl.graph import Node, Signature, toposort


class Formula:
    """Which signatures to apply to which values, from inputs to outputs."""

    __slots__ = ("outputs", "steps")

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
        place = {id(node): i for i, node in enumerate(inputs)}
        known = set(place)
        self.steps: list[tuple[Signature, list[int]]] = []
        for node in toposort(outputs, lambda n: () if id(n) in known else n.inputs):
            if id(node) not in known:
                at = len(inputs) + len(self.steps)
                self.steps.append((node.signature, [place[id(child)] for child in node.inputs]))
                place[id(node)] = at
        self.outputs = [place[id(node)] for node in outputs]

    def __call__(self, inputs: Sequence[Node]) -> list[Node]:
        """Returns new outputs from inputs like the recorded ones; no gradients are recorded.

        Raises:
            DeviceError: if the inputs are on different devices.
        """
        device = inputs[0].device
        for node in inputs:
            if node.device is not device and node.device is not None:
                raise DeviceError(
                    f"optimizer: a parameter is on {device}, its gradient or state on "
                    f"{node.device}; move the net first and create the optimizer then"
                )
        values = list(inputs)
        for signature, places in self.steps:
            chosen = tuple([values[i] for i in places])
            values.append(Node(signature, chosen, device, False))
        return [values[i] for i in self.outputs]
