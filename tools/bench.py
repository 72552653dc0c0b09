"""Times whole training steps side by side with PyTorch: alternating rounds, medians and ratios.

Each library runs in a process of its own with the same number of threads; the rounds alternate, so
that a machine that is shared or changes its clock treats all alike. A step is forward, backward and
update on one fixed batch; its time is that of many steps and one wait at the end.

    python tools/bench.py --quick
    python tools/bench.py --nets lenet5,mlp --batches 32,128,256 --rounds 9 --json bench.json

PyTorch is taken from the interpreter `--torch-python` (by default this one) and left out with a
word where it is not installed. `torch` is its eager mode as it comes; `torch-best` has the fused
optimizer and channels_last. On processors of AMD PyTorch's MKL is slow; say so beside a ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Step = Callable[[], Any]
ROOT = Path(__file__).resolve().parent.parent


# ---- the nets, written once for both libraries: `nn` is either one's


def mlp(nn: Any) -> Any:
    """784-200-10, trained with Adam."""
    return nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))


def lenet5(nn: Any) -> Any:
    """LeNet-5, trained with momentum."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def vgg(nn: Any) -> Any:
    """Six convolutions with batch norm and dropout, trained with momentum."""
    layers: list[Any] = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        for channels in (before, after):
            conv = nn.Conv2d(channels, after, 3, padding=1)
            layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Dropout(0.2)]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(128 * 16, 128), nn.ReLU(), nn.Linear(128, 10)
    )


NETS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], str]] = {
    "mlp": (mlp, (784,), "adam"),
    "lenet5": (lenet5, (1, 28, 28), "sgd"),
    "vgg": (vgg, (3, 32, 32), "sgd"),
}


def batch(shape: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """One batch that all libraries get."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((size, *shape)).astype(np.float32), rng.integers(0, 10, size)


# ---- one library in one process


def tinygrad_step(net: str, size: int) -> tuple[Step, Step]:
    """A step of tinygrad_cl, and what waits for it."""
    import tinygrad_cl as tg

    make, shape, name = NETS[net]
    model = make(tg.nn)
    images, labels = (tg.tensor(array) for array in batch(shape, size))
    if name == "adam":
        optimizer: Any = tg.optim.Adam(model.parameters(), lr=1e-3)
    else:
        optimizer = tg.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step, tg.get_default_device().synchronize


def torch_step(net: str, size: int, best: bool) -> tuple[Step, Step]:
    """A step of PyTorch; `best` sets what makes it fast."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    make, shape, name = NETS[net]
    model = make(torch.nn)
    images, labels = (torch.from_numpy(array) for array in batch(shape, size))
    if best and len(shape) == 3:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    options = {"fused": True} if best else {}
    if name == "adam":
        optimizer: Any = torch.optim.Adam(model.parameters(), lr=1e-3, **options)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **options)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step, lambda: None


LIBRARIES: dict[str, Callable[[str, int], tuple[Step, Step]]] = {
    "tinygrad_cl": tinygrad_step,
    "torch": lambda net, size: torch_step(net, size, False),
    "torch-best": lambda net, size: torch_step(net, size, True),
}


def serve(library: str) -> None:
    """Answers lines of "net batch seconds" with milliseconds per step."""
    steps: dict[tuple[str, int], tuple[Step, Step]] = {}
    for line in sys.stdin:
        net, size, seconds = line.split()
        key = net, int(size)
        if key not in steps:
            steps[key] = LIBRARIES[library](*key)
            for _ in range(5):
                steps[key][0]()
        print(f"{timed(*steps[key], float(seconds)):.6f}", flush=True)


def timed(step: Step, wait: Step, seconds: float) -> float:
    """Milliseconds per step over about the given time."""
    step()
    wait()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        for _ in range(5):
            step()
        count += 5
    wait()
    return (time.perf_counter() - begin) / count * 1e3


# ---- the race


class Racer:
    """A library in its process."""

    def __init__(self, library: str, interpreter: str) -> None:
        self.library = library
        environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
        if library == "tinygrad_cl":
            environment["PYTHONPATH"] = str(ROOT)
        if library == "torch-best":  # keep freed memory instead of faulting it in again
            environment |= {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "-1"}
        self.process = subprocess.Popen(
            [interpreter, __file__, "--serve", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def time(self, net: str, size: int, seconds: float) -> float:
        """Milliseconds per step in one round."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{net} {size} {seconds}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.library} stopped while it timed {net} at batch {size}")
        return float(answer)

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def has_torch(interpreter: str) -> bool:
    """Whether an interpreter can import PyTorch."""
    found = subprocess.run([interpreter, "-c", "import torch"], capture_output=True, check=False)
    return found.returncode == 0


def race(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs all rounds; returns a row per net and batch."""
    names = ["tinygrad_cl"]
    if has_torch(options.torch_python):
        names += ["torch", "torch-best"]
    else:
        print(f"{options.torch_python} has no torch, so tinygrad_cl runs alone")
    racers = [
        Racer(name, sys.executable if name == "tinygrad_cl" else options.torch_python)
        for name in names
    ]
    rows = []
    for net in options.nets:
        for size in options.batches:
            times: dict[str, list[float]] = {name: [] for name in names}
            for _ in range(options.rounds):
                for racer in racers:
                    times[racer.library].append(racer.time(net, size, options.seconds))
            rows.append(summary(net, size, times))
            print(line(rows[-1]), flush=True)
    for racer in racers:
        racer.close()
    return rows


def summary(net: str, size: int, times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, and the median of the ratios of neighboring rounds."""
    ours = times["tinygrad_cl"]
    ratios = {
        name: statistics.median(theirs / mine for theirs, mine in zip(values, ours, strict=True))
        for name, values in times.items()
        if name != "tinygrad_cl"
    }
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {"net": net, "batch": size, "ms": medians, "ratio": ratios, "rounds": times}


def line(row: dict[str, Any]) -> str:
    """A row of the table, for people."""
    parts = [f"{row['net']:8} batch {row['batch']:4}"]
    for name, ms in row["ms"].items():
        ratio = f" ({row['ratio'][name]:.2f}x)" if name in row["ratio"] else ""
        parts.append(f"{name} {ms:.3f} ms{ratio}")
    return "   ".join(parts)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--serve", choices=sorted(LIBRARIES), help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="LeNet-5 at batch 128, few rounds")
    parser.add_argument("--nets", default=",".join(NETS), help="of " + ", ".join(NETS))
    parser.add_argument("--batches", default="32,128,256")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one round of one library")
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter with PyTorch")
    parser.add_argument("--json", type=Path, help="where all times go")
    given = parser.parse_args()
    if given.quick:
        given.nets, given.batches, given.rounds = "lenet5", "128", 5
    given.nets = given.nets.split(",")
    given.batches = [int(size) for size in given.batches.split(",")]
    unknown = set(given.nets) - set(NETS)
    if unknown:
        parser.error(f"unknown nets {', '.join(sorted(unknown))}; there are {', '.join(NETS)}")
    return given


def main() -> None:
    """Runs the race, or one library of it."""
    given = options()
    if given.serve:
        serve(given.serve)
        return
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rows = race(given)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
