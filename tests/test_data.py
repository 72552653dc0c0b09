"""Data sets, the loader, IDX files and downloads (from a server in this process, never the net)."""

from __future__ import annotations

import collections
import contextlib
import gzip
import hashlib
import http.server
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cl import Tensor
from tinygrad_cl.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    ImageDataset,
    Subset,
    TensorDataset,
    datasets,
    default_collate,
    random_split,
    read_idx,
    sources,
    write_idx,
)
from tinygrad_cl.data.download import RemoteFile
from tinygrad_cl.errors import DataError

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
PUBLISHED = [sources.MNIST, sources.FASHION_MNIST]


def loader(dataset: object, **options: object) -> DataLoader:
    return DataLoader(dataset, device="numpy", **options)  # type: ignore[arg-type]


def lists(batches: DataLoader) -> list[list[int]]:
    return [batch[0].tolist() for batch in batches]


class Numbers(Dataset):
    """0, 1, ..., fetched one by one."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fetched: list[int] = []

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[int]:
        self.fetched.append(index)
        return (index,)


# --- data sets ---


def test_tensor_dataset_rows() -> None:
    dataset = TensorDataset(np.arange(6).reshape(3, 2), [0.5, 1.5, 2.5])
    assert len(dataset) == 3
    row, value = dataset[1]
    assert row.tolist() == [2, 3]
    assert value == 1.5
    assert value.dtype == np.float32


def test_tensor_dataset_takes_tensors() -> None:
    import tinygrad_cl

    dataset = TensorDataset(tinygrad_cl.tensor([[1.0], [2.0]], device="numpy"))
    assert dataset[1][0].tolist() == [2.0]


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ((), "at least one array"),
        ((np.zeros(3), np.zeros(4)), r"equal length, got shapes \(3,\), \(4,\)"),
        ((np.float32(1),), "at least one dim"),
    ],
)
def test_tensor_dataset_refuses(arrays: tuple[np.ndarray, ...], text: str) -> None:
    with pytest.raises(DataError, match=text):
        TensorDataset(*arrays)


def test_subset_and_concat() -> None:
    both = Numbers(3) + Subset(Numbers(10), [9, -2])
    assert isinstance(both, ConcatDataset)
    assert [both[i][0] for i in range(len(both))] == [0, 1, 2, 9, 8]
    assert both[-1] == (8,)
    with pytest.raises(IndexError, match="index 5 is out of range for 5 samples"):
        both[5]
    with pytest.raises(DataError, match="at least one data set"):
        ConcatDataset([])


@pytest.mark.parametrize("indices", [[3], [-4], [0.5], [[0]]])
def test_subset_refuses(indices: list[int]) -> None:
    with pytest.raises(DataError, match="Subset"):
        Subset(Numbers(3), indices)


def test_random_split_is_a_partition() -> None:
    parts = random_split(Numbers(10), [7, 3], seed=1)
    again = random_split(Numbers(10), [0.7, 0.3], seed=1)
    values = [part[i][0] for part in parts for i in range(len(part))]
    assert sorted(values) == list(range(10))
    assert [len(part) for part in again] == [7, 3]
    assert all(np.array_equal(a.indices, b.indices) for a, b in zip(parts, again, strict=True))
    other = random_split(Numbers(10), [7, 3], generator=np.random.default_rng(2))
    assert not np.array_equal(other[0].indices, parts[0].indices)


@pytest.mark.parametrize("lengths", [[1, 2], [0.5, 0.6], [-1, 11], []])
def test_random_split_refuses(lengths: list[float]) -> None:
    with pytest.raises(DataError, match="random_split"):
        random_split(Numbers(10), lengths)


def test_image_dataset_scales_and_checks() -> None:
    images = np.full((2, 1, 3, 3), 255, np.uint8)
    dataset = ImageDataset(images, np.array([0, 1]), "ab")
    image, label = dataset[1]
    assert image.dtype == np.float32
    assert image.max() == 1.0
    assert label == 1
    for wrong in (
        (images[0], np.array([0, 1]), "ab"),
        (images, np.array([0]), "ab"),
        (images, np.array([0, 2]), "ab"),
        (images, np.array([0.0, 1.0]), "ab"),
    ):
        with pytest.raises(DataError, match="ImageDataset"):
            ImageDataset(*wrong)


# --- batches ---


def test_collate_keeps_structure() -> None:
    Point = collections.namedtuple("Point", "x y")
    samples = [
        {"p": Point(i, float(i)), "a": [np.ones(2) * i, True], "s": "ab"[i]} for i in range(2)
    ]
    batch = default_collate(samples)
    assert isinstance(batch["p"], Point)
    assert batch["p"].x.dtype == np.int64
    assert batch["p"].y.dtype == np.float32
    assert batch["a"][0].tolist() == [[0, 0], [1, 1]]
    assert batch["a"][1].dtype == np.bool_
    assert batch["s"] == ["a", "b"]


@pytest.mark.parametrize(
    "samples",
    [
        [np.zeros(2), np.zeros(3)],
        [(1, 2), (1,)],
        [{"a": 1}, {"b": 1}],
        [1, "x"],
        [None, None],
        [1, np.zeros(2)],
        [1, 2**63],
        [1, 10**30],
    ],
)
def test_collate_refuses(samples: list[object]) -> None:
    with pytest.raises(DataError, match="DataLoader"):
        default_collate(samples)


def test_batches_are_tensors_on_the_device() -> None:
    dataset = TensorDataset(np.zeros((5, 2), np.float32), np.arange(5))
    x, y = next(iter(loader(dataset, batch_size=3)))
    assert isinstance(x, Tensor)
    assert x.shape == (3, 2)
    assert str(x.device) == "numpy"
    assert y.tolist() == [0, 1, 2]


def test_tensor_samples_are_stacked() -> None:
    import tinygrad_cl

    samples = [tinygrad_cl.tensor([float(i)], device="numpy") for i in range(3)]
    (batch,) = loader(samples, batch_size=3)
    assert batch.tolist() == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("fast", [False, True])
def test_order_and_lengths(workers: int, fast: bool) -> None:
    dataset = TensorDataset(np.arange(10)) if fast else Numbers(10)
    options = {"num_workers": workers, "batch_size": 4}
    assert lists(loader(dataset, **options)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert lists(loader(dataset, drop_last=True, **options)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert lists(loader(dataset, sampler=[5, 1], **options)) == [[5, 1]]
    assert len(loader(dataset, **options)) == 3
    assert len(loader(dataset, drop_last=True, **options)) == 2
    assert len(loader(dataset, sampler=[5, 1], **options)) == 1


def test_shuffle_is_reproducible_and_changes_by_epoch() -> None:
    first, second = (loader(Numbers(50), shuffle=True, batch_size=50, seed=3) for _ in range(2))
    epochs = [lists(first), lists(first)]
    assert epochs == [lists(second), lists(second)]
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0][0]) == list(range(50))
    other = loader(Numbers(50), shuffle=True, batch_size=50, generator=np.random.default_rng(3))
    assert lists(other) == epochs[0]


def test_threads_do_not_change_the_order() -> None:
    plain = loader(Numbers(100), shuffle=True, batch_size=7, seed=1)
    threaded = loader(Numbers(100), shuffle=True, batch_size=7, seed=1, num_workers=4)
    assert lists(plain) == lists(threaded)


def test_manual_seed_makes_shuffling_reproducible() -> None:
    import tinygrad_cl

    orders = []
    for _ in range(2):
        tinygrad_cl.manual_seed(5)
        orders.append(lists(loader(Numbers(50), shuffle=True, batch_size=50)))
    assert orders[0] == orders[1]


def test_subset_uses_the_fast_path() -> None:
    part = Subset(TensorDataset(np.arange(10) * 10), [7, 2, 5])
    assert lists(loader(part, batch_size=2)) == [[70, 20], [50]]
    assert lists(loader(Subset(Numbers(10), [7, 2, 5]), batch_size=2)) == [[7, 2], [5]]


@pytest.mark.parametrize("workers", [0, 2])
def test_collate_fn(workers: int) -> None:
    options = {"collate_fn": lambda samples: (np.array(samples).sum(), "text", len(samples))}
    batches = list(
        loader(TensorDataset(np.arange(4)), batch_size=2, num_workers=workers, **options)
    )
    assert batches == [(1, "text", 2), (5, "text", 2)]


@pytest.mark.parametrize("workers", [0, 2])
def test_empty_data(workers: int) -> None:
    empty = TensorDataset(np.zeros((0, 3), np.float32))
    assert list(loader(empty, batch_size=4, shuffle=True, num_workers=workers)) == []
    assert len(loader(empty)) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": True},
        {"num_workers": -1},
        {"prefetch_factor": 0},
        {"shuffle": True, "sampler": [0]},
        {"seed": 1, "generator": np.random.default_rng(1)},
    ],
)
def test_wrong_options(options: dict[str, object]) -> None:
    with pytest.raises(DataError):
        loader(Numbers(3), **options)


class Broken(Numbers):
    def __getitem__(self, index: int) -> tuple[int]:
        if index == 5:
            raise KeyError("sample five is missing")
        return (index,)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_workers_error_is_shown_in_full(workers: int) -> None:
    batches = iter(loader(Broken(20), batch_size=2, num_workers=workers))
    assert [next(batches)[0].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match="sample five is missing") as caught:
        next(batches)
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError("sample five is missing")' in text
    assert "in __getitem__" in text


class Slow(Numbers):
    """The first two samples come at once; each other one takes 50 ms."""

    def __getitem__(self, index: int) -> tuple[int]:
        if index > 1:
            time.sleep(0.05)
        return super().__getitem__(index)


def loader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "tinygrad_cl.data" in thread.name]


def test_early_exit_stops_the_threads() -> None:
    dataset = Slow(100_000)
    batches = iter(loader(dataset, batch_size=2, num_workers=2, sampler=range(2, 100_000)))
    next(batches)
    batches = iter(loader(dataset, batch_size=2, num_workers=2))
    assert next(batches)[0].tolist() == [0, 1]
    del batches
    before = time.monotonic()
    while loader_threads() and time.monotonic() - before < 10:
        time.sleep(0.01)
    assert not loader_threads()
    assert len(dataset.fetched) < 100  # what was queued is not fetched any more


def test_early_exit_lets_the_process_end() -> None:
    program = """
import time
from tinygrad_cl.data import DataLoader
class Slow:
    def __len__(self): return 100000
    def __getitem__(self, index):
        if index >= 2: time.sleep(0.1)
        return index
for batch in DataLoader(Slow(), batch_size=2000, num_workers=2, sampler=[0, 1], device="numpy"):
    print(batch.tolist())
loader = iter(DataLoader(Slow(), batch_size=1, num_workers=2, device="numpy"))
print(next(loader).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split("\n") == ["[0, 1]", "[0]", ""]
    assert done.stderr == ""


# --- IDX ---


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]),
    st.lists(st.integers(0, 4), max_size=4),
    st.booleans(),
)
def test_idx_round_trip(tmp_path_factory, dtype: str, shape: list[int], packed: bool) -> None:
    path = tmp_path_factory.mktemp("idx") / ("a.idx.gz" if packed else "a.idx")
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)
    assert [path.name] == [entry.name for entry in path.parent.iterdir()]


def test_idx_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not int64"):
        write_idx(tmp_path / "a.idx", np.arange(3))
    assert not list(tmp_path.iterdir())


def idx_bytes(*dims: int, code: int = 8, data: bytes = b"") -> bytes:
    return struct.pack(f">BBBB{len(dims)}I", 0, 0, code, len(dims), *dims) + data


BAD_FILES = {
    "empty": (b"", "is not an IDX file: it starts with nothing"),
    "text": (b"<html>", "is not an IDX file: it starts with 3c 68 74 6d"),
    "dtype": (idx_bytes(1, code=7, data=b"x"), "is not an IDX file"),
    "dims": (b"\0\0\x08\xff" + b"\1" * 2000, "states 255 dims"),
    "header": (idx_bytes(2, 3)[:-1], "ends within its header"),
    "short": (idx_bytes(2, 3, data=b"abcde"), "is truncated"),
    "long": (idx_bytes(2, 3, data=b"abcdefg"), "goes on after its data"),
    "huge": (idx_bytes(*[0xFFFFFFFF] * 32), "is truncated"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_idx_refuses_bad_files(tmp_path: Path, kind: str, packed: bool) -> None:
    content, text = BAD_FILES[kind]
    path = tmp_path / "bad"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=text) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_idx_refuses_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    write_idx(path, np.arange(10_000, dtype=np.int16))
    whole = path.read_bytes()
    for wrong in (whole[:-9], whole[:50], whole[:-6] + b"\0\0" + whole[-4:], whole + b"rest"):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match="is not a whole gzip file"):
            read_idx(path)


@settings(deadline=None, max_examples=60)
@given(position=st.integers(0, 200), value=st.integers(0, 255), packed=st.booleans())
def test_idx_never_fails_otherwise(tmp_path_factory, position, value, packed) -> None:
    """Any changed byte gives an array or a DataError, and nothing else."""
    path = tmp_path_factory.mktemp("idx") / "a"
    content = bytearray(idx_bytes(3, 5, code=0x0D, data=np.arange(15, dtype=">f4").tobytes()))
    if packed:
        content = bytearray(gzip.compress(bytes(content), mtime=0))
    content[position % len(content)] = value
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert read_idx(path).nbytes <= 60


def test_idx_memory_is_bounded(tmp_path: Path) -> None:
    """A small file that promises 3 GiB, and a bomb that keeps the promise."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    liar = tmp_path / "liar.gz"
    liar.write_bytes(gzip.compress(idx_bytes(3 << 30) + bytes(4 << 20)))
    with pytest.raises(DataError, match="is truncated"):
        read_idx(liar)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(idx_bytes(64 << 20) + bytes(64 << 20)))
    with pytest.raises(DataError, match="raise max_bytes"):
        read_idx(bomb, max_bytes=32 << 20)
    assert read_idx(bomb).size == 64 << 20
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 << 10  # KiB: the writer's and the reader's 64 MiB, never 3 GiB


def test_idx_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot read"):
        read_idx(tmp_path)


# --- published data sets ---


class Mirror(http.server.ThreadingHTTPServer):
    """A server on 127.0.0.1 that hands out `contents` under its address."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents = contents
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        content = self.server.contents.get(name)
        if content is None:
            self.send_error(404)
            return
        if content == b"hang":
            time.sleep(3)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator:
    running = []

    def start(contents: dict[str, bytes]) -> Mirror:
        mirror = Mirror(contents)
        running.append(mirror)
        threading.Thread(target=mirror.serve_forever, args=(0.02,), daemon=True).start()
        return mirror

    yield start
    for mirror in running:
        mirror.shutdown()
        mirror.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(sources, "cache_folder", lambda: folder)
    return folder


def tiny_files(tmp_path: Path) -> dict[str, bytes]:
    """The four files of a tiny data set in the form of MNIST."""
    arrays = {
        "train-images-idx3-ubyte.gz": np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28),
        "train-labels-idx1-ubyte.gz": np.array([3, 1], np.uint8),
        "t10k-images-idx3-ubyte.gz": np.zeros((1, 28, 28), np.uint8),
        "t10k-labels-idx1-ubyte.gz": np.array([9], np.uint8),
    }
    made = tmp_path / "made"
    made.mkdir()
    for name, array in arrays.items():
        write_idx(made / name, array)
    return {name: (made / name).read_bytes() for name in arrays}


def source_of(contents: dict[str, bytes], *mirrors: str) -> sources.Source:
    files = [
        RemoteFile(name, len(content), hashlib.md5(content).hexdigest())
        for name, content in contents.items()
    ]
    return sources.Source("tiny", mirrors, tuple(files), tuple("0123456789"))  # type: ignore[arg-type]


def test_download_once_then_cache(tmp_path: Path, cache: Path, serve) -> None:
    contents = tiny_files(tmp_path)
    mirror = serve(contents)
    source = source_of(contents, mirror.address)
    images, labels = sources.load(source, None, train=True, download=True)
    assert images.shape == (2, 1, 28, 28)
    assert labels.tolist() == [3, 1]
    asked = list(mirror.asked)
    assert asked == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    sources.load(source, None, train=True, download=False)
    assert mirror.asked == asked
    assert sorted(entry.name for entry in (cache / "tiny").iterdir()) == asked


def test_download_repairs_a_damaged_cache(tmp_path: Path, cache: Path, serve) -> None:
    contents = tiny_files(tmp_path)
    source = source_of(contents, serve(contents).address)
    sources.load(source, None, train=False, download=True)
    file = cache / "tiny" / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(b"x" * file.stat().st_size)
    with pytest.raises(DataError, match="has no intact copy"):
        sources.load(source, None, train=False, download=False)
    sources.load(source, None, train=False, download=True)
    assert file.read_bytes() == contents[file.name]


@pytest.mark.parametrize("fault", ["missing", "short", "long", "other", "hang"])
def test_second_mirror(tmp_path: Path, cache: Path, serve, fault: str) -> None:
    contents = tiny_files(tmp_path)
    change = {
        "missing": lambda content: None,
        "short": lambda content: content[:-1],
        "long": lambda content: content + b"x" * 100_000,
        "other": lambda content: bytes(len(content)),
        "hang": lambda content: b"hang",
    }[fault]
    bad = serve({name: change(content) for name, content in contents.items()})
    good = serve(contents)
    source = source_of(contents, bad.address, good.address)
    images, _ = sources.load(source, None, train=False, download=True, timeout=0.2)
    assert len(images) == 1
    with pytest.raises(DataError) as caught:
        sources.load(source_of(contents, bad.address), None, True, True, timeout=0.2)
    assert bad.address in str(caught.value)
    assert len(list((cache / "tiny").iterdir())) == 2  # no half file is left


def test_the_error_names_all_three(tmp_path: Path, cache: Path) -> None:
    closed = "http://127.0.0.1:9/"
    source = source_of(tiny_files(tmp_path), closed)
    with pytest.raises(DataError) as caught:
        sources.load(source, tmp_path / "absent", train=True, download=True, timeout=1)
    message = str(caught.value)
    assert f"the folder {tmp_path / 'absent'}" in message
    assert f"the cache {cache / 'tiny'}" in message
    assert closed in message
    assert "\n" not in message


def test_unwritable_cache(tmp_path: Path, cache: Path, serve) -> None:
    contents = tiny_files(tmp_path)
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write to"):
        sources.load(source_of(contents, serve(contents).address), None, True, True)


@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_given_folder(tmp_path: Path, cache: Path, folder: str, packed: bool) -> None:
    place = tmp_path / "root" / folder
    place.mkdir(parents=True)
    for name, content in tiny_files(tmp_path).items():
        if packed:
            (place / name).write_bytes(content)
        else:
            (place / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    dataset = datasets.mnist(tmp_path / "root", train=True, download=False)
    assert dataset.labels.tolist() == [3, 1]
    assert len(datasets.mnist(str(tmp_path / "root"), train=False, download=False)) == 1


def test_files_that_do_not_fit_together(tmp_path: Path, cache: Path) -> None:
    for name, content in tiny_files(tmp_path).items():
        (tmp_path / name).write_bytes(content)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="needed are images"):
        datasets.mnist(tmp_path, download=False)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"broken")
    with pytest.raises(DataError, match="is not an IDX file"):
        datasets.mnist(tmp_path, download=False)


def test_digits() -> None:
    train, test = datasets.digits(train=True), datasets.digits(train=False, size=28)
    assert (len(train), len(test)) == (1437, 360)
    assert train.images.shape[1:] == (1, 8, 8)
    assert train.images.max() == 255
    assert test.images.shape[1:] == (1, 28, 28)
    assert test.images[:, :, :2].max() == 0
    assert set(test.labels.tolist()) == set(range(10))
    with pytest.raises(DataError, match="at least 8"):
        datasets.digits(size=7)


@pytest.mark.parametrize("source", PUBLISHED, ids=lambda source: source.name)
def test_real_files(source: sources.Source, cache: Path) -> None:
    folder = REAL_DATA / source.name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: {source.name} is needed as published")
    for file in source.files:
        content = (folder / file.name).read_bytes()
        assert (len(content), hashlib.md5(content).hexdigest()) == (file.size, file.md5)
    images, labels = sources.load(source, REAL_DATA, train=False, download=False)
    assert images.shape == (10_000, 1, 28, 28)
    assert np.bincount(labels).min() > 800
