"""Readers: CSV, CIFAR, NumPy's files, memory maps, folders of images, and the ready data sets."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_cl.data import (
    CSVDataset,
    DataLoader,
    ImageFolder,
    MemmapDataset,
    ZScore,
    csvfile,
    csvlabels,
    datasets,
    folder,
    one_hot,
    open_npy,
    open_npz,
    read_cifar10,
    read_cifar100,
    read_csv,
    read_image,
    read_npz,
    sources,
    tarfiles,
    write_idx,
)
from tinygrad_cl.errors import DataError

# --- CSV ---

IRIS = "length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n5.9,3,setosa\n"


def csv_file(tmp_path: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv_with_a_header_and_classes(tmp_path: Path) -> None:
    path = csv_file(tmp_path, IRIS)
    for label in ("kind", 2, -1):
        table = read_csv(path, label)
        assert table.columns == ("length", "width")
        assert table.classes == ("setosa", "virginica")
        assert table.labels is not None
        assert table.labels.tolist() == [0, 1, 0]
        assert table.labels.dtype == np.int64
        rows = np.float32([[5.1, 3.5], [6.2, 2.9], [5.9, 3]])
        np.testing.assert_array_equal(table.features, rows)
        assert table.features.dtype == np.float32
        assert table.features.flags.writeable
    other = csv_file(tmp_path, "a,b,virginica\n1,2,virginica\n", "other.csv")
    test = read_csv(other, -1, header=True, classes=table.classes)
    assert test.labels is not None
    assert test.labels.tolist() == [1]


def test_csv_without_a_header(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "7,0,255\r\n2,12,3\r\n\r\n7,1,1\r\n")
    table = read_csv(path, label=0)
    assert table.columns is None
    assert table.labels is not None
    assert table.labels.tolist() == [7, 2, 7]  # digits are their own indices
    assert table.classes == tuple("01234567")
    assert read_csv(path).features.shape == (3, 3)
    assert read_csv(path).labels is None
    assert read_csv(path, header=True).features.shape == (2, 3)
    dataset = CSVDataset(path, 0)
    assert len(dataset) == 3
    x, y = next(iter(DataLoader(dataset, batch_size=2, device="numpy")))
    assert (x.tolist(), y.tolist()) == ([[0, 255], [12, 3]], [7, 2])
    assert len(CSVDataset(path)[0]) == 1


def test_csv_numbers_as_labels_missing_values_and_columns_left_out(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'id;price;size;rooms\n"a;1";1.5;NA;3\nb_2;-2e1;4;?\n')
    table = read_csv(path, "price", delimiter=";", target="number", missing=0.5, skip=("id",))
    assert table.labels is not None
    assert table.labels.tolist() == [1.5, -20.0]
    assert table.labels.dtype == np.float32
    assert table.features.tolist() == [[0.5, 3.0], [4.0, 0.5]]
    assert table.columns == ("size", "rooms")
    holes = read_csv(path, "price", delimiter=";", missing=np.nan, skip=(0,)).features
    assert np.isnan(holes).sum() == 2


def test_csv_labels_in_their_order(tmp_path: Path) -> None:
    for cells, codes, names in (
        (["10", "-1", "2"], [2, 0, 1], ("-1", "2", "10")),
        (["b", "10", "a"], [2, 0, 1], ("10", "a", "b")),
        (["1", "01", "0"], [1, 1, 0], ("0", "1")),
        (["99999", "1", "1"], [1, 0, 0], ("1", "99999")),
        (["nan", "1.5", "a"], [2, 0, 1], ("1.5", "a", "nan")),
    ):
        path = csv_file(tmp_path, "".join(f"0,{cell}\n" for cell in cells))
        table = read_csv(path, -1)
        assert table.labels is not None
        assert table.labels.tolist() == codes
        assert table.classes == names


def test_csv_compressed_and_with_a_byte_order_mark(tmp_path: Path) -> None:
    packed = csv_file(tmp_path, gzip.compress(b"\xef\xbb\xbf" + IRIS.encode()), "iris.csv.gz")
    assert read_csv(packed, "kind").columns == ("length", "width")
    latin = csv_file(tmp_path, "größe\n1\n".encode("latin-1"))
    assert read_csv(latin, encoding="latin-1").columns == ("größe",)
    with pytest.raises(DataError, match="not utf-8 text"):
        read_csv(latin)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "holds no lines"),
        ("\n\n", {}, "holds no lines"),
        ("1,2\n3,x\n", {}, r"line 2, column 1: 'x' is no number"),
        ("a,b\n1,2\n3,x\n", {"header": True}, r"line 3, column 'b': 'x' is no number"),
        ("1,2\n3,\n", {}, r"line 2, column 1: '' is no number; give `missing`"),
        ("1,2\n3,1_0\n", {}, r"line 2, column 1: '1_0' is no number"),
        ("1,2\n\n3\n", {}, r"line 3 has 1 cells, and the first line 2"),
        ("1,2\n3,4,5\n", {}, r"line 2 has 3 cells"),
        ("1,2\n3,inf\n", {}, r"line 2: NaN, infinity, or too large"),
        ("1,2\n3,1e39\n", {}, r"line 2: NaN, infinity, or too large"),
        ('1,2\n3,"4\n', {}, r"line 2: unexpected end of data"),
        ('1,2\n3,"4"5\n', {}, r"line 2: .*expected after"),
        (IRIS, {"label": "Kind"}, "column 'Kind' must be there once; there are length"),
        ("a,a\n1,2\n", {"label": "a"}, "must be there once"),
        (IRIS, {"label": 3}, "no column 3 among 3"),
        (IRIS, {"label": True}, "no column True"),
        (IRIS, {"label": "kind", "header": False}, "by name need a header"),
        (IRIS, {"label": "kind", "classes": ("setosa",)}, "line 3: the label 'virginica' is none"),
        (IRIS, {"label": "kind", "target": "number"}, "line 2: the label 'setosa' is no finite"),
        (IRIS, {"target": "regression"}, "target must be"),
        (IRIS, {"target": "number", "classes": ("a",)}, "classes need target='class'"),
        (IRIS, {"skip": (0, 1, 2)}, "no columns of features"),
        (IRIS, {"delimiter": "::"}, "delimiter must be one character"),
        (IRIS, {"encoding": "utf-99"}, "unknown encoding"),
        (IRIS, {"max_bytes": 10}, "raise max_bytes"),
    ],
)
def test_csv_tells_what_is_wrong_and_where(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_csv(csv_file(tmp_path, text), **options)
    assert "\n" not in str(caught.value)


def test_csv_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "MAX_LINE", 1000)
    with pytest.raises(DataError, match="line 2 is longer than 1000"):
        read_csv(csv_file(tmp_path, "1,2\n" + "3" * 5000))
    monkeypatch.setattr(csvlabels, "MAX_CLASSES", 3)
    with pytest.raises(DataError, match="line 4: more than 3 classes; are the labels numbers"):
        read_csv(csv_file(tmp_path, "1,a\n1,b\n1,c\n1,d\n"), 1)
    with pytest.raises(DataError, match="cannot read"):
        read_csv(tmp_path / "absent.csv")
    damaged = gzip.compress(IRIS.encode())[:-9]
    with pytest.raises(DataError, match="is damaged"):
        read_csv(csv_file(tmp_path, damaged), "kind")


def test_csv_bomb_costs_little_memory(tmp_path: Path) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = csv_file(tmp_path, gzip.compress(b"1," * (1 << 26)))  # 128 MiB in one line
    with pytest.raises(DataError, match="longer than"):
        read_csv(bomb)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 << 10  # KiB; the file's own making takes 128 MiB


# --- CIFAR ---


def cifar_bytes(labels: list[int], label_bytes: int = 1) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 3072)).astype(np.uint8)
    columns = [np.uint8(labels)[:, None]] * label_bytes
    return np.concatenate([*columns, pixels], 1).tobytes()


def test_cifar_records(tmp_path: Path) -> None:
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(cifar_bytes([3, 9, 0]))
    images, labels = read_cifar10(path)
    assert (images.shape, images.dtype) == ((3, 3, 32, 32), np.uint8)
    assert labels.tolist() == [3, 9, 0]
    raw = np.frombuffer(path.read_bytes(), np.uint8).reshape(3, 3073)
    assert images[1, 2, 31, 30] == raw[1, 1 + 2 * 1024 + 31 * 32 + 30]
    path.write_bytes(cifar_bytes([3, 19], 2))
    assert read_cifar100(path)[1].tolist() == [3, 19]
    assert read_cifar100(path, coarse=True)[1].tolist() == [3, 19]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (cifar_bytes([1])[:-1], "3072 bytes, which are no whole records of 3073: it is truncated"),
        (cifar_bytes([1]) + b"x", "no whole records"),
        (b"", "0 bytes"),
        (cifar_bytes([1, 10]), "record 1 has label 10, and there are 10 classes"),
    ],
)
def test_cifar_refuses(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_cifar10(path)
    with pytest.raises(DataError, match="raise max_bytes"):
        read_cifar10(path, max_bytes=-1)
    with pytest.raises(DataError, match="cannot read"):
        read_cifar10(tmp_path / "absent.bin")


def cifar_folder(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for n in range(1, 6):
        (root / f"data_batch_{n}.bin").write_bytes(cifar_bytes([n, n]))
    (root / "test_batch.bin").write_bytes(cifar_bytes([7]))


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "cache_folder", lambda: tmp_path / "cache")


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_cifar10_from_a_folder(tmp_path: Path, inner: str) -> None:
    cifar_folder(tmp_path / inner)
    train = datasets.CIFAR10(tmp_path)
    assert train.images.shape == (10, 3, 32, 32)
    assert train.labels.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert train.classes[7] == "horse"
    assert datasets.CIFAR10(str(tmp_path), train=False).labels.tolist() == [7]


def cifar_archive(path: Path, folder: Path, size: int | None = None) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../evil.bin"), io.BytesIO())
        for file in sorted(folder.iterdir()):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{file.name}")
            info.size = size or file.stat().st_size
            archive.addfile(info, io.BytesIO(file.read_bytes().ljust(info.size, b"\0")))


@pytest.mark.usefixtures("no_cache")
def test_cifar10_from_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar_folder(tmp_path / "made")
    root = tmp_path / "root"
    root.mkdir()
    archive = root / "cifar-10-binary.tar.gz"
    cifar_archive(archive, tmp_path / "made")
    assert datasets.CIFAR10(root).labels.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert datasets.CIFAR10(root, train=False).labels.tolist() == [7]
    assert [entry.name for entry in root.iterdir()] == [archive.name]  # nothing was unpacked
    whole = archive.read_bytes()
    for content in (whole[:-20], whole[:3000], b"", b"x" * 1000, gzip.compress(b"x" * 1000)):
        archive.write_bytes(content)
        with pytest.raises(DataError, match=r"not a whole \.tar\.gz|lacks"):
            datasets.CIFAR10(root)
    monkeypatch.setattr(tarfiles, "MAX_MEMBER", 100)
    archive.write_bytes(whole)
    with pytest.raises(DataError, match="over 100"):
        datasets.CIFAR10(root)
    monkeypatch.setattr(tarfiles, "MAX_TOTAL", 100)
    with pytest.raises(DataError, match="holds more than was published"):
        datasets.CIFAR10(root)
    with pytest.raises(DataError, match="downloading was not allowed"):
        datasets.CIFAR10(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"no address is known \(give url\)"):
        datasets.CIFAR10(tmp_path / "nothing", download=True)


# --- EMNIST and the classes of MNIST ---


@pytest.mark.usefixtures("no_cache")
def test_emnist_is_upright_and_counts_from_zero(tmp_path: Path) -> None:
    root = tmp_path / "EMNIST" / "raw"
    root.mkdir(parents=True)
    images = np.arange(2 * 28 * 28).reshape(2, 28, 28).astype(np.uint8)
    for split, labels in (("letters", [1, 26]), ("balanced", [0, 46]), ("byclass", [61, 3])):
        for part in ("train", "test"):
            write_idx(root / f"emnist-{split}-{part}-images-idx3-ubyte.gz", images)
            write_idx(root / f"emnist-{split}-{part}-labels-idx1-ubyte", np.uint8(labels))
    letters = datasets.EMNIST(tmp_path, "letters")
    assert letters.labels.tolist() == [0, 25]
    assert [letters.classes[at] for at in letters.labels] == ["a", "z"]
    np.testing.assert_array_equal(letters.images[0, 0], images[0].T)
    balanced = datasets.EMNIST(tmp_path, train=False)
    assert balanced.classes[46] == "t"
    assert len(balanced.classes) == 47
    assert datasets.EMNIST(tmp_path, "byclass").classes[61] == "z"
    with pytest.raises(DataError, match="split must be one of"):
        datasets.EMNIST(tmp_path, "all")
    with pytest.raises(DataError, match="cannot get"):
        datasets.EMNIST(tmp_path, "digits")


@pytest.mark.usefixtures("no_cache")
def test_mnist_classes_take_pytorchs_arguments(tmp_path: Path) -> None:
    for name in ("train", "t10k"):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", np.full((2, 28, 28), 51, np.uint8))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", np.uint8([4, 2]))
    halved = datasets.MNIST(tmp_path, train=False, transform=lambda x: x / 2, download=False)
    assert halved[0][0].shape == (1, 28, 28)
    np.testing.assert_allclose(halved[0][0], 0.1, rtol=1e-6)
    scaler = ZScore("global").fit(halved.images / 255)
    assert np.abs(datasets.FashionMNIST(tmp_path, transform=scaler)[1][0]).max() < 1e-6
    assert datasets.FashionMNIST(tmp_path).classes[0] == "t-shirt"


# --- NumPy's files ---


@pytest.mark.parametrize("dtype", ["u1", "<i4", ">i4", "<f4", ">f8", "?", "<f2", "<i8", "u2", "i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_mapped(tmp_path: Path, dtype: str, order: Any) -> None:
    array = np.arange(24).reshape(4, 3, 2).astype(dtype).copy(order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", other=np.zeros(3), x=array)
    for mapped in (open_npy(tmp_path / "a.npy"), open_npz(tmp_path / "a.npz", ["x"])["x"]):
        assert isinstance(mapped, np.memmap)
        assert not mapped.flags.writeable
        assert mapped.dtype == array.dtype
        np.testing.assert_array_equal(mapped, array)
    dataset = MemmapDataset(tmp_path / "a.npz", names=["x"])
    (batch,) = dataset.get_batch(np.array([3, 0]))
    np.testing.assert_array_equal(batch, array[[3, 0]])
    assert not isinstance(batch, np.memmap)
    assert batch.dtype.isnative
    assert next(iter(DataLoader(dataset, 2, device="numpy")))[0].shape == (2, 3, 2)


def test_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.arange(6.0).reshape(3, 2), y=np.array([1, 0, 1]), e=np.zeros((3, 0)))
    assert list(open_npz(path)) == ["x", "y", "e"]
    assert read_npz(path)["x"].tolist() == [[0, 1], [2, 3], [4, 5]]
    dataset = MemmapDataset(path)
    assert [column.tolist() for column in dataset[-1]] == [[4, 5], 1, []]
    again = pickle.loads(pickle.dumps(dataset))
    assert again[1][0].tolist() == [2, 3]
    assert len(pickle.dumps(dataset)) < 1000
    doubled = MemmapDataset(path, names=["x"], transform=lambda batch: (batch[0] * 2,))
    assert doubled[1][0].tolist() == [4, 6]
    with pytest.raises(IndexError, match="index 3 is out of range for 3 samples"):
        dataset[3]
    np.savez_compressed(path, x=np.zeros(1000))
    assert read_npz(path)["x"].shape == (1000,)
    with pytest.raises(DataError, match=r"is compressed and cannot be mapped; write it with"):
        open_npz(path)


def npy(header: bytes, version: int = 1, data: bytes = b"") -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def header(shape: str = "(3,)", descr: str = "'<f4'", order: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    return text.encode().ljust(117) + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no .npy array"),
        (b"\x93NUMPY\x01\x00", "is no .npy array"),
        (npy(header(), 3), "is no .npy array of version"),
        (npy(header())[:-5], "malformed header"),
        (npy(header("(3,"), data=bytes(12)), "malformed header"),
        (npy(header("(-3,)"), data=bytes(12)), "impossible shape"),
        (npy(header("(1,) * 40"), data=bytes(12)), "malformed header"),
        (npy(header(f"({'1,' * 40})"), data=bytes(12)), "impossible shape|malformed header"),
        (npy(header("(4,)"), data=bytes(12)), r"is truncated: shape \(4,\) of float32 takes 16"),
        (npy(header(f"({1 << 61}, 64)"), data=bytes(12)), "is truncated"),
        (npy(header(descr="'|O'"), data=bytes(24)), "numbers are needed"),
        (npy(header(descr="'<U4'"), data=bytes(48)), "numbers are needed"),
        (npy(header(descr="[('a', '<f4')]"), data=bytes(12)), "numbers are needed"),
        (npy(header(descr="__import__('os')"), data=bytes(12)), "malformed header"),
        (npy(b"(" * 5000), "malformed header"),
        (npy(b"\x93NUMPY\x02\x00", 2)[:8] + b"\xff\xff\xff\x7f" + b"x", "a header of 21474836"),
    ],
)
def test_npy_refuses(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        open_npy(path)
    assert "\n" not in str(caught.value)
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(DataError):
        open_npz(tmp_path / "bad.npz")
    with pytest.raises(DataError):
        read_npz(tmp_path / "bad.npz")


def test_other_memmap_errors(tmp_path: Path) -> None:
    np.save(tmp_path / "three.npy", np.zeros((3, 2)))
    np.save(tmp_path / "two.npy", np.zeros(2))
    np.save(tmp_path / "scalar.npy", np.float32(1))
    np.save(tmp_path / "long.npy", np.zeros(3, np.uint64))
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(DataError, match=r"equal length, got shapes \(3, 2\), \(2,\)"):
        MemmapDataset(tmp_path / "three.npy", tmp_path / "two.npy")
    with pytest.raises(DataError, match="at least one dim"):
        MemmapDataset(tmp_path / "scalar.npy")
    with pytest.raises(DataError, match="cannot hold uint64"):
        MemmapDataset(tmp_path / "long.npy")
    with pytest.raises(DataError, match="has no array 'y'; it has x"):
        MemmapDataset(tmp_path / "a.npz", names=["x", "y"])
    for read in (open_npy, open_npz, read_npz):
        with pytest.raises(DataError, match="cannot read"):
            read(tmp_path / "absent")
    (tmp_path / "text.npz").write_text("no zip file")
    for read in (open_npz, read_npz):
        with pytest.raises(DataError, match="is not a whole NPZ file"):
            read(tmp_path / "text.npz")


def test_a_map_larger_than_memory_is_read_in_pieces(tmp_path: Path) -> None:
    """64 GiB of zeros in a sparse file: batches and statistics of the first rows take little."""
    path = tmp_path / "huge.npy"
    path.write_bytes(npy(header(f"({1 << 24}, 1024)")))
    size = path.stat().st_size
    os.truncate(path, size + (1 << 36))
    dataset = MemmapDataset(path)
    assert len(dataset) == 1 << 24
    made = DataLoader(dataset, 64, sampler=range(0, 1 << 24, 1 << 17), device="numpy")
    assert sum(batch[0].shape[0] for batch in made) == 128
    scaler = ZScore().fit(dataset.arrays[0][: 1 << 14])
    assert scaler.count == 1 << 14


# --- folders of images ---

PIL_Image = pytest.importorskip("PIL.Image", reason="Pillow reads the images")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for name, color in (("dog", (255, 0, 0)), ("cat", (0, 255, 51))):
        (root / name / "more").mkdir(parents=True)
        for n, place in enumerate((".", "more")):
            image = PIL_Image.new("RGB", (6, 4), color)
            image.save(root / name / place / f"{n}.png")
    (root / "dog" / "notes.txt").write_text("no image")
    (root / "empty").mkdir()
    return root


def test_image_folder(pictures: Path) -> None:
    dataset = ImageFolder(pictures)
    assert dataset.classes == ("cat", "dog")
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    image, label = dataset[0]
    assert (image.shape, image.dtype, label) == ((3, 4, 6), np.float32, 0)
    np.testing.assert_allclose(image[:, 0, 0], [0, 1, 0.2], atol=1e-6)
    x, y = next(iter(DataLoader(dataset, 4, num_workers=2, device="numpy")))
    assert (x.shape, y.tolist()) == ((4, 3, 4, 6), [0, 0, 1, 1])
    small = ImageFolder(pictures, size=(2, 3), mode="L", transform=lambda x: x * 0 + 7)
    assert small[3][0].tolist() == [[[7.0] * 3] * 2]
    assert ImageFolder(pictures, size=5, mode="RGBA")[0][0].shape == (4, 5, 5)
    assert ImageFolder(pictures, classes=["dog"]).labels.tolist() == [0, 0]
    own = ImageFolder(pictures, loader=lambda path: np.full((1, 1, 1), 255, np.uint8))
    assert own[2][0].tolist() == [[[1.0]]]
    assert len(pickle.loads(pickle.dumps(dataset))) == 4


def test_image_folder_refuses(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no images of class 'bird'"):
        ImageFolder(pictures, classes=["cat", "bird"])
    with pytest.raises(DataError, match="no folders with images"):
        ImageFolder(pictures / "empty")
    with pytest.raises(DataError, match="cannot read"):
        ImageFolder(pictures / "absent")
    with pytest.raises(DataError, match="size must be"):
        ImageFolder(pictures, size=0)
    with pytest.raises(DataError, match="mode must be"):
        ImageFolder(pictures, mode="CMYK")[0]
    with pytest.raises(DataError, match="6x4 pixels, over the limit of 20; raise max_pixels"):
        ImageFolder(pictures, max_pixels=20)[0]
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(DataError, match="needs Pillow; pip install pillow"):
        ImageFolder(pictures)


def test_damaged_and_strange_images(pictures: Path, tmp_path: Path) -> None:
    path = pictures / "cat" / "0.png"
    noise = np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8)
    PIL_Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for content in (b"", b"x", whole[:40], whole[:1000], b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="read_image") as caught:
            read_image(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="cannot read"):
        read_image(tmp_path / "absent.png")
    gray = tmp_path / "gray.png"
    PIL_Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(gray)
    assert read_image(gray, mode="L").tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert folder.read_image(gray).shape == (3, 2, 3)


# --- labels ---


def test_one_hot() -> None:
    assert one_hot([[0, 1]], 2).tolist() == [[[1, 0], [0, 1]]]
    assert one_hot(np.uint8([2])).tolist() == [[0, 0, 1]]
    assert one_hot([], 3).shape == (0, 3)
    assert one_hot(1, 2, bool).tolist() == [False, True]
    for wrong in ([3], [-1], [0.5], ["a"]):
        with pytest.raises(DataError, match="one_hot"):
            one_hot(wrong, 3)
