"""Plots of a history's curves; matplotlib comes with the extra `plot`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.train.callbacks import Callback, Logs, at_least
from tinygrad_cl.train.extras import needed
from tinygrad_cl.train.writers import VALIDATION


def plot_history(
    history: Mapping[str, Sequence[Any]], path: str | os.PathLike[str] | None = None
) -> Any:
    """Draws a picture per value: its curve over the epochs, and that of the validation.

    Args:
        history: as `Model.fit` returns it.
        path: a file to write the figure to, by its ending: `.png`, `.svg`, `.pdf`.

    Returns:
        A matplotlib Figure; it belongs to no window, a notebook shows it.

    Raises:
        DataError: if matplotlib is missing, there is nothing to draw, or the file cannot be
            written.

    Example:
        >>> figure = plot_history({"loss": [0.5, 0.25], "val_loss": [0.6, 0.5], "lr": [0.1, 0.1]})
        >>> [axes.get_title() for axes in figure.axes]
        ['loss', 'lr']
    """
    needed("matplotlib", "plot", "plot_history")
    from matplotlib.figure import Figure

    curves = {name: values for name, values in history.items() if _drawable(values)}
    names = [n for n in curves if n.removeprefix(VALIDATION) == n or n[4:] not in curves]
    if not names:
        raise DataError("plot_history: the history has no values of epochs")
    figure = Figure(figsize=(4.5 * len(names), 3.5), layout="constrained")
    for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names, strict=True):
        for label, key in (("training", name), ("validation", VALIDATION + name)):
            if key in curves:
                last = len(curves[name])  # a validation that came later is drawn at the end
                x = range(last - len(curves[key]) + 1, last + 1)
                axes.plot(x, curves[key], label=label, marker="." if last < 30 else None)
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if VALIDATION + name in curves:
            axes.legend()
    if path is not None:
        _write(figure, Path(path))
    return figure


def _drawable(values: Sequence[Any]) -> bool:
    return len(values) > 0 and all(np.ndim(value) == 0 for value in values)


def _write(figure: Any, path: Path) -> None:
    kinds = figure.canvas.get_supported_filetypes()
    kind = path.suffix.removeprefix(".").lower()
    if kind not in kinds:
        raise DataError(f"plot_history: {path} must end in one of .{', .'.join(kinds)}")
    with replacing(path) as new:
        figure.savefig(new, format=kind)


class PlotCurves(Callback):
    """Draws the curves of the model's history into a file after epochs; see `plot_history`.

    Args:
        path: the file, which ends in `.png`, `.svg` or `.pdf`.
        every: epochs from one drawing to the next; the end of training is always drawn.

    Raises:
        DataError: if matplotlib is missing; the extra `plot` brings it.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        needed("matplotlib", "plot", "PlotCurves")
        self.path = Path(path)
        self.every = at_least("PlotCurves", "every", every, 1)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Draws the curves if it is time."""
        if (epoch + 1) % self.every == 0:
            plot_history(self.model.history, self.path)

    def on_train_end(self) -> None:
        """Draws the curves."""
        if self.model.history:
            plot_history(self.model.history, self.path)
