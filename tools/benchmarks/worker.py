"""A library in its process: reads a question per line, answers with a line, both JSON.

    python -m benchmarks.worker LIBRARY VARIANT

What the library prints goes to standard error, so that it cannot disturb the answers.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from benchmarks import kernels, nets, timing
from benchmarks.timing import Step

_WARM = 10  # repetitions of a kernel before its first timing; after eight, plans settle
_FIRST = 5  # training steps before it, whose losses are compared; captured ones replay the last two
_CHECKED = 8  # batch size at which nets without their dropout are compared

# Module and name of the functions that make steps and kernels, by library.
STEPS = {
    "tinygrad_cl": ("modules", "tinygrad_cl_step"),
    "torch": ("modules", "torch_step"),
    "jax": ("jax_steps", "step"),
    "tinygrad": ("tinygrad_steps", "step"),
    "numpy": ("numpy_steps", "step"),
}
KERNELS = {
    "tinygrad_cl": ("kernel_ops", "tinygrad_cl_kernel"),
    "torch": ("kernel_ops", "torch_kernel"),
    "numpy": ("numpy_kernels", "kernel"),
}


def make(table: dict[str, tuple[str, str]], library: str) -> Callable[..., Step]:
    """The function that a table names; its module is loaded now."""
    module, name = table[library]
    function: Callable[..., Step] = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    return function


class Service:
    """Answers questions about one library."""

    def __init__(self, library: str, variant: str) -> None:
        self.library = library
        self.variant = variant
        self._ready: dict[tuple[Any, ...], Step] = {}
        self._losses: dict[tuple[Any, ...], list[float]] = {}

    def version(self) -> dict[str, Any]:
        """The library's version."""
        module = importlib.import_module(self.library)
        found = getattr(module, "__version__", None)
        if found is None:
            from importlib.metadata import version

            found = version(self.library)
        return {"version": str(found), "python": sys.version.split()[0]}

    def device(self) -> dict[str, Any]:
        """The device on which tinygrad_cl computes."""
        import tinygrad_cl as tg

        return {
            "device": tg.get_default_device().description,
            "jit": callable(getattr(tg, "jit", None)),
        }

    def kernel(self, case: str, seconds: float, each: bool = False) -> dict[str, Any]:
        """Milliseconds of a kernel."""
        found = self._held(("kernel", case), lambda: self._kernel(case))
        return {"ms": timing.timed(found, seconds, each)}

    def _kernel(self, case: str) -> Step:
        if self.library not in KERNELS:
            raise LookupError(f"{self.library} takes no part in the kernels")
        step = make(KERNELS, self.library)(kernels.CASES[case], self.variant)
        for _ in range(_WARM):
            step.run()
        step.wait()
        return step

    def launches(self, case: str, threads: int, seconds: float) -> dict[str, Any]:
        """Milliseconds of the launches of a kernel's plan, without the Python that leads to them.

        Also their number, and the machine's ceilings at that time (`ceilings.beside`).
        """
        import tinygrad_cl as tg
        from benchmarks import ceilings

        device = tg.get_default_device()
        if device.kind == "host":
            raise ceilings.Unmeasured("no OpenCL device: nothing is launched")
        step = self._held(("kernel", case), lambda: self._kernel(case))
        launched: list[Any] = []
        run = device.run

        def remembering(launches: list[Any]) -> None:
            launched.extend(launches)
            run(launches)

        device.run = remembering  # type: ignore[method-assign]
        try:
            step.run()
            step.wait()
        finally:
            del device.run
        work = kernels.CASES[case]
        found = ceilings.beside(launched, work.moved, work.exps > 0, threads, 2 * seconds)
        return {"count": len(launched), **found}

    def step(self, net: str, batch: int, seconds: float, each: bool = False) -> dict[str, Any]:
        """Milliseconds of a training step, and the losses of the first ones."""
        key = ("step", net, batch)
        step = self._held(key, lambda: self._step(key))
        ms = timing.timed(step, seconds, each)
        return {"ms": ms, "losses": self._losses[key], "note": step.note()}

    def _step(self, key: tuple[Any, ...]) -> Step:
        step = make(STEPS, self.library)(nets.NETS[key[1]], key[2], self.variant)
        self._losses[key] = [step.loss(step.run()) for _ in range(_FIRST)]
        step.run()
        step.wait()
        return step

    def check(self, net: str) -> dict[str, Any]:
        """The losses of the first steps of a small batch, without dropout."""
        plain = nets.NETS[net].without_dropout()
        step = make(STEPS, self.library)(plain, _CHECKED, self.variant)
        return {"losses": [step.loss(step.run()) for _ in range(_FIRST)]}

    def forget(self) -> dict[str, Any]:
        """Drops all nets and kernels."""
        self._ready.clear()
        gc.collect()
        return {}

    def _held(self, key: tuple[Any, ...], prepare: Callable[[], Step]) -> Step:
        if key not in self._ready:
            self.forget()
            self._ready[key] = prepare()
        return self._ready[key]

    def memory(self, net: str, batch: int) -> dict[str, Any]:
        """Memory in MiB in this (fresh) process: before the net is made, and at most in a step."""
        function = make(STEPS, self.library)
        warm = function(nets.NETS["mlp"], 1, self.variant)  # the library and its devices are loaded
        warm.run()
        warm.wait()
        del warm
        before = timing.resident_mib()
        step = function(nets.NETS[net], batch, self.variant)
        for _ in range(_FIRST):
            step.loss(step.run())
        reset = timing.forget_peak()
        for _ in range(2):
            step.run()
            step.wait()
        return {"before": before, "peak": timing.resident_mib("VmHWM"), "of_step_alone": reset}

    def ceilings(self, threads: int, quick: bool) -> dict[str, Any]:
        """What the machine can do at best."""
        from benchmarks import ceilings

        return ceilings.measure(threads, quick)

    def round_trip(self) -> dict[str, Any]:
        """Nanoseconds of a cache line between two cores."""
        from benchmarks import ceilings

        return {"ns": ceilings.round_trip_ns()}

    def share(self, net: str, batch: int, steps: int) -> dict[str, Any]:
        """Python's part of a step."""
        from benchmarks import share

        return share.measure(net, batch, self.variant, steps)


def answer(service: Service, question: dict[str, Any]) -> dict[str, Any]:
    """What a question returns, or why it has no answer."""
    name = question.pop("do")
    try:
        return getattr(service, name)(**question)  # type: ignore[no-any-return]
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        word = f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
        return {"missing": word, "trace": traceback.format_exc()}


def serve(service: Service, questions: TextIO, answers: TextIO) -> None:
    """Answers until there are no more questions."""
    for line in questions:
        question = json.loads(line)
        begin = time.perf_counter()
        found = answer(service, question)
        found["seconds"] = time.perf_counter() - begin
        answers.write(json.dumps(found) + "\n")
        answers.flush()


def main() -> None:
    """Serves one library over the standard streams."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(Service(sys.argv[1], sys.argv[2]), sys.stdin, answers)


if __name__ == "__main__":
    main()
