"""`LazyModuleMixin`: layers that take their sizes from the first input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.uninitialized import UninitializedParameter, is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable


class LazyModuleMixin(Module):
    """Makes a layer of the class `cls_to_become` when it is called the first time.

    Until then its parameters have no shape: a state can be loaded into them, the layer can be moved
    and cast, but an optimizer refuses them.
    """

    cls_to_become: type[Module]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Takes the sizes from the input, becomes an ordinary layer, and is called as one."""
        with no_grad():
            self.initialize_parameters(*args, **kwargs)
        start: Callable[[Any], None] | None = self.__dict__.pop("_first_values", None)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        if start is not None:
            start(self)
        return self(*args, **kwargs)

    def has_uninitialized_params(self) -> bool:
        """Says whether a parameter or buffer of its own has no shape yet."""
        held = [*self.parameters(recurse=False), *self.buffers(recurse=False)]
        return any(is_lazy(tensor) for tensor in held)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters their shapes and first values, from the arguments of `forward`."""
        raise NotImplementedError(f"{type(self).__name__} has no initialize_parameters method")

    def _declare(self, names: dict[str, bool], where: dict[str, Any]) -> None:
        """Puts parameters without shape in place; False declares an absent one."""
        for name, there in names.items():
            setattr(self, name, UninitializedParameter(**where) if there else None)
