"""`Module`: the base of every layer and net; it owns parameters, buffers and children.

What a module owns, and the walks over it, stand in `tree.py`; reading and loading state in
`state.py`; hooks in `hooks.py`.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tinygrad_cl.autograd import RemovableHandle, no_grad
from tinygrad_cl.dtypes import DType, float16, float32, float64
from tinygrad_cl.dtypes import dtype as to_dtype
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.nn import hooks, state
from tinygrad_cl.nn.tree import MODULE, Tree
from tinygrad_cl.nn.uninitialized import Uninitialized
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device

Self = TypeVar("Self", bound="Module")


def _is_plain(value: object) -> bool:
    """Whether a setting is compared by value."""
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _forward_unimplemented(self: Module, *args: Any, **kwargs: Any) -> Any:
    """Computes the module's output; subclasses define it."""
    raise NotImplementedError(f"{type(self).__name__} has no forward method; define one")


class Module(Tree):
    """The base class of layers and nets.

    A subclass assigns its parameters and layers as attributes in `__init__`, after
    `super().__init__()`, and computes in `forward`. Calling the module calls `forward`, and the
    hooks around it.

    Attributes:
        training: True in training mode (`train()`), False in evaluation mode (`eval()`).

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> class Scale(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = nn.Parameter(tg.ones(3))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> net = Scale()
        >>> net(tg.tensor([1.0, 2.0, 3.0])).tolist()
        [1.0, 2.0, 3.0]
        >>> [name for name, _ in net.named_parameters()]
        ['factor']
    """

    training: bool
    _hooks: dict[str, hooks.HookTable] | None

    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(training=True, _hooks=None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Returns `forward(*args, **kwargs)`, with the hooks around it."""
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    # ---------------------------------------------------------------------------------------- state

    def state_dict(self, prefix: str = "", keep_vars: bool = False) -> OrderedDict[str, Tensor]:
        """Returns the parameters and persistent buffers by dotted name, with PyTorch's names.

        The tensors show the values at the time of the call: a later training step does not change
        them.

        Args:
            prefix: put in front of every name.
            keep_vars: return the parameters themselves, not detached.

        Example:
            >>> from tinygrad_cl import nn
            >>> list(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).state_dict())
            ['0.weight', '0.bias']
        """
        found = OrderedDict(state.entries(self, prefix))
        if keep_vars:
            return found
        return OrderedDict((name, tensor.detach()) for name, tensor in found.items())

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copies values into the parameters and buffers of the same names.

        Nothing is changed unless everything fits. Values may be tensors, NumPy arrays, or other
        arrays on the host (PyTorch's CPU tensors, too); they are cast to the dtype of what they
        replace.

        Args:
            state_dict: values by dotted name.
            strict: if True, missing and unexpected names are an error; wrong shapes always are.
            assign: take over dtype and device of the given tensors, instead of keeping one's own.

        Returns:
            A named tuple `(missing_keys, unexpected_keys)`.

        Raises:
            StateError: naming every missing, unexpected and misshapen entry at once.
        """
        return state.load(self, state_dict, strict, assign)

    def _tracing_state(self) -> tuple[Any, ...]:
        """What a captured call depends on, of the module and of everything below it."""
        return tuple(
            (type(module), *((k, v if _is_plain(v) else id(v)) for k, v in vars(module).items()))
            for module in self.modules()
        )

    # ---------------------------------------------------------------------------------------- modes

    def train(self: Self, mode: bool = True) -> Self:
        """Puts the module and everything below it in training mode; returns it."""
        for module in self.modules():
            module.__dict__["training"] = bool(mode)
        tracing.changes += 1
        return self

    def eval(self: Self) -> Self:
        """Puts the module in evaluation mode (dropout passes, batch norm uses what it has seen)."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Switches gradients of all parameters on or off (to freeze a net); returns the module."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or sets them to zero."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            elif param.grad is not None:
                param.grad = param.grad.detach() * 0

    def apply(self: Self, fn: Callable[[Module], object]) -> Self:
        """Calls `fn` on every module below and on the module itself, children first; returns it.

        Example:
            >>> from tinygrad_cl import nn
            >>> def clear(module):
            ...     if isinstance(module, nn.Linear):
            ...         nn.init.zeros_(module.bias)
            >>> nn.Sequential(nn.Linear(2, 2)).apply(clear)[0].bias.tolist()
            [0.0, 0.0]
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --------------------------------------------------------------------------- dtypes and devices

    def to(
        self: Self,
        *args: Device | str | DType | Tensor,
        device: Device | str | None = None,
        dtype: DType | str | None = None,
    ) -> Self:
        """Moves parameters and buffers to a device, a dtype, or both; returns the module itself.

        Only floating-point tensors change their dtype. A tensor as argument stands for its device
        and dtype.

        Example:
            >>> import tinygrad_cl as tg
            >>> from tinygrad_cl import nn
            >>> nn.Linear(2, 3).to("numpy", tg.float64).weight.dtype
            tinygrad_cl.float64
        """
        for arg in args:
            if isinstance(arg, Tensor):
                device, dtype = arg.device, arg.dtype
            elif isinstance(arg, DType):
                dtype = arg
            else:
                device = arg
        wanted = None if dtype is None else to_dtype(dtype)
        if wanted is not None and not wanted.is_floating_point:
            raise DTypeError(f"Module.to: a module's dtype must be floating point, got {wanted}")
        return self._apply(lambda tensor: _moved(tensor, device, wanted))

    def _apply(self: Self, fn: Callable[[Tensor], Tensor]) -> Self:
        with no_grad():
            for tensor in itertools.chain(self.parameters(), self.buffers()):
                if isinstance(tensor, Uninitialized):
                    tensor.move(fn)
                    continue
                grad = tensor.grad
                state.replace(tensor, fn(tensor.detach()))
                if grad is not None:
                    tensor.grad = fn(grad.detach())
        return self

    def cpu(self: Self) -> Self:
        """Moves parameters and buffers to the host, the device "numpy"; returns the module."""
        return self.to(device="numpy")

    def float(self: Self) -> Self:
        """Casts floating-point parameters and buffers to float32; returns the module."""
        return self.to(float32)

    def double(self: Self) -> Self:
        """Casts floating-point parameters and buffers to float64; returns the module."""
        return self.to(float64)

    def half(self: Self) -> Self:
        """Casts floating-point parameters and buffers to float16; returns the module."""
        return self.to(float16)

    # ---------------------------------------------------------------------------------------- hooks

    def _table(self, kind: str) -> hooks.HookTable:
        if self._hooks is None:
            self.__dict__["_hooks"] = {}
        tables: dict[str, hooks.HookTable] = self.__dict__["_hooks"]
        return tables.setdefault(kind, hooks.HookTable())

    def register_forward_pre_hook(
        self, hook: hooks.Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args)` before `forward`.

        What it returns, if not None, replaces `args`. With `with_kwargs` the hook is called as
        `hook(module, args, kwargs)` and may return both.
        """
        return self._table("before").add(hook, with_kwargs, prepend)

    def register_forward_hook(
        self, hook: hooks.Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args, output)` after `forward`.

        What it returns, if not None, replaces the output. With `with_kwargs` the hook is called as
        `hook(module, args, kwargs, output)`.

        Example:
            >>> import tinygrad_cl as tg
            >>> from tinygrad_cl import nn
            >>> layer = nn.ReLU()
            >>> with layer.register_forward_hook(lambda module, args, output: output + 1):
            ...     layer(tg.tensor([-1.0, 1.0])).tolist()
            [1.0, 2.0]
        """
        return self._table("after").add(hook, with_kwargs, prepend)

    def register_full_backward_hook(
        self, hook: hooks.Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` during the backward pass.

        It is called when the gradients of the module's inputs are known. Both are tuples with one
        entry per positional tensor; an input without gradient has None. What the hook returns, if
        not None, replaces `grad_input`. Inputs are the tensors among the positional arguments.
        """
        return self._table("backward").add(hook, prepend=prepend)

    def _call_with_hooks(self, args: Any, kwargs: Any) -> Any:
        before, after, backward = map(self._table, ("before", "after", "backward"))
        args, kwargs = hooks.run_before(before, self, args, kwargs)
        if backward:
            output = hooks.call_with_backward(backward, self, args, kwargs)
        else:
            output = self.forward(*args, **kwargs)
        return hooks.run_after(after, self, args, kwargs, output)

    # ----------------------------------------------------------------------------------------- repr

    def extra_repr(self) -> str:
        """Returns what stands between the brackets of `repr`; layers override it."""
        return ""

    def _child_lines(self) -> list[str]:
        return [f"({name}): {_indented(repr(child))}" for name, child in self._own(MODULE)]

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = self._child_lines()
        lines = (extra.split("\n") if extra else []) + children
        name = type(self).__name__
        if not children and len(lines) <= 1:
            return f"{name}({extra})"
        return "\n".join([f"{name}(", *(f"  {line}" for line in lines), ")"])


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _moved(tensor: Tensor, device: Device | str | None, dtype: DType | None) -> Tensor:
    if dtype is not None and tensor.dtype.is_floating_point:
        tensor = tensor.to(dtype)
    return tensor if device is None else tensor.to(device)
