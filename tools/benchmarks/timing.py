"""How a step is timed, and what the memory of a process was. Runs beside every library."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_CHUNKS = 5  # parts of a round, after each of which the work is waited for


class Step(NamedTuple):
    """Something that can be repeated.

    Attributes:
        run: does it once; may return before the work is done. Steps of training return the loss.
        wait: returns when all work is done.
        loss: makes a Python float of what `run` returned.
        note: a word on how it is run that people should know, or "".
    """

    run: Callable[[], Any]
    wait: Callable[[], Any]
    loss: Callable[[Any], float] = float
    note: Callable[[], str] = str


def timed(step: Step, seconds: float, each: bool = False) -> float:
    """Milliseconds per repetition over about the given time, at least one.

    Args:
        step: what is repeated; it must be warm.
        seconds: how long to go on.
        each: whether the work is waited for after every repetition, and not only now and then.
    """
    run, wait = step.run, step.wait
    begin = time.perf_counter()
    run()
    wait()
    once = max(time.perf_counter() - begin, 1e-7)
    if once > seconds:
        return once * 1e3
    chunk = max(1, int(seconds / _CHUNKS / once))
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        for _ in range(chunk):
            run()
            if each:
                wait()
        wait()
        count += chunk
    return (time.perf_counter() - begin) / count * 1e3


def resident_mib(which: str = "VmRSS") -> float | None:
    """Memory of this process in MiB, now ("VmRSS") or at most ("VmHWM"); None if unknown."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(which + ":"):
            return int(line.split()[1]) / 1024
    return None


def forget_peak() -> bool:
    """Starts the measurement of the peak anew; False where the system does not allow it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
