"""The results as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import ratios

CEILING = 0.85  # share of the machine's ceiling that a kernel should reach


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right.

    Example:
        >>> grid(["net", "ms"], [["a", "1.50"]])
        ['net    ms', 'a    1.50']
    """
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def number(value: float | None) -> str:
    """A time with three digits that matter.

    Example:
        >>> number(0.01234), number(12.34), number(1234.5), number(None)
        ('0.012', '12.3', '1234', '-')
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def times(value: float | None) -> str:
    """A ratio."""
    return "-" if value is None else f"{value:.2f}x"


def percent(value: float | None) -> str:
    """A share."""
    return "-" if value is None else f"{100 * value:.0f}%"


def kernels(rows: list[dict[str, Any]], libraries: list[str]) -> list[str]:
    """Milliseconds of calls, the best peer over ours; our launches alone, and of the ceiling."""
    head = ["kernel", *libraries, "best peer", "launches", "alone", "of ceiling"]
    lines = []
    for row in rows:
        cells = [number(row["ms"].get(name)) for name in libraries]
        best = row["best"].get("tinygrad_cl", {})
        cells += [times(best.get("ratio")), str(row.get("launches", "-"))]
        cells += [number(row.get("launches_ms")), percent(share_of_ceiling(row))]
        lines.append([row["case"], *cells])
    return grid(head, lines)


def share_of_ceiling(row: dict[str, Any]) -> float | None:
    """Of our launches alone."""
    share: float | None = row["of_ceiling"].get("launches")
    return share


def badness(row: dict[str, Any]) -> float:
    """How far a kernel is from its target, or from the best peer: 1 is just good enough.

    Example:
        >>> badness({"of_ceiling": {"launches": 0.17}, "best": {}})
        0.2
    """
    found = [one["ratio"] for name, one in row["best"].items() if name == "tinygrad_cl"]
    share = share_of_ceiling(row)
    if share is not None:
        found.append(share / CEILING)
    return round(min(found), 9) if found else float("inf")


def weak_kernels(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The kernels below the target or behind a peer, the worst first."""
    return sorted((row for row in rows if badness(row) < 1), key=badness)


def steps(rows: list[dict[str, Any]], libraries: list[str], ours: list[str]) -> list[str]:
    """Milliseconds per training step, and the best peer over each of ours."""
    ours = [name for name in ours if any(name in row["ms"] for row in rows)]
    head = ["net, batch", *libraries, *[f"best/{name}" for name in ours], "best peer", "losses"]
    lines = []
    for row in rows:
        best = row["best"]
        cells = [number(row["ms"].get(name)) for name in libraries]
        cells += [times(best.get(name, {}).get("ratio")) for name in ours]
        peers = {best[name]["peer"] for name in ours if name in best}
        agreed = "WRONG" if row["wrong"] else "agree" if len(row["losses"]) > 1 else "-"
        lines.append([row["case"], *cells, "/".join(sorted(peers)) or "-", agreed])
    return grid(head, lines)


def startup(rows: list[dict[str, Any]]) -> list[str]:
    """Seconds of imports and first steps."""
    head = ["seconds to the first step", "import", "cold cache", "warm cache"]
    cells = [
        [row["library"], *[number(row[key]) for key in ("import", "cold", "warm")]] for row in rows
    ]
    return grid(head, cells)


def share(rows: list[dict[str, Any]]) -> list[str]:
    """Python's share, counts and bytes."""
    head = ["net, batch", "nodes", "launches", "kernels", "us built", "us captured", "us replayed"]
    head += ["us/node", "us/launch", "all/launch", "bytes/least"]
    lines = []
    for row in rows:
        us = row["us"]
        cells = [str(row[key]) for key in ("nodes", "launches", "kernels")]
        cells += [f"{us[key]:.0f}" for key in ("build", "capture", "replay")]
        cells.append(number(row.get("us_per_node", {}).get("all_told")))
        cells += [number(row["us_per_launch"]), number(row["python_per_launch"])]
        cells.append(times(row.get("bytes", {}).get("ratio")))
        lines.append([row["case"], *cells])
    return grid(head, lines)


def memory(rows: list[dict[str, Any]], libraries: list[str]) -> list[str]:
    """Peak memory of processes, and what of it the net and its step took."""
    head = ["MiB at most (of it the step)", *libraries]
    lines = []
    for row in rows:
        cells = []
        for name in libraries:
            found = row["mib"].get(name)
            whole = found and found["peak"]
            cells.append(f"{whole:.0f} ({whole - found['before']:.0f})" if whole else "-")
        lines.append([row["case"], *cells])
    return grid(head, lines)


def scaling(rows: list[dict[str, Any]]) -> list[str]:
    """Microseconds per image by batch size, and their largest over their smallest."""
    lines = []
    for row in rows:
        sizes = sorted({size for found in row["us_per_image"].values() for size in found}, key=int)
        head = [f"{row['net']}: us per image at", *map(str, sizes), "max/min"]
        cells = [
            [name, *[number(found.get(size)) for size in sizes], times(row["flatness"][name])]
            for name, found in row["us_per_image"].items()
        ]
        lines += [*grid(head, cells), ""]
    return lines


def ceilings(found: dict[str, Any]) -> list[str]:
    """The machine's ceilings."""
    if "streams" not in found:
        return [found.get("missing", "not measured")]
    one = f"{found['gflops_one']:.0f} on one core, " if found["gflops_one"] else ""
    lines = [f"multiply-add: {one}{found['gflops_all']:.0f} GFLOP/s on all"]
    if "gexp_all" in found:
        lines.append(f"exponentials: {found['gexp_all']:.1f} thousand million a second on all")
    for key, what in (("streams", "copy"), ("streams_add", "add")):
        parts = [f"{_size(int(s))} {rate:.0f}" for s, rate in found[key].items()]
        lines.append(f"{what}, GB/s: " + ", ".join(parts))
    return lines


def _size(number_of_bytes: int) -> str:
    return (
        f"{number_of_bytes >> 20} MiB" if number_of_bytes >> 20 else f"{number_of_bytes >> 10} KiB"
    )


def summary(results: dict[str, Any], ours: list[str]) -> list[str]:
    """Geometric means and minima over the cases."""
    lines = []
    for part, what in (("kernels", "kernels"), ("steps", "training steps")):
        for name in ours:
            found = ratios.over_best(results.get(part, []), name)
            if found["cases"]:
                mean, least = times(found["geometric_mean"]), times(found["minimum"])
                lines.append(
                    f"{what}, best peer over {name}: geometric mean {mean} of {found['cases']}, "
                    f"at least {least} ({found['worst']})"
                )
    return lines or ["no peer ran: there are no ratios"]
