"""Times tinygrad_cl side by side with other libraries: kernels, training steps, start-up, Python.

Each library runs in a process of its own with the same number of threads; the rounds alternate, so
that a machine that is shared or changes its clock treats all alike. Reported are medians, and
medians of the ratios of neighboring rounds. The parts:

    a  kernels, each with its share of the ceiling that is measured beside it
    b  whole training steps (forward, backward, update), whose first losses must agree
    c  start-up: from the start of a process to its first finished step, cold and warm
    d  Python's share, launches, bytes moved, peak memory, growth with the batch

    python tools/bench.py --quick
    python tools/bench.py --parts b --nets lenet5,mlp --batches 32,128 --json bench.json
    python tools/bench.py --parts a --kernels "conv 3x3,softmax" --plot bench.png
    python tools/bench.py --read bench.json --parts b --plot steps.svg

Libraries that are absent are left out with a word. `torch` is PyTorch's eager mode as it comes;
`torch-best` has the fused optimizer, channels_last and an allocator that keeps memory;
`torch.compile` has these compiled. On processors of AMD, PyTorch's MKL and an OpenBLAS as it comes
run code for smaller vectors; `numpy-skylakex` tells OpenBLAS otherwise. Say so beside a ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmarks import kernels, plot, race, startup, tables
from benchmarks.libraries import LIBRARIES, Setup, Worker, absent, workers
from benchmarks.nets import NETS

OURS = [name for name, library in LIBRARIES.items() if library.ours]
KERNEL_LIBRARIES = ("tinygrad_cl", "torch", "torch-best", "torch-tf32", "numpy", "numpy-skylakex")
SCALING = ("lenet5", "vgg")
KEYS = {  # what each part measures
    "a": ("ceilings", "kernels"),
    "b": ("steps",),
    "c": ("startup",),
    "d": ("share", "memory", "scaling"),
}
ROWS = [key for keys in KEYS.values() for key in keys if key != "ceilings"]
Results = dict[str, Any]


def say(text: str = "") -> None:
    """Prints a line at once."""
    print(text, flush=True)


def machine(threads: int) -> dict[str, Any]:
    """Where the numbers were measured, without any name of the machine."""
    lines: list[str] = []
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def present(setup: Setup, wanted: list[str]) -> dict[str, dict[str, Any]]:
    """The libraries that can run, with their versions; prints how to get the others."""
    found: dict[str, dict[str, Any]] = {}
    reasons: dict[tuple[str, str], str] = {}
    for name in wanted:
        library = LIBRARIES[name]
        key = (library.package, library.variant)
        why = reasons[key] = reasons.get((library.package, "")) or absent(library, setup)
        if why:
            say(f"{name} is left out: {why}")
            continue
        with workers([name], setup) as started:
            version = started[name].ask("version")
            device = started[name].ask("device") if library.ours else {}
        if library.variant == "jit" and not device.get("jit"):
            say(f"{name} is left out: this version has no tinygrad_cl.jit")
            continue
        found[name] = version | device
        say(f"{name}: {version.get('version', '?')} {device.get('device', '')}".rstrip())
    return found


def part_a(given: argparse.Namespace, racers: dict[str, Worker], results: Results) -> None:
    """Kernels."""
    cases = kernels.chosen(given.kernels, given.quick)
    some = {name: racers[name] for name in KERNEL_LIBRARIES if name in racers}
    say(f"(a) {len(cases)} kernels")
    found = racers["tinygrad_cl"].ask("ceilings", threads=given.threads, quick=given.quick)
    results["ceilings"] = found
    pace = race.Pace(given.rounds, min(given.seconds, given.kernel_seconds), given.budget)
    results["kernels"] = race.kernels(some, cases, pace, given.threads, say)
    say()


def show_a(results: Results) -> None:
    """Prints the tables of the kernels."""
    some = [name for name in KERNEL_LIBRARIES if name in results["libraries"]]
    weak = tables.weak_kernels(results["kernels"])
    say("\n".join([*tables.ceilings(results["ceilings"]), ""]))
    say("\n".join([*tables.kernels(results["kernels"], some), ""]))
    count = f"{len(weak)} of {len(results['kernels'])} kernels"
    say(f"{count} are below 85 % of the ceiling or behind a peer:")
    say("\n".join([*tables.kernels(weak, some), ""]))


def part_b(given: argparse.Namespace, racers: dict[str, Worker], results: Results) -> None:
    """Training steps."""
    say(f"(b) training steps of {', '.join(given.nets)}")
    pace = race.Pace(given.rounds, given.seconds, given.budget, given.each)
    results["steps"] = race.steps(racers, given.nets, given.batches, pace, say)
    say()


def show_b(results: Results) -> None:
    """Prints the table of the training steps, and what did not run."""
    rows = results["steps"]
    say("\n".join([*tables.steps(rows, list(results["libraries"]), OURS), ""]))
    for row in rows:
        for name, reason in row["missing"].items():
            if not reason.startswith("Unsupported"):
                say(f"{row['case']}: {name} did not run: {reason}")


def part_c(given: argparse.Namespace, racers: dict[str, Worker], results: Results) -> None:
    """Start-up."""
    say("(c) start-up, LeNet-5 at batch 32")
    # a captured step starts like a define-by-run one; NumPy has no LeNet-5
    names = [name for name in racers if LIBRARIES[name].variant != "jit" and "numpy" not in name]
    rounds = 1 if given.quick else min(given.rounds, 3)
    results["startup"] = startup.measure(names, given.setup, "lenet5", 32, rounds, say)
    say()


def show_c(results: Results) -> None:
    """Prints the table of the starts."""
    say("\n".join([*tables.startup(results["startup"]), ""]))


def part_d(given: argparse.Namespace, racers: dict[str, Worker], results: Results) -> None:
    """Python's share, memory, growth."""
    say("(d) Python's share, peak memory, growth with the batch")
    ours = {name: racers[name] for name in OURS if name in racers}
    size = min(given.batches)
    results["share"] = []
    for net in given.nets:
        for name, worker in ours.items():
            found = worker.ask("share", net=net, batch=size, steps=20 + 10 * given.rounds)
            if "us" in found:
                results["share"].append({"case": f"{net} {size} {name}"} | found)
                say(f"  {net} {size} {name}: {found['us']['python']:.0f} us of Python")
    some = [name for name in racers if not LIBRARIES[name].slow and "numpy" not in name]
    results["memory"] = []
    for net in given.nets:
        results["memory"].append(memory(given.setup, net, max(given.batches), some))
        steps = {name: f["peak"] - f["before"] for name, f in results["memory"][-1]["mib"].items()}
        said = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in steps.items())
        say(f"  {net} {max(given.batches)}: {said or 'nothing'}")
    for worker in racers.values():
        worker.ask("forget")
    sizes = [64, 256] if given.quick else [64, 128, 256, 512, 1024]
    nets = [net for net in given.nets if net in SCALING]
    growing = {name: racers[name] for name in (*OURS, "torch-best") if name in racers}
    pace = race.Pace(min(given.rounds, 3), given.seconds, given.budget)
    results["scaling"] = race.scaling(growing, nets, sizes, pace, say)
    say()


def show_d(results: Results) -> None:
    """Prints the tables of Python's share, memory and growth."""
    measured = {name for row in results["memory"] for name in row["mib"]}
    some = [name for name in results["libraries"] if name in measured]
    say("\n".join([*tables.share(results["share"]), ""]))
    say("\n".join([*tables.memory(results["memory"], some), ""]))
    say("\n".join([*tables.scaling(results["scaling"]), ""]))


def memory(setup: Setup, net: str, size: int, names: list[str]) -> dict[str, Any]:
    """Peak memory in a fresh process of each library, which finds its kernels compiled."""
    found = {}
    for name in names:
        for _ in range(1 + LIBRARIES[name].ours):
            with workers([name], setup) as started:
                answer = started[name].ask("memory", net=net, batch=size)
        if answer.get("peak"):
            found[name] = {key: answer[key] for key in ("before", "peak", "of_step_alone")}
    return {"case": f"{net} {size}", "mib": found}


PARTS = {"a": part_a, "b": part_b, "c": part_c, "d": part_d}
TABLES = {"a": show_a, "b": show_b, "c": show_c, "d": show_d}


def run(given: argparse.Namespace) -> Results:
    """Measures the parts that are asked for; prints tables and returns all numbers."""
    setup, place = given.setup, machine(given.threads)
    say(f"{place['processor']}, {place['threads']} of {place['cores']} cores, {place['date']}")
    libraries = present(setup, given.libraries)
    if "tinygrad_cl" not in libraries:
        raise SystemExit("bench: tinygrad_cl itself cannot be imported; see the line above")
    results: Results = {"machine": place, "libraries": libraries}
    results["round_trip_ns"] = {}
    with workers(list(libraries), setup) as racers:
        results["round_trip_ns"]["before"] = round_trip(racers, "before")
        for part in given.parts:
            PARTS[part](given, racers, results)
            TABLES[part](results)
        results["round_trip_ns"]["after"] = round_trip(racers, "after")
    say("\n".join(tables.summary(results, OURS)))
    return results


def read(paths: list[Path], parts: list[str]) -> Results:
    """Reads numbers of earlier runs, the parts that are asked for, and prints them.

    Rows of several runs stand in one table; of the same case the last file's counts.
    """
    results: Results = {}
    for path in paths:
        found = json.loads(path.read_text(encoding="utf-8"))
        libraries = results.get("libraries", {}) | found["libraries"]
        rows = {key: joined(results.get(key, []), found[key]) for key in ROWS if key in found}
        results |= found | rows
        results["libraries"] = {name: libraries[name] for name in LIBRARIES if name in libraries}
    results.get("steps", []).sort(key=lambda row: (list(NETS).index(row["net"]), row["batch"]))
    for part, keys in KEYS.items():
        if part in parts and all(key in results for key in keys):
            TABLES[part](results)
        else:
            results = {key: value for key, value in results.items() if key not in keys}
    say("\n".join(tables.summary(results, OURS)))
    return results


def joined(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of both; new ones stand in the place of old ones of the same case."""

    def name(row: dict[str, Any]) -> str:
        return str(row.get("case") or row.get("library") or row["net"])

    return list({name(row): row for row in (*old, *new)}.values())


def round_trip(racers: dict[str, Worker], when: str) -> float | None:
    """Prints how near the cores are to each other, which changes by itself on shared machines."""
    found = racers["tinygrad_cl"].ask("round_trip").get("ns")
    text = f"{found:.0f} ns" if found else "not measured"
    say(f"a cache line between two cores and back, {when}: {text}\n")
    return found


def words(text: str) -> list[str]:
    """The parts of a list with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--quick", action="store_true", help="all parts, small, in one or two minutes")
    add("--parts", default="a,b,c,d", help="of a, b, c, d")
    add("--libraries", default="", help="of " + ", ".join(LIBRARIES))
    add("--nets", default="", help="of " + ", ".join(NETS))
    add("--batches", default="", help="default: 32,128,256")
    add("--kernels", default="", help="words that names of kernels contain")
    add("--rounds", type=int, help="of every library; default: 7, quick 3")
    add("--seconds", type=float, help="of one round; default: 0.5, quick 0.1")
    add("--kernel-seconds", type=float, default=0.1, help="of one round of a kernel, at most")
    add("--budget", type=float, default=30.0, help="seconds of a library in a case; then no rounds")
    add("--limit", type=float, default=300.0, help="seconds that a library may be silent")
    add("--each", action="store_true", help="wait after every training step")
    add("--threads", type=int, default=_available(), help="of every library")
    add("--device", default="", help="of tinygrad_cl; default: the best")
    add("--torch-device", default="cpu", help="of PyTorch: cpu or cuda")
    add("--beam", type=int, default=0, help="how far tinygrad searches for faster kernels")
    for package in ("torch", "jax", "tinygrad"):
        add(f"--{package}-python", default=sys.executable, help=f"interpreter with {package}")
    add("--read", type=Path, nargs="+", help="measure nothing: numbers of earlier runs")
    add("--json", type=Path, help="where all numbers go")
    add("--plot", type=Path, help="where a picture goes; needs matplotlib")
    return made


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked, with `setup` for the processes."""
    made = parser()
    given = made.parse_args(arguments)
    quick = given.quick
    fast = [name for name, library in LIBRARIES.items() if not (quick and library.slow)]
    given.libraries = words(given.libraries) or fast
    given.nets = words(given.nets) or (["mlp", "lenet5"] if quick else list(NETS))
    given.batches = words(given.batches) or (["32"] if quick else ["32", "128", "256"])
    given.parts, given.kernels = words(given.parts), words(given.kernels)
    given.rounds = given.rounds or (3 if quick else 7)
    given.seconds = given.seconds or (0.1 if quick else 0.5)
    given.kernel_seconds = min(given.kernel_seconds, 0.03) if quick else given.kernel_seconds
    for what, table in (("libraries", LIBRARIES), ("nets", NETS), ("parts", PARTS)):
        unknown = [name for name in getattr(given, what) if name not in table]
        if unknown:
            made.error(f"unknown {what} {', '.join(unknown)}; there are {', '.join(table)}")
    if not all(size.isdecimal() and int(size) for size in given.batches):
        made.error(f"batches are positive numbers, got {', '.join(given.batches)}")
    given.batches = [int(size) for size in given.batches]
    given.libraries = list(dict.fromkeys(["tinygrad_cl", *given.libraries]))
    pythons = {name: getattr(given, f"{name}_python") for name in ("torch", "jax", "tinygrad")}
    sizes = (given.threads, given.device, given.torch_device, given.beam, given.limit)
    given.setup = Setup(pythons, *sizes)
    return given


def main() -> None:
    """Runs the benchmark."""
    given = options()
    results = read(given.read, given.parts) if given.read else run(given)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
        say(f"numbers: {given.json}")
    if given.plot:
        say(plot.draw(results, given.plot))


if __name__ == "__main__":
    main()
