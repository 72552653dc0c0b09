"""`ParameterList` and `ParameterDict`: modules that hold parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_cl.errors import ModuleError
from tinygrad_cl.nn.containers import _Named, _Numbered
from tinygrad_cl.nn.tree import PARAMETER
from tinygrad_cl.tensor import Parameter, Tensor


def _as_parameter(value: object) -> Parameter:
    if isinstance(value, Parameter):
        return value
    if isinstance(value, Tensor):
        return Parameter(value)
    raise ModuleError(f"expected a tensor or a parameter, got {type(value).__name__}")


class ParameterList(_Numbered):
    """A list of parameters; tensors that are put in become parameters.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> len(nn.ParameterList([tg.zeros(2), tg.ones(3)]))
        2
    """

    _holds = PARAMETER

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def append(self, value: Tensor) -> ParameterList:
        """Adds a parameter at the end; returns the list."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """Adds parameters at the end; returns the list."""
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Tensor]) -> ParameterList:
        return self.extend(values)

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, self._name_at(index), _as_parameter(value))

    def extra_repr(self) -> str:
        """Returns one line per parameter."""
        return "\n".join(f"({i}): {_described(p)}" for i, p in enumerate(self))


class ParameterDict(_Named):
    """A dict of parameters; tensors that are put in become parameters.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> table = nn.ParameterDict({"left": tg.zeros(2)})
        >>> table["right"] = tg.ones(3)
        >>> [name for name, _ in table.named_parameters()]
        ['left', 'right']
    """

    _holds = PARAMETER

    def __init__(self, values: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        self.update(values or {})

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.register_parameter(name, _as_parameter(value))

    def __or__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        return ParameterDict({**dict(self.items()), **dict(other.items())})

    def __ror__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        return ParameterDict({**dict(other.items()), **dict(self.items())})

    def __ior__(self, other: Mapping[str, Tensor]) -> ParameterDict:
        self.update(dict(other.items()))
        return self

    def get(self, name: str, default: Any = None) -> Any:
        """Returns an entry, or `default` if there is none."""
        return self._items().get(name, default)

    def setdefault(self, name: str, default: Tensor | None = None) -> Any:
        """Returns an entry; if there is none, `default` becomes it first."""
        if name not in self:
            self[name] = default  # type: ignore[assignment]
        return self[name]

    def popitem(self) -> tuple[str, Any]:
        """Takes the last entry out and returns its name and value."""
        name = next(reversed(self), None)
        if name is None:
            raise KeyError("popitem: the ParameterDict is empty")
        return name, self.pop(name)

    def copy(self) -> ParameterDict:
        """Returns another dict of the same parameters."""
        return ParameterDict(dict(self.items()))

    def fromkeys(self, names: Iterable[str], default: Tensor) -> ParameterDict:
        """Returns a new dict with a parameter of the value `default` under each of the names."""
        return ParameterDict(dict.fromkeys(names, default))

    def extra_repr(self) -> str:
        """Returns one line per parameter."""
        return "\n".join(f"({name}): {_described(p)}" for name, p in self.items())


def _described(param: Parameter) -> str:
    sizes = "x".join(map(str, param.shape))
    return f"Parameter containing: [{param.dtype} of size {sizes}]"
