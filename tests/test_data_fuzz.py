"""Any bytes: every reader of data returns arrays or raises `DataError` in one line, soon."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cl.data import (
    DataLoader,
    Normalizer,
    TensorDataset,
    ZScore,
    open_npy,
    open_npz,
    read_cifar10,
    read_csv,
    read_idx,
    read_image,
    read_npz,
    tarfiles,
)
from tinygrad_cl.errors import DataError, StateError

LIMIT = 1 << 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file.bin"


def saved(write: Callable[..., Any], *arrays: Any, **named: Any) -> bytes:
    buffer = io.BytesIO()
    write(buffer, *arrays, **named)
    return buffer.getvalue()


def picture(kind: str) -> bytes:
    image = pytest.importorskip("PIL.Image", reason="Pillow reads the images")
    made = image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    return saved(lambda buffer: made.save(buffer, kind))


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        info = tarfile.TarInfo("folder/a.bin")
        info.size = 100
        made.addfile(info, io.BytesIO(bytes(100)))
    return buffer.getvalue()


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("x.npy", content)
    return buffer.getvalue()


ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)
IDX = struct.pack(">BBBB2I", 0, 0, 8, 2, 3, 4) + bytes(12)
CSV = b"a,b,kind\n1,2.5,x\n-3,4e2,y\n"

READERS: dict[str, tuple[Callable[[Path], Any], list[bytes]]] = {
    "idx": (lambda path: read_idx(path, LIMIT), [IDX, gzip.compress(IDX, mtime=0)]),
    "csv": (lambda path: read_csv(path, -1, max_bytes=LIMIT), [CSV, gzip.compress(CSV, mtime=0)]),
    "csv of numbers": (
        lambda path: read_csv(path, 0, target="number", missing=0.0, max_bytes=LIMIT),
        [b"1,2,3\n4,,6\n", b'"1",2\r\n3,"4"\r\n'],
    ),
    "cifar": (lambda path: read_cifar10(path, LIMIT), [bytes(3073), bytes(range(10)) * 614]),
    "npy": (open_npy, [saved(np.save, ARRAY), saved(np.save, ARRAY.T)]),
    "npz mapped": (open_npz, [saved(np.savez, x=ARRAY, y=ARRAY[0]), zipped(saved(np.save, ARRAY))]),
    "npz": (
        lambda path: read_npz(path, LIMIT),
        [saved(np.savez, x=ARRAY), saved(np.savez_compressed, x=ARRAY)],
    ),
    "png": (lambda path: read_image(path, max_pixels=1 << 16), [picture("PNG"), picture("GIF")]),
    "jpeg": (lambda path: read_image(path, max_pixels=1 << 16), [picture("JPEG"), picture("BMP")]),
    "tiff": (lambda path: read_image(path, max_pixels=1 << 16), [picture("TIFF"), picture("PPM")]),
    "tar": (lambda path: tarfiles.read_members(path, ["a.bin"]), [archive()]),
}

changes = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from("=+-"), st.binary(max_size=8)), max_size=4
)


def changed(content: bytes, edits: list[tuple[int, str, bytes]], cut: int) -> bytes:
    """The content with some bytes replaced, put in or taken out, and its end cut off."""
    made = bytearray(content)
    for at, kind, data in edits:
        at %= len(made) + 1
        made[at : at + (0 if kind == "+" else len(data))] = b"" if kind == "-" else data
    return bytes(made[: len(made) - cut] if cut else made)


def check_message(error: Exception) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 1000


def read(kind: str, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        value = READERS[kind][0](path)
    except DataError as error:
        check_message(error)
        return
    arrays = value.values() if isinstance(value, dict) else [value]
    for array in arrays:
        if isinstance(array, np.ndarray):
            assert array.nbytes <= 4 * LIMIT
            array.sum()  # touches what is mapped


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", READERS)
@given(which=st.integers(0, 1), edits=changes, cut=st.sampled_from([0, 0, 0, 1, 2, 7, 30]))
def test_changed_files(kind: str, place: Path, which: int, edits: Any, cut: int) -> None:
    contents = READERS[kind][1]
    read(kind, place, changed(contents[which % len(contents)], edits, cut))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", READERS)
@given(content=st.binary(max_size=200), prefix=st.integers(0, 40))
def test_any_bytes(kind: str, place: Path, content: bytes, prefix: int) -> None:
    read(kind, place, READERS[kind][1][0][:prefix] + content)


@given(st.text(alphabet='01.-+eE_,;"\n\r naifx\0', max_size=60), st.booleans())
def test_any_csv_text(place: Path, text: str, header: bool) -> None:
    path = place.with_suffix(".csv")
    path.write_bytes(text.encode())
    for options in ({}, {"label": 0}, {"header": header, "missing": np.nan}):
        try:
            table = read_csv(path, **options)  # type: ignore[arg-type]
        except DataError as error:
            check_message(error)
            continue
        assert table.features.ndim == 2
        if "missing" not in options:
            assert np.isfinite(table.features).all()
        assert table.labels is None or len(table.labels) == len(table.features)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["epoch", "batch", "key", "generator", "sampler"]), plain))
def test_any_loader_state(state: dict[str, Any]) -> None:
    loader = DataLoader(TensorDataset(np.arange(5)), shuffle=True, seed=0, device="numpy")
    whole = loader.state_dict()
    try:
        loader.load_state_dict(whole | state)
    except StateError as error:
        check_message(error)
        return
    seen = [int(x.item()) for (x,) in loader]
    assert len(seen) == len(set(seen)) <= 5


@given(st.dictionaries(st.sampled_from(["kind", "per", "count", "mean", "least"]), plain))
def test_any_normalizer_state(state: dict[str, Any]) -> None:
    whole = ZScore().fit(np.arange(6.0).reshape(3, 2)).state_dict()
    try:
        made = Normalizer.from_state_dict(whole | state)
    except StateError as error:
        check_message(error)
        return
    if made.fitted:
        made.undo(np.zeros((1, 2)))
