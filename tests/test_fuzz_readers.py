"""Any bytes are read or refused with one error of the library, in bounded memory.

tools/fuzz.py runs the same targets for longer, guided by coverage.
"""

from __future__ import annotations

import logging
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readers import TARGETS, Target

from tinygrad_cl.errors import TinygradError

BOUND = 24 << 20  # bytes that a reader may take for a small file, whatever the file states

pytest.importorskip("h5py", reason="the seeds of HDF5 files are written with h5py")
pytest.importorskip("PIL", reason="the seeds of images are written with Pillow")


@pytest.fixture(scope="module", params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readers")


@pytest.fixture(scope="module")
def seeds(target: Target, folder: Path) -> list[bytes]:
    logging.getLogger("tinygrad_cl.io").setLevel(logging.ERROR)
    return target.seeds(folder)


def feed(target: Target, data: bytes, folder: Path) -> str:
    """Reads; returns the error's message, "" if there was none."""
    try:
        target.read(data, folder)
    except TinygradError as error:
        return str(error)
    return ""


def test_seeds_are_read(target: Target, seeds: list[bytes], folder: Path) -> None:
    verdicts = [feed(target, seed, folder) for seed in seeds]
    assert "" in verdicts, verdicts


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(target: Target, folder: Path, data: bytes) -> None:
    message = feed(target, data, folder)
    assert len(message) < 2000


@given(st.data())
def test_damaged_files_are_read_or_refused(
    target: Target, seeds: list[bytes], folder: Path, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        content[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    feed(target, bytes(content), folder)


HUGE = [bytes([255] * 8), bytes(7) + b"\x7f", bytes(5) + b"\1" + bytes(2), b"\0\0\0\x40"]


def test_memory_is_bounded_by_the_file(target: Target, seeds: list[bytes], folder: Path) -> None:
    """Numbers within a file become huge; no reader takes memory for what is not there."""
    chance = random.Random(target.name)
    feed(target, seeds[0], folder)  # imports and caches are no part of it
    tracemalloc.start()
    try:
        for _ in range(60):
            content = bytearray(chance.choice(seeds))
            huge = chance.choice(HUGE)
            at = chance.randrange(max(1, len(content) - len(huge)))
            content[at : at + len(huge)] = huge
            tracemalloc.reset_peak()
            feed(target, bytes(content), folder)
            assert tracemalloc.get_traced_memory()[1] < BOUND
    finally:
        tracemalloc.stop()
