"""Long runs that try to break files: hostile bytes for every reader, SIGKILL for training runs.

    python tools/fuzz.py readers --seconds 30 [--only npz ...] [--corpus FOLDER]
    python tools/fuzz.py kill --kills 50 [--device numpy]

`readers` feeds each reader for so many seconds with bytes that a fuzzer guided by coverage makes
(the package atheris), in a process with a limit on memory; an uncaught exception, a crash, an input
that takes over 10 s or too much memory is a finding. `kill` runs tests/resumable_training.py again
and again, kills it at random moments, and compares what was learned with a run that was not killed.
Both print their counts, and exit with 1 if there was a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
MEMORY = 6 << 30  # bytes of address space; libraries alone map some
LIMITS = ("-timeout=10", "-rss_limit_mb=1500", "-malloc_limit_mb=1000", "-max_len=16384")
SUSPECTS = ("slow-unit-", "timeout-", "oom-", "crash-", "leak-")


# ---------------------------------------------------------------------------------------- readers


def fuzz_readers(names: list[str], seconds: int, corpus: Path | None) -> int:
    """Runs every target in a process of its own; returns the number of findings."""
    total, findings = 0, 0
    for name in names or _names():
        with tempfile.TemporaryDirectory(dir=_fast_folder()) as scratch:
            kept = Path(scratch, "corpus") if corpus is None else corpus / name
            executed, found, output = _fuzz_one(name, seconds, Path(scratch), kept)
        total, findings = total + executed, findings + len(found)
        print(f"{name:16s} {executed:9d} inputs {len(found):3d} findings", flush=True)
        if found:
            print(output[-4000:], *found, sep="\n", flush=True)
    print(f"{'together':16s} {total:9d} inputs {findings:3d} findings")
    return findings


def _names() -> list[str]:
    sys.path.insert(0, str(TESTS))
    from readers import TARGETS

    return list(TARGETS)


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _fuzz_one(name: str, seconds: int, scratch: Path, corpus: Path) -> tuple[int, list[str], str]:
    """Returns the number of inputs, what was found, and the fuzzer's words."""
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "target", name, str(scratch), str(corpus), str(seconds)]
    environment = os.environ | {"TINYGRAD_CL_DEVICE": "numpy"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    output = (done.stdout + done.stderr).decode(errors="replace")
    executed = re.search(r"number_of_executed_units: *(\d+)", output)
    found = [
        f"{path.name}: {path.read_bytes()[:2000].hex()}"
        for path in sorted(scratch.iterdir())
        if path.name.startswith(SUSPECTS)
    ]
    if done.returncode and not found:
        found.append(f"exit status {done.returncode}")
    return int(executed[1]) if executed else 0, found, output


def run_target(name: str, scratch: Path, corpus: Path, seconds: int) -> None:
    """Feeds one target in this process; the fuzzer ends it."""
    import atheris

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=["tinygrad_cl.io", "tinygrad_cl.data", "zipfile"]):
        import logging

        from readers import TARGETS

        from tinygrad_cl.errors import TinygradError
    logging.getLogger("tinygrad_cl").setLevel(logging.CRITICAL)
    target, folder = TARGETS[name], scratch / "files"
    folder.mkdir()
    for i, seed in enumerate(target.seeds(folder)):
        (corpus / f"seed{i}").write_bytes(seed)

    def feed(data: bytes) -> None:
        with contextlib.suppress(TinygradError):
            target.read(data, folder)

    flags = [f"-max_total_time={seconds}", "-print_final_stats=1", f"-artifact_prefix={scratch}/"]
    atheris.Setup([sys.argv[0], *LIMITS, *flags, str(corpus)], feed)
    atheris.Fuzz()


# ---------------------------------------------------------------------------------------- kill


def kill_and_resume(kills: int, device: str, steps: int, seed: int) -> int:
    """Kills training runs at random moments; returns how many ended otherwise than a whole one."""
    chance = random.Random(seed)
    done = rounds = mismatches = 0
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        expected = _train(device, Path(folder, "whole.npz"), steps, None)
        whole = time.monotonic() - start
        while done < kills or rounds == 0:
            path = Path(folder, f"round{rounds}.npz")
            last = None
            while last is None:
                moment = chance.uniform(0.1, 1.2) * whole if done < kills else None
                last = _train(device, path, steps, moment)
                done += last is None
            rounds += 1
            mismatches += last != expected
            print(f"{done} kills, {rounds} runs finished, {mismatches} mismatches", flush=True)
    return mismatches


def _train(device: str, path: Path, steps: int, moment: float | None) -> str | None:
    """Returns the last line of a run; None if it was killed, so many seconds after its start."""
    script = TESTS / "resumable_training.py"
    command = [sys.executable, str(script), device, str(path), str(steps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(1e6 if moment is None else moment, process.kill)
        timer.start()
        lines = process.communicate()[0].split("\n")
        timer.cancel()
    if process.returncode == -signal.SIGKILL:
        return None
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    return lines[-2]


# ---------------------------------------------------------------------------------------- main


def main() -> int:
    """Reads the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    readers = commands.add_parser("readers", help="hostile bytes for every reader")
    readers.add_argument("--seconds", type=int, default=30, help="for each reader")
    readers.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these readers")
    readers.add_argument("--corpus", type=Path, help="a folder to keep interesting inputs in")
    kill = commands.add_parser("kill", help="SIGKILL for training runs")
    kill.add_argument("--kills", type=int, default=50)
    kill.add_argument("--device", default="numpy")
    kill.add_argument("--steps", type=int, default=120)
    kill.add_argument("--seed", type=int, default=0)
    target = commands.add_parser("target", help="one reader, in this process")
    target.add_argument("name")
    target.add_argument("folders", nargs=2, type=Path)
    target.add_argument("seconds", type=int)
    given = parser.parse_args()
    if given.command == "target":
        scratch, corpus = given.folders
        run_target(given.name, scratch, corpus, given.seconds)
        return 0
    if given.command == "readers":
        return int(fuzz_readers(given.only, given.seconds, given.corpus) > 0)
    return int(kill_and_resume(given.kills, given.device, given.steps, given.seed) > 0)


if __name__ == "__main__":
    sys.exit(main())
