"""What a module owns: parameters, buffers and children, and the walks over them.

They are ordinary attributes of the module. What makes them more is one table, `_kinds`, that
remembers in order which attribute is of which kind; every walk reads that table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from tinygrad_cl.errors import ModuleError
from tinygrad_cl.nn.buffer import Buffer as Buffer
from tinygrad_cl.tensor import Parameter, Tensor
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.nn.module import Module

PARAMETER, BUFFER, MODULE = "parameter", "buffer", "module"
_TYPE_NAMES = {PARAMETER: "Parameter", BUFFER: "Tensor", MODULE: "Module"}


class Tree:
    """The part of `Module` that registers parameters, buffers and children, and walks over them."""

    _kinds: dict[str, str]
    _transient: set[str]

    def __init__(self) -> None:
        self.__dict__.update(_kinds={}, _transient=set())

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    # --------------------------------------------------------------------------------- registration

    def __setattr__(self, name: str, value: Any) -> None:
        tracing.changes += 1
        kind = _kind_of(value)
        kinds = self.__dict__.get("_kinds")
        declared = None if kinds is None else kinds.get(name)
        if kind is None and declared is None:
            object.__setattr__(self, name, value)
            return
        if kinds is None:
            raise ModuleError(
                f"{type(self).__name__}: cannot assign {kind} {name!r} before super().__init__()"
            )
        if kind is None or (declared == PARAMETER and kind == MODULE):
            _check_assigned(self, name, value, str(declared))
        elif declared != kind:
            kinds.pop(name, None)
            self._transient.discard(name)
            kinds[name] = kind
        if isinstance(value, Buffer) and not value.persistent:
            self._transient.add(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        tracing.changes += 1
        object.__delattr__(self, name)
        self._kinds.pop(name, None)
        self._transient.discard(name)

    def _register(self, kind: str, name: str, value: object) -> None:
        if "_kinds" not in self.__dict__:
            raise ModuleError(
                f"{type(self).__name__}: cannot register {kind} {name!r} before super().__init__()"
            )
        if not isinstance(name, str) or not name or "." in name:
            raise ModuleError(
                f"{kind} name {name!r} must be a string that is not empty and has no '.'"
            )
        if hasattr(self, name) and self._kinds.get(name) != kind:
            raise ModuleError(f"{type(self).__name__} already has an attribute {name!r}")
        self._kinds[name] = kind
        object.__setattr__(self, name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter; `None` declares one that is absent (a layer without bias).

        Raises:
            ModuleError: if the name is taken or not a name, or `param` is not a `Parameter`.
        """
        _check_registered(PARAMETER, name, param, Parameter)
        self._register(PARAMETER, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: a tensor that belongs to the module's state but is not trained.

        Args:
            name: the attribute's name.
            tensor: its value, or None.
            persistent: False keeps it out of `state_dict`.

        Raises:
            ModuleError: if the name is taken or not a name, or `tensor` is not a tensor.

        Example:
            >>> import tinygrad_cl as tg
            >>> from tinygrad_cl import nn
            >>> net = nn.Module()
            >>> net.register_buffer("mean", tg.zeros(2))
            >>> list(net.state_dict())
            ['mean']
        """
        _check_registered(BUFFER, name, tensor, Tensor)
        self._register(BUFFER, name, tensor)
        self._transient.discard(name)
        if not persistent:
            self._transient.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Adds a child under a name that may not be an identifier, such as "0"."""
        _check_registered(MODULE, name, module, Tree)
        self._register(MODULE, name, module)

    add_module = register_module

    # ---------------------------------------------------------------------------------------- walks

    def _own(self, kind: str) -> Iterator[tuple[str, Any]]:
        attributes = self.__dict__
        for name, of in self._kinds.items():
            if of == kind and attributes[name] is not None:
                yield name, attributes[name]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yields the direct children with their names, each child once."""
        seen: set[int] = set()
        for name, child in self._own(MODULE):
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """Yields the direct children."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yields the module itself and everything below it with dotted names, parents first."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        if remove_duplicate:
            memo.add(id(self))
        yield prefix, cast("Module", self)
        for name, child in self._own(MODULE):
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yields the module itself and everything below it, each once."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, cast("Module", self))]
        )
        for path, module in modules:
            for name, value in module._own(kind):
                if id(value) not in seen:
                    if remove_duplicate:
                        seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yields the parameters with dotted names; a shared one only once.

        Example:
            >>> from tinygrad_cl import nn
            >>> [(name, p.shape) for name, p in nn.Linear(2, 3).named_parameters()]
            [('weight', (3, 2)), ('bias', (3,))]
        """
        return self._named(PARAMETER, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yields the parameters of the module and of everything below it."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yields the buffers with dotted names."""
        return self._named(BUFFER, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yields the buffers of the module and of everything below it."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """Returns the module at a dotted path; `""` is the module itself.

        Raises:
            ModuleError: if there is none.
        """
        module = cast("Module", self)
        for name in target.split(".") if target else ():
            if module._kinds.get(name) != MODULE:
                raise ModuleError(f"{type(module).__name__} has no child {name!r} (in {target!r})")
            module = module.__dict__[name]
        return module

    def _held(self, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if module._kinds.get(name) != kind:
            raise ModuleError(f"{type(module).__name__} has no {kind} {name!r} (in {target!r})")
        return module.__dict__[name]

    def get_parameter(self, target: str) -> Parameter:
        """Returns the parameter at a dotted path.

        Raises:
            ModuleError: if there is none.
        """
        found: Parameter = self._held(PARAMETER, target)
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Returns the buffer at a dotted path.

        Raises:
            ModuleError: if there is none.
        """
        found: Tensor = self._held(BUFFER, target)
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts a module at a dotted path, in the place of the one there, or anew.

        Args:
            target: the path; the module that holds its last name must be there.
            module: what to put there.
            strict: whether there must be a module to replace.

        Raises:
            ModuleError: if there is no such place, or `target` is empty.

        Example:
            >>> from tinygrad_cl import nn
            >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
            >>> net.set_submodule("1", nn.Tanh())
            >>> net[1]
            Tanh()
        """
        path, _, name = target.rpartition(".")
        if strict or not name:
            self._held(MODULE, target)
        cast("Any", self.get_submodule(path)).register_module(name, module)


def _kind_of(value: object) -> str | None:
    if isinstance(value, Parameter):
        return PARAMETER
    if isinstance(value, Buffer):
        return BUFFER
    return MODULE if isinstance(value, Tree) else None


def _check_assigned(module: Tree, name: str, value: object, declared: str) -> None:
    fits = value is None or (declared == BUFFER and isinstance(value, Tensor))
    if not fits:
        raise ModuleError(
            f"{type(module).__name__}: cannot assign {type(value).__name__} to {declared} "
            f"{name!r}; it takes a {_TYPE_NAMES[declared]} or None (or delete it first)"
        )


def _check_registered(kind: str, name: str, value: object, needed: type) -> None:
    if value is not None and not isinstance(value, needed):
        many = kind == "module" and isinstance(value, list | tuple)
        raise ModuleError(
            f"{kind} {name!r} must be a {_TYPE_NAMES[kind]} or None, got {type(value).__name__}"
            + ("; unpack it: Sequential(*layers)" if many else "")
        )
