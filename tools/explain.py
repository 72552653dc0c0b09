"""Prints the plan and the generated kernels of a line that you write.

python tools/explain.py "(x @ w + b).relu().sum()"
python tools/explain.py --backward "F.mse_loss(x.tanh(), y)" x=1000x10 y=1000x10
python tools/explain.py --full "x.long().sum(0)" x=3x4:int32

The line may use the tensors below, `tg` (tinygrad_cl), `nn` and `F` (nn.functional). A tensor is
declared by NAME=SIZES, with an optional :dtype; there by default: x=64x256 w=256x128 b=128.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.compiler.execute import DeviceExecutable
from tinygrad_cl.compiler.plan import Launch, Plan
from tinygrad_cl.compiler.templates import kernel_source, readable_source
from tinygrad_cl.runtime.base import Device
from tinygrad_cl.runtime.device import get_device

DEFAULTS = ("x=64x256", "w=256x128", "b=128")


def declared(text: str, device: Device, backward: bool) -> tuple[str, tg.Tensor]:
    """Returns the name and the tensor that `NAME=3x4:dtype` declares."""
    name, _, form = text.partition("=")
    sizes, _, dtype = form.partition(":")
    try:
        shape = tuple(int(size) for size in sizes.split("x") if size)
        kind = getattr(tg, dtype or "float32")
    except (AttributeError, ValueError) as error:
        raise SystemExit(f"explain: cannot read {text!r}: {error}; write x=3x4:float32") from None
    tensor = tg.ones(*shape, dtype=kind, device=device)
    engine.realize([tensor.node])
    return name, tensor.requires_grad_(backward and kind.is_floating_point)


def plans(device: Device) -> Iterator[Plan]:
    """Yields the plans that the device has, oldest first."""
    for executable in device.plans.values():
        if isinstance(executable, DeviceExecutable):
            yield executable.plan


def explain(plan: Plan, full: bool) -> Iterator[str]:
    """Yields the plan, then each of its kernels once."""
    yield str(plan)
    kernels = {step.kernel.name: step.kernel for step in plan.steps if isinstance(step, Launch)}
    for kernel in kernels.values():
        yield f"// {kernel.name}"
        yield kernel_source(kernel) if full else readable_source(kernel)


def main() -> None:
    """Evaluates the line, realizes it, and prints what that took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("line", help="an expression that gives a tensor")
    parser.add_argument("tensors", nargs="*", metavar="NAME=SIZES[:dtype]")
    parser.add_argument("--backward", action="store_true", help="with the gradients of its sum")
    parser.add_argument("--full", action="store_true", help="with the text of the templates")
    parser.add_argument("--device", help="an OpenCL device; default: the best one")
    options = parser.parse_args()
    device = get_device(options.device or "opencl")
    names = dict(declared(text, device, options.backward) for text in (*DEFAULTS, *options.tensors))
    before = len(list(plans(device)))
    try:
        result = eval(options.line, {"tg": tg, "nn": nn, "F": nn.functional, **names})
    except Exception as error:
        raise SystemExit(f"explain: {options.line}: {type(error).__name__}: {error}") from None
    if not isinstance(result, tg.Tensor):
        raise SystemExit(f"explain: the line gives {type(result).__name__}, not a tensor")
    wanted = [result]
    if options.backward:
        result.sum().backward()
        wanted += [tensor.grad for tensor in names.values() if tensor.grad is not None]
    engine.realize([tensor.node for tensor in wanted])
    for plan in list(plans(device))[before:]:
        print("\n".join(explain(plan, options.full)))


if __name__ == "__main__":
    try:
        main()
    except tg.TinygradError as error:
        sys.exit(f"explain: {error}")
