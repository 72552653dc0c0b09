"""Data sets and functions for the tests of worker processes, which import them by name."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_cl as tg
from tinygrad_cl.data import Dataset, IterableDataset, current_generator, get_worker_info

marks: list[int] = []


def init(worker: int) -> None:
    marks.append(worker + 100)


def scaled(batch: Any) -> Any:
    return (batch[0] * 10, *batch[1:])


def noisy(batch: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return (batch[0] + current_generator().random(batch[0].shape), *batch[1:])


def collate(samples: list[Any]) -> Any:
    return np.array([sample[0] for sample in samples]), f"{len(samples)} samples"


class Numbers(Dataset):
    """(index, the marks of `init`, the process, whether it has OpenCL, the worker's number)."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        info = get_worker_info()
        opencl = any(name.split(".")[0] == "pyopencl" for name in sys.modules)
        return index, tuple(marks), os.getpid(), opencl, -1 if info is None else info.id


class Random(Numbers):
    """Draws from every source of random numbers that a sample may use."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return index, current_generator().random()


class GlobalRandom(Numbers):
    """Draws from the global generators, which are seeded in processes."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return index, random.random(), np.random.random(), tg.rand(1)


class Device(Numbers):
    """Asks for an OpenCL device when sample 3 is fetched; the others are tensors."""

    def __getitem__(self, index: int) -> Any:
        return tg.tensor([index], device="opencl" if index == 3 else None)


class OddError(Exception):
    """Cannot be unpickled: it needs two arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


class Broken(Numbers):
    """Fails at some samples, each in its own way."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if index == 5:
            raise KeyError("sample five is missing")
        if index == 6:
            raise OddError("sample six", " is odd")
        if index == 7:
            os._exit(3)
        if index == 8:
            time.sleep(60)
        if index == 9:
            return (lambda: None,)
        return (index,)


class BrokenOnTheWay(Numbers):
    """Cannot be unpickled in the child."""

    def __setstate__(self, state: Any) -> None:
        raise RuntimeError("not in this process")


class Stream(IterableDataset):
    """0, 1, ..., shared out among the workers."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.size, step))
