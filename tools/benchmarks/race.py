"""Alternating rounds: every library is timed once before any is timed again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import ratios
from benchmarks.kernels import Case
from benchmarks.libraries import LIBRARIES, Worker
from benchmarks.nets import NETS

Say = Callable[[str], None]
_PAUSE = 0.01  # seconds in which the threads of one library go to sleep before the next begins


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things are measured.

    Attributes:
        rounds: of every library.
        seconds: of one round of one library.
        budget: seconds after which a slow library gets no further round of a case.
        each: whether every step is waited for.
    """

    rounds: int
    seconds: float
    budget: float
    each: bool = False


def alternate(
    workers: dict[str, Worker], question: dict[str, Any], pace: Pace
) -> tuple[dict[str, list[float]], dict[str, dict[str, Any]], dict[str, str]]:
    """Asks all workers in turn, several times.

    Returns:
        Milliseconds of the rounds by library, the last answers, and why libraries have none.
    """
    times: dict[str, list[float]] = {name: [] for name in workers}
    answers: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    spent = dict.fromkeys(workers, 0.0)
    for _ in range(pace.rounds):
        for name, worker in workers.items():
            if name in missing or (times[name] and spent[name] > pace.budget):
                continue
            time.sleep(_PAUSE)
            begin = time.monotonic()
            found = worker.ask(**question, seconds=pace.seconds, each=pace.each)
            spent[name] += time.monotonic() - begin
            if "missing" in found:
                missing[name] = found["missing"]
                times[name].clear()
            else:
                times[name].append(found["ms"])
                answers[name] = found
    return times, answers, missing


def _ours(workers: dict[str, Worker]) -> list[str]:
    return [name for name in workers if LIBRARIES[name].ours]


def kernels(
    workers: dict[str, Worker], cases: list[Case], pace: Pace, threads: int, say: Say
) -> list[dict[str, Any]]:
    """A row per kernel: times, ratios, and how near the ceiling we are."""
    rows = []
    for case in cases:
        times, _, missing = alternate(workers, {"do": "kernel", "case": case.name}, pace)
        row = {"case": case.name, "family": case.family, "rounds": times, "missing": missing}
        row |= ratios.summarize(times, _ours(workers))
        row |= {"flops": case.flops, "moved": case.moved, "exps": case.exps}
        found = {"missing": "tinygrad_cl did not run"}
        if "tinygrad_cl" in workers:
            question = {"do": "launches", "case": case.name, "threads": threads}
            found = workers["tinygrad_cl"].ask(**question, seconds=pace.seconds)
        rows.append(with_ceiling(row, found))
        say(f"  {case.name}: " + _times(row))
    return rows


def with_ceiling(row: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The row with what was measured of its launches beside the machine's ceilings.

    Args:
        row: with `ms` of whole calls by library, `flops`, `moved` and `exps`.
        found: what the worker's `launches` returned.

    Returns:
        The row with `launches`, their number; `launches_ms`, `ceiling_ms`, and shares of the
        ceiling in `of_ceiling`, of whole calls by library and, as "launches", of our kernels alone.
        Where nothing was measured, only `ceiling_ms`, None, and `of_ceiling`, empty.
    """
    if "missing" in found:
        return row | {"ceiling_ms": None, "of_ceiling": {}}
    exps = row["exps"], found.get("gexp", 1.0)
    least = ratios.ceiling_ms(row["flops"], row["moved"], found["gflops"], found["stream"], *exps)
    shares = {name: least / ms for name, ms in row["ms"].items()}
    shares["launches"] = least / found["ms"]
    measured = {"launches_ms": found["ms"], "launches": found["count"], "ceiling_ms": least}
    return row | measured | {"of_ceiling": shares}


def _times(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {ms:.3f} ms" for name, ms in row["ms"].items()) or "nothing"


def steps(
    workers: dict[str, Worker], nets: list[str], batches: list[int], pace: Pace, say: Say
) -> list[dict[str, Any]]:
    """A row per net and batch: times and ratios of training steps, and whether losses agree."""
    rows = []
    for net in nets:
        plain = _twins(workers, net) if NETS[net].is_random else {}
        for size in batches:
            question = {"do": "step", "net": net, "batch": size}
            times, answers, missing = alternate(workers, question, pace)
            losses = {name: found["losses"] for name, found in answers.items() if times[name]}
            wrong = disagreements(losses, plain, NETS[net].is_random)
            row = {"case": f"{net} {size}", "net": net, "batch": size, "rounds": times}
            notes = {name: found["note"] for name, found in answers.items() if found["note"]}
            row |= {"missing": missing, "losses": losses, "wrong": wrong, "notes": notes}
            rows.append(row | ratios.summarize(times, _ours(workers)))
            say(f"  {net} batch {size}: " + _times(rows[-1]))
            for word in wrong:
                say(f"    WRONG {word}")
            for name, note in notes.items():
                say(f"    {name}: {note}")
        for worker in workers.values():
            worker.ask("forget")
    return rows


def _twins(workers: dict[str, Worker], net: str) -> dict[str, list[float]]:
    """The losses without dropout, of all libraries that have the net."""
    found = {name: worker.ask("check", net=net) for name, worker in workers.items()}
    return {name: answer["losses"] for name, answer in found.items() if "losses" in answer}


def disagreements(
    losses: dict[str, list[float]], plain: dict[str, list[float]], is_random: bool
) -> list[str]:
    """Which libraries train another net than the first one.

    Args:
        losses: of the first timed steps.
        plain: of a small batch without dropout; only for nets with dropout.
        is_random: whether the net has dropout, so that the timed losses agree roughly at most.
    """
    if not is_random:
        return ratios.losses_agree(losses)
    return ratios.losses_agree(plain) + ratios.losses_agree(losses, tolerance=0.25)


def scaling(
    workers: dict[str, Worker], nets: list[str], batches: list[int], pace: Pace, say: Say
) -> list[dict[str, Any]]:
    """A row per net: microseconds per image at growing batches, and how flat that is.

    Batch sizes alternate too: a machine that slows down for a while does so for all of them.
    """
    rows = []
    once = replace(pace, rounds=1)
    for net in nets:
        rounds: dict[int, dict[str, list[float]]] = {size: {} for size in batches}
        for _ in range(pace.rounds):
            for size in batches:
                times, _, _ = alternate(workers, {"do": "step", "net": net, "batch": size}, once)
                for name, found in times.items():
                    rounds[size].setdefault(name, []).extend(found)
        rows.append({"net": net, **_flatness(rounds)})
        flat = rows[-1]["flatness"]
        say(
            f"  {net}: " + ", ".join(f"{name} {value:.2f}" for name, value in flat.items() if value)
        )
    return rows


def _flatness(rounds: dict[int, dict[str, list[float]]]) -> dict[str, Any]:
    per_image: dict[str, dict[int, float]] = {}
    for size, times in rounds.items():
        for name, ms in ratios.summarize(times, [])["ms"].items():
            per_image.setdefault(name, {})[size] = ms * 1e3 / size
    flat = {name: ratios.flatness(values) for name, values in per_image.items()}
    return {"us_per_image": per_image, "flatness": flat}
