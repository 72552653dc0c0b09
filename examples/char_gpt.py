"""A small transformer learns to write, character by character, in the style of a text.

Without --text it makes one up: sums that are right, such as `17+25=42`, so that what it writes can
be checked.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
from tqdm import tqdm

import tinygrad_cl as tg
from tinygrad_cl import models


def sums(count: int, seed: int) -> str:
    """Lines of right sums."""
    pairs = np.random.default_rng(seed).integers(0, 50, (count, 2))
    return "".join(f"{a}+{b}={a + b}\n" for a, b in pairs)


def share_right(text: str) -> tuple[int, int]:
    """How many of the whole sums in a text are right, and how many there are."""
    found = re.findall(r"(?m)^(\d+)\+(\d+)=(\d+)$", text)
    return sum(int(a) + int(b) == int(c) for a, b, c in found), len(found)


def train(net: models.GPT, ids: np.ndarray, options: argparse.Namespace) -> float:
    """Learns from random pieces of the text; returns the last loss."""
    optimizer = tg.optim.AdamW(
        tg.optim.param_groups(net, weight_decay=0.01, skip=("bias", "norm")), lr=options.lr
    )
    rate = tg.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=options.steps)

    @tg.jit
    def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
        loss = models.next_token_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        tg.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    rng = np.random.default_rng(options.seed)
    places = np.arange(net.context + 1)
    bar = tqdm(range(options.steps), unit="step", disable=options.quiet)
    for i in bar:
        starts = rng.integers(0, len(ids) - net.context, options.batch_size)
        pieces = ids[starts[:, None] + places]
        loss = step(tg.tensor(pieces[:, :-1]), tg.tensor(pieces[:, 1:]))
        rate.step()
        if i % 50 == 0 or i == options.steps - 1:
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return loss.item()


def main(options: argparse.Namespace) -> None:
    tg.set_default_device(options.device)
    tg.manual_seed(options.seed)
    text = options.text.read_text() if options.text else sums(20_000, options.seed)
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    if len(ids) <= options.context + 1:
        raise SystemExit(f"the text has {len(ids)} characters, and needs {options.context + 2}")
    net = models.GPT(len(letters), options.width, options.layers, context=options.context)
    print(f"{len(text):,} characters, {len(letters)} different; {tg.get_default_device()!r}")
    print(f"loss {train(net, ids, options):.3f} after {options.steps} steps")
    start = np.full((1, 1), letters.index("\n") if "\n" in letters else 0)
    made = net.generate(start, options.length, options.temperature, top_k=20).numpy()[0]
    written = "".join(letters[i] for i in made)
    print(written.strip("\n"))
    if not options.text:
        print("{} of {} sums are right".format(*share_right(written)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, metavar="FILE", help="the text to learn from")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3, help="the highest learning rate")
    parser.add_argument("--width", type=int, default=128, help="features")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--context", type=int, default=64, help="characters that it looks at")
    parser.add_argument("--length", type=int, default=300, help="characters to write")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--device", help="opencl, opencl:1, numpy, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="no bar")
    main(parser.parse_args())
