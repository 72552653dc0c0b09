"""Modules that hold modules: in a row, in a list, in a dict."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tinygrad_cl.nn import starting
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.tree import MODULE


class _Numbered(Module):
    """Children (or parameters) under the names "0", "1", ..."""

    _holds = MODULE

    def _items(self) -> list[Any]:
        return [value for _, value in self._own(self._holds)]

    def _names(self) -> list[str]:
        return [name for name, _ in self._own(self._holds)]

    def _name_at(self, index: int) -> str:
        names = self._names()
        try:
            return names[operator.index(index)]
        except IndexError:
            raise IndexError(
                f"{type(self).__name__}: index {index} is out of range for {len(names)} entries"
            ) from None

    def _renumber(self, entries: list[tuple[str, Any]]) -> None:
        """Holds these entries from now on; numbers are given anew, names of the user's stay."""
        for name in self._names():
            delattr(self, name)
        for i, (name, item) in enumerate(entries):
            self._register(self._holds, str(i) if name.isdigit() else name, item)

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._part(self._items()[index], self._names()[index])
        return self.__dict__[self._name_at(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name_at(index), value)

    def __delitem__(self, index: int | slice) -> None:
        entries = list(self._own(self._holds))
        del entries[index]
        self._renumber(entries)

    def _insert(self, index: int, value: Any) -> None:
        entries = list(self._own(self._holds))
        entries.insert(index, ("0", value))
        self._renumber(entries)

    def _part(self, items: list[Any], names: list[str]) -> Any:
        make: Callable[[list[Any]], Any] = type(self)
        return make(items)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value > 0


class Sequential(_Numbered):
    """Layers in a row: each receives what the one before it returned.

    Args:
        *layers: the layers, or one `OrderedDict` of layers by name.
        init: "auto" draws new first values for dense and convolution layers, by the activation that
            follows each: Kaiming's for rectifiers, Xavier's for the others, with the gain of the
            activation, and zeros for biases; `nn/starting.py` has the table. None keeps the values
            that the layers have.

    Raises:
        ArgumentError: for another word.

    Example:
        >>> from tinygrad_cl import nn
        >>> nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        Sequential(
          (0): Linear(in_features=4, out_features=3, bias=True)
          (1): ReLU()
        )

    As with lists, `a + b` is both in a row, `a * 3` and `a[1:]` are longer and shorter ones; the
    layers themselves are shared.
    """

    def __init__(self, *layers: Module | Mapping[str, Module], init: str | None = None) -> None:
        super().__init__()
        starting.check_word("Sequential", init)
        first = layers[0] if len(layers) == 1 else None
        named: Iterable[tuple[str, Any]] = ((str(i), layer) for i, layer in enumerate(layers))
        for name, layer in first.items() if isinstance(first, Mapping) else named:
            self.register_module(name, layer)
        if init == "auto":
            starting.start_by_activation([self])

    def forward(self, x: Any) -> Any:
        """Returns `x` after all layers."""
        for layer in self._items():
            x = layer(x)
        return x

    def append(self, layer: Module) -> Sequential:
        """Adds a layer at the end; returns the module."""
        self.register_module(str(len(self)), layer)
        return self

    def extend(self, layers: Iterable[Module]) -> Sequential:
        """Adds layers at the end; returns the module."""
        for layer in layers:
            self.append(layer)
        return self

    def insert(self, index: int, layer: Module) -> Sequential:
        """Adds a layer in front of the one at `index`; returns the module."""
        self._insert(index, layer)
        return self

    def pop(self, index: int = -1) -> Module:
        """Takes a layer out and returns it."""
        layer: Module = self[index]
        del self[index]
        return layer

    def _part(self, items: list[Module], names: list[str]) -> Sequential:
        return type(self)(OrderedDict(zip(names, items, strict=True)))

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other) if isinstance(other, Sequential) else NotImplemented

    def __iadd__(self, other: Sequential) -> Sequential:
        return self.extend(list(other)) if isinstance(other, Sequential) else NotImplemented

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*(list(self) * times)) if _is_count(times) else NotImplemented

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        return self.extend(list(self) * (times - 1)) if _is_count(times) else NotImplemented


class ModuleList(_Numbered):
    """A list of modules whose parameters are seen; it has no `forward`.

    Example:
        >>> from tinygrad_cl import nn
        >>> nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        ModuleList(
          (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def append(self, module: Module) -> ModuleList:
        """Adds a module at the end; returns the list."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Adds modules at the end; returns the list."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Adds a module in front of the one at `index`."""
        self._insert(index, module)

    def pop(self, index: int = -1) -> Module:
        """Takes a module out and returns it."""
        module: Module = self[index]
        del self[index]
        return module

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def _child_lines(self) -> list[str]:
        runs: list[tuple[int, int, str]] = []
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        return [
            (f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}").replace(
                "\n", "\n  "
            )
            for a, b, text in runs
        ]


class _Named(Module):
    """Children (or parameters) under names that the user chooses."""

    _holds = MODULE

    def _items(self) -> dict[str, Any]:
        return dict(self._own(self._holds))

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __contains__(self, name: object) -> bool:
        return name in self._items()

    def __getitem__(self, name: str) -> Any:
        return self._items()[name]

    def __delitem__(self, name: str) -> None:
        self._items()[name]
        delattr(self, name)

    def keys(self) -> Iterable[str]:
        """Returns the names."""
        return self._items().keys()

    def values(self) -> Iterable[Any]:
        """Returns what is held, in order."""
        return self._items().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Returns the pairs of name and value."""
        return self._items().items()

    def pop(self, name: str) -> Any:
        """Takes an entry out and returns it."""
        value = self[name]
        del self[name]
        return value

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._items())

    def clear(self) -> None:
        """Takes everything out."""
        for name in self._items():
            delattr(self, name)

    def update(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Adds or replaces entries."""
        for name, value in dict(other).items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        self._register(self._holds, name, value)


class ModuleDict(_Named):
    """A dict of modules whose parameters are seen; it has no `forward`.

    Example:
        >>> from tinygrad_cl import nn
        >>> heads = nn.ModuleDict({"kind": nn.Linear(4, 3), "size": nn.Linear(4, 1)})
        >>> list(heads.state_dict())
        ['kind.weight', 'kind.bias', 'size.weight', 'size.bias']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __setitem__(self, name: str, module: Module) -> None:
        self.register_module(name, module)
