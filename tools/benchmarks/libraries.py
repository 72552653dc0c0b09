"""The libraries that race, how each is started, and what to install where it is absent."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parents[1]
ROOT = TOOLS.parent

# Freed memory is kept instead of being faulted in anew for every step.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "-1"}
_UNSET = ("OPENBLAS_CORETYPE", "MKL_DEBUG_CPU_TYPE", *_KEEP_MEMORY)


@dataclass(frozen=True, slots=True)
class Library:
    """One entry of the race.

    Attributes:
        name: what tables call it.
        package: what is imported.
        variant: which of its modes or settings.
        install: how to get it.
        environment: what its process finds set.
        ours: whether the others are compared with it.
        slow: whether `--quick` leaves it out because it compiles for long.
    """

    name: str
    package: str
    variant: str
    install: str
    environment: dict[str, str] = field(default_factory=dict)
    ours: bool = False
    slow: bool = False


_TORCH = "pip install torch, and --torch-python if it is another interpreter's"
_JAX = "pip install jax, and --jax-python if it is another interpreter's"
_TINYGRAD = "pip install tinygrad numpy (and a clang), and --tinygrad-python"
_SKYLAKE = {"OPENBLAS_CORETYPE": "SkylakeX"}

LIBRARIES: dict[str, Library] = {
    library.name: library
    for library in (
        Library("tinygrad_cl", "tinygrad_cl", "", 'pip install -e ".[cpu]"', ours=True),
        Library("tinygrad_cl-jit", "tinygrad_cl", "jit", 'pip install -e ".[cpu]"', ours=True),
        Library("torch", "torch", "", _TORCH),
        Library("torch-best", "torch", "best", _TORCH, _KEEP_MEMORY),
        Library("torch-tf32", "torch", "best", _TORCH, {**_KEEP_MEMORY, "BENCH_TF32": "1"}),
        Library("torch.compile", "torch", "compile", _TORCH, _KEEP_MEMORY, slow=True),
        Library("jax", "jax", "", _JAX),
        Library("tinygrad", "tinygrad", "", _TINYGRAD, {"DEV": "CPU"}, slow=True),
        Library("numpy", "numpy", "", "pip install numpy"),
        Library("numpy-skylakex", "numpy", "skylakex", "pip install numpy", _SKYLAKE),
    )
}


@dataclass(frozen=True, slots=True)
class Setup:
    """What the command line says about processes.

    Attributes:
        pythons: interpreter by package; those left out run in this one.
        threads: of every library.
        device: of tinygrad_cl, by name; empty for the default.
        torch_device: of PyTorch.
        beam: how far tinygrad searches; 0 does not.
        limit: seconds that one answer may take.
    """

    pythons: dict[str, str]
    threads: int
    device: str = ""
    torch_device: str = "cpu"
    beam: int = 0
    limit: float = 300.0

    def python(self, library: Library) -> str:
        """The interpreter of a library."""
        return self.pythons.get(library.package) or sys.executable

    def environment(self, library: Library) -> dict[str, str]:
        """What the process of a library finds set."""
        found = {key: value for key, value in os.environ.items() if key not in _UNSET}
        threads = str(self.threads)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BENCH_THREADS"):
            found[name] = threads
        found["PYTHONPATH"] = os.pathsep.join([str(TOOLS), str(ROOT)][: 1 + library.ours])
        found["BENCH_TORCH_DEVICE"] = self.torch_device
        if self.device and library.ours:
            found["TINYGRAD_CL_DEVICE"] = self.device
        if self.beam and library.package == "tinygrad":
            found["BEAM"] = str(self.beam)
        return found | library.environment

    def command(self, library: Library, module: str, *words: str) -> list[str]:
        """What starts a module of this package in the interpreter of a library."""
        line = [self.python(library), "-m", f"benchmarks.{module}", library.package]
        return [*self._pinned(), *line, library.variant, *words]

    def _pinned(self) -> list[str]:
        """Keeps libraries that ask nobody on so many processors, where that can be done."""
        available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if self.threads >= len(available) or not shutil.which("taskset"):
            return []
        return ["taskset", "-c", ",".join(map(str, available[: self.threads]))]


def absent(library: Library, setup: Setup) -> str:
    """Why a library cannot run, or "" if it can."""
    python = setup.python(library)
    if not shutil.which(python):
        return f"there is no interpreter {python}"
    found = subprocess.run(
        [python, "-c", f"import numpy, {library.package}"],
        capture_output=True,
        text=True,
        check=False,
        env=setup.environment(library),
    )
    if found.returncode:
        lines = found.stderr.strip().splitlines()
        return f"not installed ({lines[-1] if lines else 'import failed'}): {library.install}"
    return _unusable(library, setup)


def _unusable(library: Library, setup: Setup) -> str:
    """What a library needs besides itself."""
    if library.variant == "compile" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        return "torch.compile needs a C++ compiler: install g++ or clang++"
    if library.package == "tinygrad" and not shutil.which(os.environ.get("CC", "clang")):
        return "tinygrad's CPU backend needs clang: install it, or point CC at one"
    if library.name == "torch-tf32" and setup.torch_device == "cpu":
        return "a setting of GPUs: give --torch-device cuda"
    return ""


class Stopped(Exception):
    """A process ended or took too long."""


class Worker:
    """A library in its process; started at the first question, and again after it stopped.

    Between questions the process is held where the system can do that: threads of OpenBLAS and
    OpenMP spin for a while after their work, which would take a core from the next library.
    """

    def __init__(self, library: Library, setup: Setup) -> None:
        self.library = library
        self.setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, closed with the worker

    def ask(self, do: str, **options: Any) -> dict[str, Any]:
        """The answer to a question; `missing` in it says why there is none."""
        try:
            return self._ask({"do": do, **options})
        except Stopped as error:
            self._kill()
            return {"missing": str(error)}

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        self._hold(False)
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        except OSError as error:
            raise Stopped(f"the process stopped: {error}{self._last_words()}") from error
        found: dict[str, Any] = json.loads(self._line(process))
        self._hold(True)
        return found

    def _hold(self, still: bool) -> None:
        """Stops the process where it is, or lets it go on."""
        if self._process is not None and hasattr(signal, "SIGSTOP"):
            self._process.send_signal(signal.SIGSTOP if still else signal.SIGCONT)

    def _start(self) -> None:
        self._kill()
        self._rest = b""
        self._process = subprocess.Popen(
            self.setup.command(self.library, "worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self.setup.environment(self.library),
        )

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """One line of the process's answers."""
        assert process.stdout is not None
        handle, end = process.stdout.fileno(), time.monotonic() + self.setup.limit
        while b"\n" not in self._rest:
            ready, _, _ = select.select([handle], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise Stopped(f"no answer within {self.setup.limit:g} s")
            found = os.read(handle, 1 << 16)
            if not found:
                code = process.wait()
                raise Stopped(f"the process stopped with {code}{self._last_words()}")
            self._rest += found
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").strip().splitlines()
            return f": {lines[-1][:200]}" if lines else ""
        return ""

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(OSError):  # what was not sent to a process that is gone
                self._process.communicate()
            self._process = None

    def close(self) -> None:
        """Ends the process, for good."""
        if self._process is not None and self._process.stdin is not None:
            self._hold(False)
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self._process.communicate(timeout=10)
        self._kill()
        self._log.close()


@contextlib.contextmanager
def workers(names: list[str], setup: Setup) -> Iterator[dict[str, Worker]]:
    """A worker per library; ended in any case."""
    started = {name: Worker(LIBRARIES[name], setup) for name in names}
    try:
        yield started
    finally:
        for worker in started.values():
            worker.close()
