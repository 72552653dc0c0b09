"""`Module`: the base of every layer and net; it owns parameters, buffers and children.

What a module owns, and the walks over it, stand in `tree.py`; reading and loading state in
`state.py`; hooks in `hooks.py`.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import DType, bfloat16, float16, float32, float64
from tinygrad_cl.dtypes import dtype as to_dtype
from tinygrad_cl.errors import DTypeError, ModuleError
from tinygrad_cl.functional.creation import empty_like
from tinygrad_cl.functional.older_tensors import gpu_name
from tinygrad_cl.nn import hooks, state
from tinygrad_cl.nn.hooked import Hooked
from tinygrad_cl.nn.tree import MODULE
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


class Module(Hooked):
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
    _version = 1  # of the state's layout; hooks get it as local_metadata["version"]

    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(training=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Returns `forward(*args, **kwargs)`, with the hooks around it."""
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    # ---------------------------------------------------------------------------------------- state

    def state_dict(
        self,
        prefix: str = "",
        keep_vars: bool = False,
        *,
        destination: OrderedDict[str, Any] | None = None,
    ) -> OrderedDict[str, Any]:
        """Returns the parameters and persistent buffers by dotted name, with PyTorch's names.

        The tensors show the values at the time of the call: a later training step does not change
        them. In-place operations on them change the module, too, as in PyTorch. What
        `get_extra_state` returns, of modules that define it, stands under `_extra_state`.

        Args:
            prefix: put in front of every name.
            keep_vars: return the parameters themselves, not detached.
            destination: a dict to which the entries are added, and which is returned.

        Example:
            >>> from tinygrad_cl import nn
            >>> list(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).state_dict())
            ['0.weight', '0.bias']
        """
        found = OrderedDict() if destination is None else destination
        state.save(self, prefix, keep_vars, found)
        return found

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

    def get_extra_state(self) -> Any:
        """Returns what belongs into the state besides tensors; a subclass may define it.

        A subclass that does defines `set_extra_state`, too. Numbers, strings, lists, dicts and
        tensors can be saved in a checkpoint.

        Raises:
            ModuleError: if the subclass has not defined it.

        Example:
            >>> from tinygrad_cl import nn
            >>> class Vocabulary(nn.Module):
            ...     words = ["a", "b"]
            ...     def get_extra_state(self):
            ...         return {"words": self.words}
            ...     def set_extra_state(self, state):
            ...         self.words = state["words"]
            >>> dict(nn.Sequential(Vocabulary()).state_dict())
            {'0._extra_state': {'words': ['a', 'b']}}
        """
        raise ModuleError(f"{type(self).__name__} has no get_extra_state; define one")

    def set_extra_state(self, state: Any) -> None:
        """Takes back what `get_extra_state` returned; a subclass may define it.

        Raises:
            ModuleError: if the subclass has not defined it.
        """
        raise ModuleError(f"{type(self).__name__} has no set_extra_state; define one")

    def _tracing_state(self) -> tuple[Any, ...]:
        """What a captured call depends on, of the module and of everything below it."""
        return tuple(module._own_tracing_state() for module in self.modules())

    def _own_tracing_state(self) -> tuple[Any, ...]:
        settings = ((k, v if _is_plain(v) else id(v)) for k, v in vars(self).items())
        hooked = ((kind, *table.entries) for kind, table in (self._hooks or {}).items())
        return (type(self), *settings, *hooked)

    def _tracing_parts(self) -> tuple[Any, ...]:
        """The hooks that a captured call calls."""
        tables = [table for part in self.modules() for table in (part._hooks or {}).values()]
        return tuple(hook for table in tables for hook, _ in table.entries.values())

    # ---------------------------------------------------------------------------------------- modes

    def train(self: Self, mode: bool = True) -> Self:
        """Puts the module and everything below it in training mode; returns it."""
        self.__dict__["training"] = bool(mode)
        for child in self.children():
            child.train(mode)  # which a subclass may have made its own, to keep a part frozen
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
                param.grad.detach_().zero_()

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
        non_blocking: bool = False,
    ) -> Self:
        """Moves parameters and buffers to a device, a dtype, or both; returns the module itself.

        Only floating-point tensors change their dtype. A tensor as argument stands for its device
        and dtype. `non_blocking` is accepted for PyTorch's sake: nothing here waits for a copy.

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

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        with no_grad():
            for tensor in itertools.chain(self.parameters(recurse), self.buffers(recurse)):
                if isinstance(tensor, Uninitialized):
                    tensor.move(fn)
                    continue
                grad = tensor.grad
                state.replace(tensor, fn(tensor.detach()))
                if grad is not None:
                    tensor.grad = fn(grad.detach())
        return self

    def type(self: Self, dst_type: DType | str) -> Self:
        """Casts all parameters and buffers, whole numbers too, to a dtype; returns the module."""
        wanted = to_dtype(dst_type)
        return self._apply(lambda tensor: tensor.to(wanted))

    def to_empty(self: Self, *, device: Device | str | None, recurse: bool = True) -> Self:
        """Moves parameters and buffers to a device without their values; returns the module.

        The values are whatever the memory holds: load a state afterwards, or start them anew.

        Args:
            device: where to; None keeps each where it is.
            recurse: also those of the modules below.
        """
        return self._apply(
            lambda tensor: empty_like(tensor, device=tensor.device if device is None else device),
            recurse,
        )

    def cpu(self: Self) -> Self:
        """Moves parameters and buffers to the processor; returns the module.

        That is the default device if it is the processor, else "numpy".
        """
        return self.to(device="cpu")

    def cuda(self: Self, device: Any = None) -> Self:
        """Moves parameters and buffers to an OpenCL GPU: the best, or that of a number or name.

        Raises:
            DeviceError: if there is none.
        """
        return self.to(device=gpu_name(device))

    def float(self: Self) -> Self:
        """Casts floating-point parameters and buffers to float32; returns the module."""
        return self.to(float32)

    def double(self: Self) -> Self:
        """Casts floating-point parameters and buffers to float64; returns the module."""
        return self.to(float64)

    def half(self: Self) -> Self:
        """Casts floating-point parameters and buffers to float16; returns the module."""
        return self.to(float16)

    def bfloat16(self: Self) -> Self:
        """Casts floating-point parameters and buffers to bfloat16; returns the module."""
        return self.to(bfloat16)

    # ---------------------------------------------------------------------------------------- hooks

    def _call_with_hooks(self, args: Any, kwargs: Any) -> Any:
        before, after, early, late = map(
            self._table, ("before", "after", "before backward", "backward")
        )
        try:
            args, kwargs = hooks.run_before(before, self, args, kwargs)
            if early or late:
                output = hooks.call_with_backward(early, late, self, args, kwargs)
            else:
                output = self.forward(*args, **kwargs)
        except Exception:
            hooks.run_after_error(after, self, args, kwargs)
            raise
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
