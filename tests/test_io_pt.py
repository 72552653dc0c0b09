"""PyTorch's `.pt` files, made here from their description: read, written, and never run.

tests/test_torch_io.py compares with PyTorch itself.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from readers import old_pt

import tinygrad_cl as tg
from tinygrad_cl import DataError, nn
from tinygrad_cl.io import load, load_pt, save, save_pt
from tinygrad_cl.io.unpickle import Machine

ROOT = b"\x80\x02"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def row(*numbers: int) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in numbers) + b"t"


def storage(key: str, kind: str, count: int) -> bytes:
    name = b"ctorch\n" + kind.encode() + b"Storage\n"
    return (
        b"("
        + text("storage")
        + name
        + text(key)
        + text("cpu")
        + b"J"
        + struct.pack("<i", count)
        + b"tQ"
    )


def tensor(
    key: str, kind: str, count: int, offset: int, shape: Any, strides: Any, how: str = "_v2"
) -> bytes:
    head = b"ctorch._utils\n_rebuild_tensor" + how.encode() + b"\n("
    rest = b"\x89ccollections\nOrderedDict\n)R" if how == "_v2" else b""
    place = b"J" + struct.pack("<i", offset) + row(*shape) + row(*strides)
    return head + storage(key, kind, count) + place + rest + b"tR"


def entry(name: str, value: bytes) -> bytes:
    return ROOT + b"}" + text(name) + value + b"s."


def zipped(pickled: bytes, folder: str = "x", order: bytes = b"little", **data: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(f"{folder}/data.pkl", pickled)
        file.writestr(f"{folder}/byteorder", order)
        file.writestr(f"{folder}/version", "3\n")
        for key, value in data.items():
            file.writestr(f"{folder}/data/{key[1:]}", value)
    return content.getvalue()


def read(content: bytes, folder: Path) -> Any:
    (folder / "x.pt").write_bytes(content)
    return load_pt(folder / "x.pt")


NUMBERS = np.arange(12, dtype=np.float32)


# ------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (3, 4), (4, 1)),
        (1, (2, 3), (4, 1)),  # a window
        (0, (4, 3), (1, 4)),  # transposed
        (2, (5,), (2,)),
        (3, (), ()),
        (5, (2, 3), (0, 1)),  # expanded
        (0, (0, 3), (3, 1)),
    ],
)
def test_strided_tensors(offset: int, shape: Any, strides: Any, tmp_path: Path) -> None:
    coded = tensor("0", "Float", 12, offset, shape, strides)
    found = read(zipped(entry("w", coded), _0=NUMBERS.tobytes()), tmp_path)["w"]
    steps = [4 * stride for stride in strides]
    expected = np.lib.stride_tricks.as_strided(NUMBERS[offset:], shape, steps)
    assert found.shape == shape
    np.testing.assert_array_equal(found, expected)


def test_tensors_that_share_a_storage_share_memory(tmp_path: Path) -> None:
    pair = text("a") + tensor("0", "Float", 12, 0, (12,), (1,))
    pair += text("b") + tensor("0", "Float", 12, 4, (2, 4), (4, 1))
    found = read(zipped(ROOT + b"}(" + pair + b"u.", _0=NUMBERS.tobytes()), tmp_path)
    found["a"][4] = 70
    assert found["b"][0, 0] == 70


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *(("Double", "<f8"), ("Half", "<f2"), ("Long", "<i8"), ("Int", "<i4"), ("Short", "<i2")),
        *(("Char", "i1"), ("Byte", "u1"), ("Bool", "?")),
    ],
)
@pytest.mark.parametrize("order", [b"little", b"big"])
def test_dtypes_and_byte_orders(kind: str, dtype: str, order: bytes, tmp_path: Path) -> None:
    values = np.array([0, 1, 1], dtype)
    stored = values.astype(values.dtype.newbyteorder(">")) if order == b"big" else values
    coded = entry("w", tensor("0", kind, 3, 0, (3,), (1,)))
    found = read(zipped(coded, order=order, _0=stored.tobytes()), tmp_path)["w"]
    assert found.dtype == values.dtype
    assert found.dtype.isnative
    assert found.tolist() == values.tolist()


@pytest.mark.parametrize("order", [b"little", b"big"])
def test_bfloat16_keeps_its_bits(order: bytes, tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, np.inf, 3e38], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(">u2" if order == b"big" else "<u2")
    coded = entry("w", tensor("0", "BFloat16", 4, 0, (4,), (1,)))
    found = read(zipped(coded, order=order, _0=halves.tobytes()), tmp_path)["w"]
    assert found.dtype == tg.bfloat16.numpy
    assert found.view(np.uint16).tolist() == halves.tolist()
    np.testing.assert_allclose(found.astype(np.float32), values, rtol=1 / 128)


def test_files_of_old_versions(tmp_path: Path) -> None:
    for how in ("", "_v2"):
        coded = entry("w", tensor("7", "Float", 12, 0, (3, 4), (4, 1), how))
        found = read(old_pt(coded, ["7"], NUMBERS.tobytes()), tmp_path)["w"]
        np.testing.assert_array_equal(found, NUMBERS.reshape(3, 4))
    assert load(tmp_path / "x.pt", "numpy")["w"].tolist() == NUMBERS.reshape(3, 4).tolist()


def test_values_beside_tensors(tmp_path: Path) -> None:
    size = b"ctorch\nSize\n" + row(2, 3) + b"\x85R"
    device = b"ctorch\ndevice\n" + text("cuda") + b"K\x01\x86R"
    parts = [text("s") + size, text("d") + device, text("t") + b"ctorch\nfloat16\n"]
    coded = ROOT + b"}(" + b"".join(parts) + b"u."
    assert read(zipped(coded), tmp_path) == {"s": (2, 3), "d": "cuda:1", "t": "torch.float16"}
    for protocol in (2, 3, 4, 5):
        value = {"a": [1, -5, 2**70, (True, None, 2.5)], 3: "é", "b": {"c": []}}
        assert read(zipped(pickle.dumps(value, protocol)), tmp_path) == value


def test_an_ordered_dict_has_its_attributes_dropped(tmp_path: Path) -> None:
    made = b"ccollections\nOrderedDict\n)R"
    coded = ROOT + made + text("a") + b"K\x01s}" + text("_metadata") + b"}sb."
    assert read(zipped(coded), tmp_path) == {"a": 1}


def test_load_gives_tensors_that_a_net_takes(tmp_path: Path, device: str) -> None:
    net = nn.Linear(4, 3)
    net.to(device)
    weight, bias = text("weight") + tensor("0", "Float", 12, 0, (3, 4), (4, 1)), text("bias")
    coded = ROOT + b"}(" + weight + bias + tensor("1", "Short", 3, 0, (3,), (1,)) + b"u."
    data = {"_0": NUMBERS.tobytes(), "_1": np.array([1, 2, 3], "<i2").tobytes()}
    (tmp_path / "x.pt").write_bytes(zipped(coded, **data))
    state = load(tmp_path / "x.pt", device)
    assert state["bias"].dtype == tg.int32
    net.load_state_dict(state)
    assert net.weight.tolist() == NUMBERS.reshape(3, 4).tolist()
    assert net.bias.tolist() == [1.0, 2.0, 3.0]


# ------------------------------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
)
def test_what_is_written_is_read(dtype: str, tmp_path: Path, device: str) -> None:
    arrays = [np.ones(shape, dtype) for shape in ((), (0, 2), (2, 3))]
    state = {
        "t": [tg.from_numpy(array, device=device) for array in arrays],
        "f": np.asfortranarray(arrays[2]),
        5: (1, -(2**40), 2**80, True, None, -0.5, "é\ud800", np.float32(2)),
    }
    save(state, tmp_path / "x.pt")
    found = load_pt(tmp_path / "x.pt")
    for array, expected in zip([*found["t"], found["f"]], [*arrays, arrays[2]], strict=True):
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        assert array.tolist() == expected.tolist()
    assert found[5] == state[5]


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        save_pt({"w": NUMBERS}, tmp_path / f"{name}.pt")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"x": object()}, "cannot store a object"),
        ({(1, 2): 3}, "no tuple as a key"),
        ({"x": np.zeros(2, complex)}, "is not supported"),
        (1 << 3000, "an integer of"),
    ],
)
def test_what_cannot_be_written(state: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        save_pt(state, tmp_path / "x.pt")
    assert not os.listdir(tmp_path)


# ------------------------------------------------------------------------------------ hostile files


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("/tmp/tinygrad_cl_was_here",)


GOOD = tensor("0", "Float", 12, 0, (3, 4), (4, 1))
HOSTILE: dict[str, bytes] = {
    "code": pickle.dumps(Evil(), 2),
    "code of protocol 4": pickle.dumps([Evil()], 4),
    "eval": ROOT + b"c__builtin__\neval\n" + text("1") + b"\x85R.",
    "a module of torch": ROOT + b"ctorch.nn.modules.linear\nLinear\n)R.",
    "getattr": ROOT + b"cbuiltins\ngetattr\n" + text("a") + text("b") + b"\x86R.",
    "calls a string": ROOT + text("os") + b")R.",
    "calls a dtype": ROOT + b"ctorch\nfloat32\n)R.",
    "a class as value": ROOT + b"}" + text("a") + b"ctorch\nSize\ns.",
    "a storage as value": ROOT + storage("0", "Float", 12) + b".",
    "another identifier": ROOT + text("x") + b"Q.",
    "no storage": ROOT + b"ctorch._utils\n_rebuild_tensor_v2\n(NK\0))\x89NtR.",
    "too few arguments": ROOT + b"ctorch._utils\n_rebuild_tensor_v2\n(tR.",
    "beyond the storage": entry("w", tensor("0", "Float", 12, 1, (3, 4), (4, 1))),
    "negative stride": entry("w", tensor("0", "Float", 12, 8, (2,), (-1,))),
    "negative size": entry("w", tensor("0", "Float", 12, 0, (-2,), (1,))),
    "strides and sizes": entry("w", tensor("0", "Float", 12, 0, (3, 4), (4,))),
    "huge expansion": entry("w", tensor("0", "Float", 12, 0, (1 << 30, 1 << 30), (0, 0))),
    "many expansions": ROOT + b"](" + tensor("0", "Float", 12, 0, (4000,), (0,)) * 300 + b"e.",
    "huge and empty": entry(
        "w", tensor("0", "Float", 12, 0, (0, (1 << 31) - 1, (1 << 31) - 1), (0,) * 3)
    ),
    "many dims": entry("w", tensor("0", "Float", 12, 0, (1,) * 40, (1,) * 40)),
    "size of the storage": entry("w", tensor("0", "Float", 13, 0, (3,), (1,))),
    "another dtype": entry("w", tensor("0", "Double", 12, 0, (3,), (1,))),
    "two dtypes": ROOT + b"](" + GOOD + tensor("0", "Int", 12, 0, (2,), (1,)) + b"e.",
    "no such storage": entry("w", tensor("9", "Float", 12, 0, (3,), (1,))),
    "outside the archive": entry("w", tensor("../../x", "Float", 12, 0, (3,), (1,))),
    "bools of 7": entry("w", tensor("1", "Bool", 8, 0, (8,), (1,))),
    "sparse": ROOT + b"ctorch._utils\n_rebuild_sparse_tensor\n)R.",
    "list of itself": ROOT + b"]q\0h\0a.",
    "deep": ROOT + b"]" * 5000 + b"a" * 4999 + b".",
    "deep key": ROOT + b"}" + b")" + b"\x85" * 100000 + b"Ns.",
    "laughs": ROOT
    + b"]"
    + b"".join(b"q%cK\x01](" % i + b"h%c" % i * 10 + b"e" for i in range(9))
    + b".",
    "list as key": ROOT + b"}]Ns.",
    "half a pair": ROOT + b"}(" + text("a") + b"u.",
    "no dict": ROOT + b"K\x01K\x01K\x01s.",
    "no list": ROOT + b"K\x01K\x01a.",
    "empty stack": ROOT + b".",
    "no mark": ROOT + b"t.",
    "no memo": ROOT + b"h\5.",
    "huge memo": ROOT + b"Nr\xff\xff\xff\xff.",
    "huge string": ROOT + b"\x8d" + b"\xff" * 8 + b"a.",
    "huge bytes": ROOT + b"\x8e" + b"\xff" * 7 + b"\x7fa.",
    "huge integer": ROOT + b"\x8b" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b".",
    "not UTF-8": ROOT + b"X\1\0\0\0\xff.",
    "an endless name": ROOT + b"c" + b"a" * 1000 + b"\nb\n.",
    "other instruction": ROOT + b"P1\n.",
    "cut off": ROOT + b"}",
    "empty": b"",
}
HARMLESS = {"huge memo"}


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - HARMLESS))
def test_hostile_pickles_are_one_clear_error(name: str, tmp_path: Path) -> None:
    content = zipped(HOSTILE[name], _0=NUMBERS.tobytes(), _1=b"\7" * 8)
    with pytest.raises(DataError, match="load: "):
        read(content, tmp_path)
    assert not Path("/tmp/tinygrad_cl_was_here").exists()
    with pytest.raises(DataError, match="load: "):
        read(old_pt(HOSTILE[name], ["0"], NUMBERS.tobytes()), tmp_path)


def test_a_huge_number_in_the_memo_takes_no_memory(tmp_path: Path) -> None:
    assert read(zipped(HOSTILE["huge memo"]), tmp_path) is None


def test_hostile_archives(tmp_path: Path) -> None:
    good = entry("w", GOOD)
    twice = io.BytesIO(zipped(good, _0=NUMBERS.tobytes()))
    with zipfile.ZipFile(twice, "a") as file:
        file.writestr("y/data.pkl", good)
    for content in (
        zipped(good, order=b"middle", _0=NUMBERS.tobytes()),
        zipped(good, _0=NUMBERS.tobytes()[:-1]),
        zipped(good),
        twice.getvalue(),
        zipped(good, folder="x/y", _0=NUMBERS.tobytes()),
        b"PK\3\4" + bytes(100),
        b"hello",
    ):
        with pytest.raises(DataError, match="load: "):
            read(content, tmp_path)
    whole = old_pt(good, ["0"], NUMBERS.tobytes())
    for content in (whole + b"x", whole[:-1], old_pt(good, [])):
        with pytest.raises(DataError, match="load: "):
            read(content, tmp_path)
    with pytest.raises(DataError, match=r"no \.pt file of PyTorch"):
        read(pickle.dumps(3), tmp_path)
    with pytest.raises(DataError, match="cannot read"):
        load_pt(tmp_path / "nothing.pt")


def test_a_name_that_is_not_allowed_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs 'os.system'.*state_dict\(\) alone"):
        read(zipped(ROOT + b"cos\nsystem\n" + text("ls") + b"\x85R."), tmp_path)


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    for content in (
        zipped(entry("w", GOOD), _0=NUMBERS.tobytes()),
        old_pt(entry("w", GOOD), ["0"], NUMBERS.tobytes()),
    ):
        for size in range(0, len(content), 9):
            with pytest.raises(DataError):
                read(content[:size], tmp_path)


def test_the_machine_reads_what_python_writes() -> None:
    def find(name: str) -> Any:
        raise DataError(name)

    values = [0, -1, 255, 256, 65536, 2**31, -(2**31) - 1, 2**63, 1e300, "x" * 300, b"y" * 300]
    values += [[], {}, (), [1] * 1500, {i: str(i) for i in range(1500)}, (1,), (1, 2), (1, 2, 3, 4)]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        for value in values:
            if isinstance(value, bytes) and protocol == 2:
                continue  # written as a call of _codecs.encode
            assert Machine(pickle.dumps(value, protocol), "test", find).load() == value
