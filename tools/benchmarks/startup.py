"""Whole processes: from their start to the first finished training step, and imports alone.

All libraries find their bytecode, as they do where they are installed: a variable that forbids to
write it would make those slow whose files were not compiled when they were installed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.libraries import LIBRARIES, Setup

_LIMIT = 300.0  # seconds that a process may take

# Where libraries keep compiled kernels between processes: a fresh folder makes them start cold.
_CACHES = {
    "tinygrad_cl": "TINYGRAD_CL_CACHE",
    "torch.compile": "TORCHINDUCTOR_CACHE_DIR",
    "tinygrad": "CACHEDB",
}


def measure(
    names: list[str], setup: Setup, net: str, size: int, rounds: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """A row per library: seconds of an import, and of a first step cold and warm.

    Libraries without a cache on disk start alike every time; their times stand under `warm`.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        bare = statistics.median(_seconds([sys.executable, "-c", "print(1)"]) for _ in range(5))
        for name in names:
            row = _row(name, setup, [net, str(size)], rounds, Path(folder) / name)
            row["bare_python"] = bare
            rows.append(row)
            parts = [f"{key} {row[key]:.2f} s" for key in ("import", "cold", "warm") if row[key]]
            say(f"  {name}: " + (", ".join(parts) or row["missing"]))
    return rows


def _row(name: str, setup: Setup, words: list[str], rounds: int, folder: Path) -> dict[str, Any]:
    library = LIBRARIES[name]
    environment = setup.environment(library)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    row: dict[str, Any] = {"library": name, "net": words[0], "batch": int(words[1])}
    row |= {"import": None, "cold": None, "warm": None, "missing": ""}
    command = setup.command(library, "first_step", *words)
    plain = [setup.python(library), "-c", f"import {library.package}; print(1, flush=True)"]
    variable = _CACHES.get(name) or _CACHES.get(library.package)
    try:
        _seconds(plain, environment)  # its files are read from the disk once
        row["import"] = _median(plain, [environment] * rounds)
        if variable is None or (library.package == "torch" and library.variant != "compile"):
            row["warm"] = _median(command, [environment] * rounds)
            return row
        folder.mkdir()
        cold = [environment | {variable: str(_fresh(folder, n))} for n in range(rounds)]
        row["cold"] = _median(command, cold)
        row["warm"] = _median(command, [cold[0]] * rounds)
    except (subprocess.SubprocessError, OSError) as error:
        row["missing"] = _why(error)
    return row


def _fresh(folder: Path, number: int) -> Path:
    return folder / f"cache{number}"


def _why(error: Exception) -> str:
    output = getattr(error, "stderr", None) or b""
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else str(error)[:200]


def _median(command: list[str], environments: list[dict[str, str]]) -> float:
    return statistics.median(_seconds(command, one) for one in environments)


def _seconds(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds from the start of a process to its first line; raises if it fails."""
    with tempfile.TemporaryFile() as log:
        begin = time.perf_counter()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=log
        ) as process:
            assert process.stdout is not None
            killer = threading.Timer(_LIMIT, process.kill)
            killer.start()
            line = process.stdout.readline()
            taken = time.perf_counter() - begin
            process.stdout.read()
            killer.cancel()
        if not line or process.returncode:
            log.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, None, log.read())
    return taken
