"""Choosing: which of a template's plans a call runs.

`fuse` meets a template and asks a `Choose` for the plan. By default that is the template's own
plan, a pure function of the call; a tuner may know better, see tuning.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinygrad_cl.graph import Signature
from tinygrad_cl.lowering import Choices, DeviceTraits, Host, Template, TemplatePlan
from tinygrad_cl.shapes import Layout


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a template: all that its plan depends on.

    Attributes:
        signature: the primitive with its attrs and specs.
        inputs: the layouts through which it reads its input buffers.
        traits: of the device.
    """

    signature: Signature
    inputs: tuple[Layout, ...]
    traits: DeviceTraits

    @property
    def template(self) -> Template:
        """The lowering of the primitive."""
        lowering = self.signature.primitive.lowering
        assert isinstance(lowering, Template)
        return lowering

    @property
    def tags(self) -> tuple[str, ...]:
        """The storage types of the inputs, followed by that of the output."""
        specs = (*self.signature.inputs, self.signature.spec)
        return tuple(spec.dtype.storage for spec in specs)

    @property
    def default(self) -> TemplatePlan | Host:
        """The template's own plan."""
        signature = self.signature
        return self.template.plan(
            self.inputs, signature.spec.shape, self.tags, signature.kwargs, self.traits
        )

    @property
    def with_twin(self) -> TemplatePlan | None:
        """The template's plan that also writes its twin, or None."""
        twin, signature = self.template.twin, self.signature
        if twin is None:
            return None
        return twin.plan(
            self.inputs, signature.spec.shape, self.tags, signature.kwargs, self.traits
        )

    @property
    def choices(self) -> Choices:
        """All that the template offers, its own plan first."""
        if self.template.choices is None:
            return (("default", self.default),)
        signature = self.signature
        return self.template.choices(
            self.inputs, signature.spec.shape, self.tags, signature.kwargs, self.traits
        )

    @property
    def key(self) -> str:
        """A text that differs for different calls, in this process and in any other one."""
        return f"{self} traits {self.traits}"

    def __str__(self) -> str:
        inputs = ", ".join(
            f"{spec} by {layout.strides}" + (f" from {layout.offset}" if layout.offset else "")
            for spec, layout in zip(self.signature.inputs, self.inputs, strict=True)
        )
        return f"{self.signature} of {inputs}"


Choose = Callable[[Call], TemplatePlan | Host]


def own_choice(call: Call) -> TemplatePlan | Host:
    """The `Choose` that leaves it to the template."""
    return call.default
