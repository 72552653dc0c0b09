"""Samples of arguments, and `gradcheck_cases`: a gradient check per sample, as pytest tests."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.dtypes import DType
from tinygrad_cl.engine import upload
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.runtime.device import Device
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.testing.evaluation import read_exactly
from tinygrad_cl.testing.gradcheck import gradcheck
from tinygrad_cl.testing.report import Report, Verdict


class Sample:
    """The arguments of one call of a function.

    Float arrays are the inputs by which gradients are checked; other arrays become tensors that are
    not. Of tensors only those that require grad are checked. Everything else is passed on as it is.

    Args:
        args: positional arguments.
        name: the id of its test (default: made of shapes and dtypes).
        accept: verdicts that are as good as OK for this sample, such as "kink".
        kwargs: keyword arguments.

    Example:
        >>> Sample(np.ones((2, 3)), 1, dim=0)
        float64[2,3]-1-dim=0
    """

    def __init__(
        self,
        *args: Any,
        name: str = "",
        accept: Sequence[str | Verdict] = (),
        **kwargs: Any,
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.name = name
        self.accept = tuple(Verdict(verdict) for verdict in accept)

    def __repr__(self) -> str:
        given = [_label(value) for value in self.args]
        given += [f"{key}={_label(value)}" for key, value in self.kwargs.items()]
        return self.name or "-".join(given) or "no arguments"

    def arguments(self, device: Device, dtype: DType) -> tuple[list[Any], dict[str, Any]]:
        """Returns the arguments with tensors on a device, floats in a dtype."""
        args = [_placed(value, device, dtype) for value in self.args]
        return args, {key: _placed(value, device, dtype) for key, value in self.kwargs.items()}

    def check(
        self, function: Callable[..., Any], device: Device, dtype: DType, **options: Any
    ) -> Report:
        """Checks the gradient of a function at this sample; options as those of `gradcheck`."""
        args, kwargs = self.arguments(device, dtype)
        names, count = list(kwargs), len(args)

        def flat(*values: Any) -> Any:
            return function(*values[:count], **dict(zip(names, values[count:], strict=True)))

        options = {"name": f"{_name_of(function)}({self!r})"} | options
        return gradcheck(flat, [*args, *kwargs.values()], raise_exception=False, **options)


def gradcheck_cases(
    *samples: Any,
    devices: str | Sequence[str] | None = None,
    dtypes: str | DType | Sequence[str | DType] = "widest",
    accept: Sequence[str | Verdict] = (),
    **options: Any,
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Makes a pytest test of a function: its gradient is checked at each sample, on each device.

    The decorated function is what is checked: it takes a sample's arguments and returns tensors.
    The pytest plugin that comes with the library (it needs no import) chooses the devices.

    Args:
        samples: `Sample`s; tuples of arguments; or single arguments. A callable without arguments
            that returns an iterable of these stands for all of them.
        devices: where to check, unless `--tinygrad-cl-devices` says it (default: the default one).
        dtypes: in which float dtypes; "widest" is float64, or float32 on devices that have no more.
            Gradients in narrow dtypes are compared with a float64 evaluation on the host.
        accept: verdicts that are as good as OK, such as "kink".
        options: those of `gradcheck`: `order=2`, `atol`, `rtol`, `eps`, `directions`, `seed`.

    Raises:
        ArgumentError: if there is no sample.

    Example:
        >>> import tinygrad_cl as tg
        >>> @gradcheck_cases(np.array([0.5, 2.0]), Sample(np.ones((2, 3)), dim=1), order=2)
        ... def test_my_softmax(x, dim=0):
        ...     return tg.exp(x) / tg.exp(x).sum(dim, keepdim=True)
    """
    listed = [_sample(value) for value in _listed(samples)]
    if not listed:
        raise ArgumentError("gradcheck_cases: needs at least one sample")
    accepted = {Verdict.OK, *(Verdict(verdict) for verdict in accept)}

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        import pytest

        method = next(iter(inspect.signature(function).parameters), "") == "self"

        @functools.wraps(function)
        def test(*args: Any, **given: Any) -> None:
            sample: Sample = given["tinygrad_cl_sample"]
            bound = functools.partial(function, *args) if args else function
            device, dtype = given["tinygrad_cl_device"], given["tinygrad_cl_dtype"]
            report = sample.check(bound, device, dtype, **options)
            if report.verdict not in accepted.union(sample.accept):
                pytest.fail(str(report), pytrace=False)

        test.__signature__ = _signature(["self"] * method)  # type: ignore[attr-defined]
        marked = pytest.mark.parametrize("tinygrad_cl_sample", listed, ids=repr)(test)
        chosen: Callable[..., None] = pytest.mark.tinygrad_cl(devices=devices, dtypes=dtypes)(
            marked
        )
        return chosen

    return decorate


def _signature(leading: Iterable[str]) -> inspect.Signature:
    names = [*leading, "tinygrad_cl_device", "tinygrad_cl_dtype", "tinygrad_cl_sample"]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])


def _listed(samples: tuple[Any, ...]) -> Iterable[Any]:
    if len(samples) == 1 and callable(samples[0]) and not isinstance(samples[0], Tensor):
        return samples[0]()  # type: ignore[no-any-return]
    return samples


def _sample(value: Any) -> Sample:
    if isinstance(value, Sample):
        return value
    return Sample(*value) if isinstance(value, tuple) else Sample(value)


def _label(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype.name}{list(value.shape)}".replace(" ", "")
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}".replace(" ", "")
    return str(getattr(value, "__name__", value))


def _placed(value: Any, device: Device, dtype: DType) -> Any:
    if isinstance(value, Tensor):
        array, differentiable = read_exactly(value), value.requires_grad
    elif isinstance(value, np.ndarray):
        array, differentiable = value, _is_float(value)
    else:
        return value
    is_float = _is_float(array)
    copied = np.array(array, dtype=dtype.numpy if is_float else array.dtype, order="C")
    node = upload(copied, device)
    node.leaf = node.needs_grad = differentiable and is_float
    return wrap(node)


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def _name_of(function: Callable[..., Any]) -> str:
    function = getattr(function, "func", function)
    return str(getattr(function, "__name__", type(function).__name__))


__all__ = ["Sample", "gradcheck_cases"]
