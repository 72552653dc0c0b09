"""A window to draw a digit in; a net trained on MNIST says the three classes that it looks like.

`tinygrad-cl train convnet mnist --epochs 3 --save digits.npz` makes the net.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl.cli.saved import open_model

SIZE, SCALE = 28, 12  # pixels of the net's images, and the screen's pixels for each of them


def centered(image: np.ndarray) -> np.ndarray:
    """As MNIST was made: the digit fits 20x20 pixels and has its center of mass in the middle."""
    rows, columns = np.nonzero(image > 0.1)
    if not len(rows):
        return np.zeros_like(image)
    digit = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    zoom = 20 / max(digit.shape)
    height, width = (max(1, round(n * zoom)) for n in digit.shape)
    x = tg.tensor(digit[None, None].astype(np.float32))
    smaller = tg.nn.functional.interpolate(x, (height, width), mode="bilinear", antialias=True)
    digit = smaller.numpy()[0, 0]
    weights = digit / digit.sum()
    y, x = weights.sum(1) @ np.arange(height), weights.sum(0) @ np.arange(width)
    top = np.clip(round(SIZE / 2 - 0.5 - y), 0, SIZE - height)
    left = np.clip(round(SIZE / 2 - 0.5 - x), 0, SIZE - width)
    result = np.zeros((SIZE, SIZE), np.float32)
    result[top : top + height, left : left + width] = digit
    return result


class Board:
    """What is drawn, and what the net says to it; knows of no window."""

    def __init__(self, model: tg.Model) -> None:
        self.model = model
        self.image = np.zeros((SIZE, SIZE), np.float32)

    def touch(self, x: float, y: float, radius: float = 1.3) -> None:
        """Draws a soft dot; x and y count pixels of the image from its upper left corner."""
        rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
        ink = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)
        self.image = np.maximum(self.image, ink.astype(np.float32))

    def best(self, count: int = 3) -> list[tuple[str, float]]:
        """The likely classes and their probabilities; nothing for an empty board."""
        if not self.image.any():
            return []
        logits = tg.tensor(self.model.predict(centered(self.image)[None, None])[0])
        shares, classes = tg.softmax(logits, 0).topk(count)
        names = self.model.notes.get("classes") or [str(i) for i in range(len(logits))]
        return [(names[i], p) for p, i in zip(shares.tolist(), classes.tolist(), strict=True)]


def window(board: Board) -> None:
    """Opens the window; raises RuntimeError if there is no display."""
    import tkinter as tk

    try:
        root = tk.Tk()
    except tk.TclError as error:
        raise RuntimeError(f"no window can be opened, is there a display? ({error})") from error
    root.title("Draw a digit")
    canvas = tk.Canvas(root, width=SIZE * SCALE, height=SIZE * SCALE, bg="black")
    label = tk.Label(root, font=("Courier", 16), text="draw with the mouse", width=26)

    def draw(event: Any) -> None:
        board.touch(event.x / SCALE, event.y / SCALE)
        x, y, r = event.x, event.y, 1.3 * SCALE
        canvas.create_oval(x - r, y - r, x + r, y + r, fill="white", outline="")

    def show(event: Any) -> None:
        label["text"] = "   ".join(f"{name} {share:.0%}" for name, share in board.best())

    def clear() -> None:
        board.image[:] = 0
        canvas.delete("all")

    for event, action in (("<Button-1>", draw), ("<B1-Motion>", draw), ("<ButtonRelease-1>", show)):
        canvas.bind(event, action)
    for part in (canvas, label, tk.Button(root, text="clear", command=clear)):
        part.pack()
    root.mainloop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="a checkpoint of `tinygrad-cl train`")
    try:
        window(Board(open_model(parser.parse_args().file, None, {}, None)))
    except (tg.TinygradError, ImportError, RuntimeError) as error:
        parser.exit(2, f"draw_digit: {error}\n")
