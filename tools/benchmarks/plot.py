"""The results as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_COLORS = {"tinygrad_cl": "#d1495b", "tinygrad_cl-jit": "#8d0801"}
_OTHERS = ("#30638e", "#00798c", "#6c8ead", "#edae49", "#7a7a7a", "#a3a3a3", "#c9c9c9", "#444444")


def draw(results: dict[str, Any], path: Path) -> str:
    """Writes a picture of what was measured; returns a word for people.

    Args:
        results: as `bench.py --json` has them.
        path: the picture; its ending is the format.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        return "no plot: matplotlib is absent: pip install -e '.[bench]'"
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    parts = {"steps": _steps, "kernels": _kernels, "scaling": _scaling, "startup": _startup}
    drawn = [(name, part) for name, part in parts.items() if results.get(name)]
    if not drawn:
        return "no plot: nothing was measured that has a picture"
    heights = [_height(name, results[name]) for name, _ in drawn]
    figure, axes = plt.subplots(
        len(drawn), 1, figsize=(11, sum(heights)), height_ratios=heights, squeeze=False
    )
    for axis, (name, part) in zip(axes[:, 0], drawn, strict=True):
        part(axis, results[name])
        axis.grid(axis="y" if name != "kernels" else "x", alpha=0.3)
    machine = results["machine"]
    figure.suptitle(f"{machine['processor']}, {machine['threads']} threads, {machine['date']}")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return f"plot: {path}"


def _height(name: str, rows: list[Any]) -> float:
    return max(3.0, 0.16 * len(rows)) if name == "kernels" else 4.0


def _color(name: str, at: int) -> str:
    return _COLORS.get(name, _OTHERS[at % len(_OTHERS)])


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row["ms"]))


def _steps(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Bars of time relative to the fastest peer; lower is better."""
    names = _names(rows)
    width = 0.8 / max(len(names), 1)
    for at, name in enumerate(names):
        places, heights = [], []
        for x, row in enumerate(rows):
            peers = [ms for other, ms in row["ms"].items() if not other.startswith("tinygrad_cl")]
            base = min(peers) if peers else max(row["ms"].values(), default=1)
            if name in row["ms"]:
                places.append(x + (at - len(names) / 2 + 0.5) * width)
                heights.append(min(row["ms"][name] / base, 5))
        axis.bar(places, heights, width, label=name, color=_color(name, at))
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set_xticks(range(len(rows)), [row["case"] for row in rows], rotation=45, ha="right")
    axis.set_ylabel("time / best peer (cut at 5)")
    axis.set_title("Training steps: lower is faster")
    axis.legend(fontsize=8, ncols=4)


def _kernels(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Points of the share of the ceiling, ours and the peers'."""
    rows = rows[::-1]
    for at, name in enumerate(_names(rows)):
        found = [(row["of_ceiling"].get(name), y) for y, row in enumerate(rows)]
        shares = [(min(share, 1.5), y) for share, y in found if share is not None]
        mark = "o" if name.startswith("tinygrad_cl") else "|"
        if shares:
            axis.scatter(
                *zip(*shares, strict=True), label=name, marker=mark, color=_color(name, at)
            )
    axis.axvline(0.85, color="black", linewidth=0.8, linestyle="--")
    axis.set_yticks(range(len(rows)), [row["case"] for row in rows], fontsize=6)
    axis.set_ylim(-1, len(rows))
    axis.set_xlabel("share of the measured ceiling")
    axis.set_title("Kernels: further right is faster")
    axis.legend(fontsize=8)


def _scaling(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Lines of time per image over batch sizes, relative to their smallest."""
    at = 0
    for row in rows:
        for name, found in row["us_per_image"].items():
            sizes = sorted(found, key=int)
            least = min(found.values())
            heights = [found[size] / least for size in sizes]
            label = f"{row['net']}, {name}"
            axis.plot([int(s) for s in sizes], heights, "o-", label=label, color=_OTHERS[at % 8])
            at += 1
    axis.set_xscale("log", base=2)
    axis.set_xlabel("batch size")
    axis.set_ylabel("time per image / its least")
    axis.set_title("Growth with the batch: flat is linear")
    axis.legend(fontsize=8)


def _startup(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Bars of seconds to the first finished step."""
    for offset, key, color in ((-0.25, "import", "#a3a3a3"), (0, "warm", "#30638e")):
        heights = [row[key] or 0 for row in rows]
        axis.bar([x + offset for x in range(len(rows))], heights, 0.25, label=key, color=color)
    heights = [row["cold"] or 0 for row in rows]
    axis.bar([x + 0.25 for x in range(len(rows))], heights, 0.25, label="cold", color="#d1495b")
    axis.set_xticks(range(len(rows)), [row["library"] for row in rows], rotation=20)
    axis.set_ylabel("seconds")
    axis.set_title(f"From `python` to the first {rows[0]['net']} step")
    axis.legend(fontsize=8)
