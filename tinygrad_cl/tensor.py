"""`Tensor`: the handle that users hold. Its methods are the functions of functional/.

A Tensor shows a node, a value that may not have been computed yet. In-place operations give it
another node; other tensors that show the old value, views among them, keep it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tinygrad_cl import autograd, dtypes, engine
from tinygrad_cl.autograd import api
from tinygrad_cl.autograd.handle import classes, rebind, wrap
from tinygrad_cl.autograd.walk import RETAIN
from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tinygrad_cl.functional import (
    base,
    become,
    creation,
    logic,
    movement,
    printing,
    reduce,
    views,
)
from tinygrad_cl.functional.methods import Methods
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.runtime.device import Device, get_device
from tinygrad_cl.shapes import Shape, normalize_dim, numel
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.functional.creation import DeviceLike, DTypeLike

    Array = np.ndarray[Any, Any]

# The class has methods of these names.
_bool: TypeAlias = bool
_int: TypeAlias = int
_float: TypeAlias = float


class Tensor(Methods):
    """A multi-dimensional array of one dtype on one device, computed when it is needed.

    `Tensor(data)` is `tinygrad_cl.tensor(data)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any = (),
        dtype: DTypeLike = None,
        device: DeviceLike = None,
        requires_grad: _bool = False,
    ) -> Tensor:
        """Returns a tensor with a copy of `data`, of the class that is called."""
        made = creation.tensor(data, dtype, device, requires_grad)
        return made if cls is Tensor else _like(cls, made.node, requires_grad)

    # --- what it is

    @property
    def shape(self) -> Shape:
        """The sizes of the dims."""
        return self.node.signature.spec[0]

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.node.signature.spec[1]

    @property
    def device(self) -> Device:
        """Where it is computed."""
        return base.device_of(self.node)

    @property
    def ndim(self) -> _int:
        """The number of dims."""
        return len(self.node.signature.spec[0])

    @property
    def itemsize(self) -> _int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> _int:
        """Bytes of all elements."""
        return self.numel() * self.dtype.itemsize

    def size(self, dim: _int | None = None) -> Any:
        """Returns the shape, or the size of one dim."""
        return self.shape if dim is None else self.shape[normalize_dim("size", dim, self.ndim)]

    def dim(self) -> _int:
        """Returns the number of dims."""
        return self.ndim

    def numel(self) -> _int:
        """Returns the number of elements."""
        return numel(self.shape)

    def element_size(self) -> _int:
        """Returns the bytes of one element."""
        return self.dtype.itemsize

    def is_floating_point(self) -> _bool:
        """Returns True for float dtypes."""
        return self.dtype.is_floating_point

    def is_contiguous(self) -> _bool:
        """Returns True: every tensor looks contiguous to users."""
        return True

    def contiguous(self) -> Tensor:
        """Returns the tensor itself."""
        return self

    @property
    def T(self) -> Tensor:
        """The tensor with its dims in reverse order."""
        return views.permute(self, tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dims exchanged."""
        if self.ndim < 2:
            raise ShapeError(f"mT: needs at least two dims, got {self.shape}")
        return views.transpose(self, -2, -1)

    # --- its values

    def realize(self) -> Tensor:
        """Computes the tensor now, and returns it."""
        engine.realize([self.node])
        return self

    def numpy(self, *, force: _bool = False) -> Array:
        """Returns the values as an array, a read-only view if the device shares the host's memory.

        bfloat16, which NumPy does not have, gives an array of the package `ml_dtypes`; many of
        NumPy's functions take it, and `.float().numpy()` is for those that do not.

        Raises:
            GradientError: if the tensor requires grad and `force` is False; use
                `.detach().numpy()`.
        """
        if self.node.needs_grad and not force:
            raise GradientError("numpy: the tensor requires grad; use .detach().numpy()")
        return engine.numpy(self.node)

    def item(self) -> Any:
        """Returns the one element as a Python number.

        Raises:
            ShapeError: if there is not exactly one element.
        """
        if self.shape and self.numel() != 1:
            raise ShapeError(f"item: needs one element, got shape {self.shape}; use .tolist()")
        return engine.item(self.node)

    def tolist(self) -> Any:
        """Returns the values as nested lists of Python numbers."""
        return engine.numpy(self.node).tolist()

    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> Array:
        array = self.numpy()
        if copy is False and dtype is not None and array.dtype != dtype:
            raise ValueError(f"an array of {array.dtype} becomes {dtype} only with a copy")
        return np.array(array, dtype=dtype) if copy else np.asarray(array, dtype=dtype)

    def __len__(self) -> _int:
        if not self.shape:
            raise TypeError("a zero-dimensional tensor has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("a zero-dimensional tensor cannot be iterated over")
        return iter(movement.unbind(self))

    def _one(self, op: str) -> Any:
        if self.numel() != 1:
            hint = "; use .any() or .all()" if op == "bool" else ""
            raise ShapeError(f"{op}: needs one element, got shape {self.shape}{hint}")
        return self.item()

    def __bool__(self) -> _bool:
        return bool(self._one("bool"))

    def __float__(self) -> _float:
        return float(self._one("float"))

    def __int__(self) -> _int:
        return int(self._one("int"))

    def __index__(self) -> _int:
        if self.dtype.is_floating_point:
            raise DTypeError(f"index: needs an integer tensor, got {self.dtype.name}")
        return int(self._one("index"))

    def __contains__(self, value: Operand) -> _bool:
        return bool(reduce.any(logic.eq(self, value)).item())

    def __repr__(self) -> str:
        return printing.text(self.node)

    def __format__(self, spec: str) -> str:
        if not self.shape and not self.node.needs_grad:
            return format(self.item(), spec)
        if spec:
            return format(self._one("format"), spec)
        return repr(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._check_copy("pickle")
        state = (engine.numpy(self.node), self.node.leaf)
        return _rebuild, (type(self), *state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        self._check_copy("deepcopy")
        if id(self) not in memo:
            new = _like(type(self), self.detach().node, self.node.leaf)
            memo[id(self)] = new
            if self.grad is not None and not isinstance(self, Parameter):  # as in PyTorch
                new.grad = self.grad.detach()
        return memo[id(self)]  # type: ignore[no-any-return]

    def _check_copy(self, op: str) -> None:
        if self.node.needs_grad and not self.node.leaf:
            raise GradientError(
                f"{op}: only leaves can be copied with their gradient; use .detach()"
            )

    # --- gradients

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up, or None; it may be set to either.

        Raises:
            ShapeError, DTypeError, DeviceError, GradientError: if what it is set to is not of the
                tensor's shape, dtype and device, or no tensor.
        """
        tracer = tracing.active
        if tracer is not None:
            tracer.looked(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            api.check_gradient(self, value)
        self._grad = value
        tracer = tracing.active
        if tracer is not None:
            tracer.graded(self)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    @property
    def requires_grad(self) -> _bool:
        """Whether gradients flow through it."""
        return self.node.needs_grad

    @requires_grad.setter
    def requires_grad(self, value: _bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> _bool:
        """True if it was not computed from tensors that require grad."""
        return self.node.leaf or not self.node.needs_grad

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed it, if gradients flow through it; None for leaves."""
        return None if self.is_leaf else self.node

    def requires_grad_(self, requires_grad: _bool = True) -> Tensor:
        """Makes gradients stop and gather here, or not; returns the tensor.

        Raises:
            DTypeError: if the dtype has no gradients.
            GradientError: if it was computed from tensors that require grad, and should no longer.
        """
        node = self.node
        if bool(requires_grad) is node.needs_grad:
            return self
        if requires_grad:
            creation.mark_leaf(node)
        elif node.leaf:
            rebind(self, become.plain(node))
        else:
            raise GradientError(
                "requires_grad_: only leaves can stop requiring grad; use .detach()"
            )
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Adds to `.grad` of every leaf the gradient of this tensor; see `autograd.backward`."""
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """Returns the same values, through which no gradient flows."""
        return wrap(become.plain(self.node))

    def detach_(self) -> Tensor:
        """Cuts this tensor from its graph, and returns it."""
        rebind(self, become.plain(self.node))
        return self

    @property
    def data(self) -> Tensor:
        """The same values, through which no gradient flows; in-place operations change both.

        Assigning to it gives the tensor the values, shape, dtype and device of another one. No
        gradient sees it; a leaf stays one.

        Raises:
            ArgumentError: if it is set to something else than a tensor.
            DTypeError: if the tensor requires grad and gets whole numbers.

        Example:
            >>> import tinygrad_cl as tg
            >>> x = tg.tensor([1.0, -2.0, 3.0], requires_grad=True)
            >>> x.data.clamp_(min=0)
            tensor([1., 0., 3.])
            >>> x.data = x.data[:2]
            >>> x
            tensor([1., 0.], requires_grad=True)
        """
        return classes.data.of(self)  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ArgumentError(f"data: needs a Tensor, got {type(value).__name__}")
        classes.data.assign(self, value)

    def clone(self) -> Tensor:
        """Returns the same values as a tensor of its own; gradients flow back to this one."""
        return wrap(p.alias(self.node))

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> autograd.RemovableHandle:
        """Calls `hook(gradient)` in every backward pass; an answer replaces the gradient.

        Raises:
            GradientError: if the tensor does not require grad.
        """
        return api.add_hook(self, hook)

    def retain_grad(self) -> None:
        """Makes `backward` keep the gradient of this tensor in `.grad`, though it is no leaf.

        Raises:
            GradientError: if the tensor does not require grad.
        """
        if not self.node.leaf:
            api.retain_grad(self)

    @property
    def retains_grad(self) -> _bool:
        """Whether `retain_grad` was called."""
        return RETAIN in (self.node.hooks or {})

    # --- other dtypes and devices

    def to(
        self,
        *args: Any,
        dtype: DTypeLike = None,
        device: DeviceLike = None,
        non_blocking: _bool = False,
        copy: _bool = False,
    ) -> Tensor:
        """Returns the tensor with another dtype, on another device, or like another tensor.

        `x.to(dtype)`, `x.to(device)`, `x.to(device, dtype)`, `x.to(other)`. If nothing changes it
        is the tensor itself, unless `copy`. `non_blocking` changes nothing: work is queued anyway.

        Raises:
            DTypeError, DeviceError: if there is no such dtype or device.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, Device) or (isinstance(arg, str) and not _names_dtype(arg)):
                device = arg
            elif arg is not None and not isinstance(arg, _bool):
                dtype = arg
        flags = [arg for arg in args if isinstance(arg, _bool)]  # by position, as in PyTorch
        copy = copy or flags[1:] == [True]
        result = self
        if device is not None and get_device(device) is not self.device:
            result = _Move.apply(self, get_device(device))
        if dtype is not None and dtypes.dtype(dtype) is not self.dtype:
            result = wrap(p.cast(result.node, dtype=dtypes.dtype(dtype)))
        return self.clone() if copy and result is self else result

    def type(self, dtype: DTypeLike = None) -> Any:
        """Returns the tensor in another dtype; without one, the name of its dtype.

        Example:
            >>> import tinygrad_cl as tg
            >>> tg.ones(1).type(tg.int64)
            tensor([1])
            >>> tg.ones(1).type()
            'float32'
        """
        return self.dtype.name if dtype is None else self.to(dtypes.dtype(dtype))

    def cpu(self) -> Tensor:
        """Returns the tensor on the processor: the default device if it is that, else "numpy"."""
        return self.to(device="cpu")

    def type_as(self, other: Tensor) -> Tensor:
        """Returns the tensor with the dtype of another."""
        return self.to(other.dtype)

    def float(self) -> Tensor:
        """Returns the tensor as float32."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """Returns the tensor as float64."""
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        """Returns the tensor as float16."""
        return self.to(dtypes.float16)

    def bfloat16(self) -> Tensor:
        """Returns the tensor as bfloat16."""
        return self.to(dtypes.bfloat16)

    def int(self) -> Tensor:
        """Returns the tensor as int32."""
        return self.to(dtypes.int32)

    def long(self) -> Tensor:
        """Returns the tensor as int64."""
        return self.to(dtypes.int64)

    def byte(self) -> Tensor:
        """Returns the tensor as uint8."""
        return self.to(dtypes.uint8)

    def bool(self) -> Tensor:
        """Returns the tensor as bool: where it is not zero."""
        return self.to(dtypes.bool_)


def _like(kind: type[Tensor], node: Node, leaf: bool) -> Tensor:
    """A tensor of a class, which may be a user's, that shows a fresh node."""
    tensor: Tensor = object.__new__(kind)
    tensor._grad = None
    tensor.node = node
    node.owner = weakref.ref(tensor)
    if leaf:
        creation.mark_leaf(node)
    return tensor


def _rebuild(kind: type[Tensor], array: Array, leaf: bool) -> Tensor:
    """What pickle calls."""
    return _like(kind, engine.upload(np.ascontiguousarray(array), get_device(None)), leaf)


class _Move(autograd.Function):
    """Copies a tensor to another device; the gradient is copied back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, device: Device) -> Tensor:
        ctx.device = x.device
        return wrap(engine.upload(engine.numpy(x.node), device))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g.to(device=ctx.device), None


class Parameter(Tensor):
    """A tensor that a module owns and an optimizer changes: it requires grad from the start.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.Parameter(tg.zeros(2)).requires_grad
        True
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        """Returns a parameter with the values of `data`."""
        given = creation.zeros(0) if data is None else creation.as_tensor(data)
        parameter = _like(cls, become.plain(given.node), requires_grad)
        assert isinstance(parameter, Parameter)
        return parameter

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


def _names_dtype(name: str) -> bool:
    return name in ("float", "double", "half", "int", "long", "byte") or name in [
        d.name for d in dtypes.ALL
    ]


classes.tensor = Tensor

__all__ = ["Parameter", "Tensor"]
