"""Files: states come back as they were, from whole files only, and training goes on from them."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cl as tg
from tinygrad_cl import DataError, nn
from tinygrad_cl.dtypes import ALL
from tinygrad_cl.io import load, save, tree
from tinygrad_cl.io.atomic import replacing

FORMATS = ("npz", "safetensors")
SHAPES = [(), (0,), (3,), (2, 0, 4), (2, 3, 5)]


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal to the bit, in the types of containers too."""
    if isinstance(a, tg.Tensor):
        x, y = a.detach().numpy(), b.detach().numpy()
        return (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return (
            type(a) is type(b)
            and len(a) == len(b)
            and all(same(x, y) for x, y in zip(a, b, strict=True))
        )
    return type(a) is type(b) and (a == b or (a != a and b != b))


def array(dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    return (
        np.random.default_rng(0)
        .integers(0, 2, (*shape, dtype.itemsize), np.uint8)
        .view(dtype)[..., 0]
    )


# ------------------------------------------------------------------------------------ round trips


@pytest.mark.parametrize("kind", FORMATS)
def test_every_dtype_and_shape_comes_back(kind: str, device: str, tmp_path: Path) -> None:
    state = {
        f"{d.name}{shape}": tg.from_numpy(array(d.numpy, shape), device=device)
        for d in ALL
        for shape in SHAPES
    }
    save(state, tmp_path / f"x.{kind}")
    found = load(tmp_path / f"x.{kind}", device)
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert same(tensor, found[name]), name
        assert str(found[name].device) == str(tensor.device)


@pytest.mark.parametrize("kind", FORMATS)
def test_special_floats_keep_their_bits(kind: str, tmp_path: Path) -> None:
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45], np.float32)
    values.view(np.uint32)[4] |= 0x1234  # a NaN with a payload
    save({"x": values}, tmp_path / f"x.{kind}")
    assert load(tmp_path / f"x.{kind}", "numpy")["x"].numpy().tobytes() == values.tobytes()


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES = PLAIN | st.builds(
    lambda d, s: tg.from_numpy(array(d.numpy, s), device="numpy"),
    st.sampled_from(ALL),
    st.sampled_from(SHAPES),
)
KEYS = st.text("ab./#$\\%é", max_size=4) | st.integers(-3, 3)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES, st.sampled_from(FORMATS))
def test_every_nested_state_comes_back(
    tmp_path_factory: pytest.TempPathFactory, state: Any, kind: str
) -> None:
    path = tmp_path_factory.mktemp("state") / f"x.{kind}"
    save(state, path)
    found = load(path, "numpy")
    if tree.flatten(state)[1] is None:  # of a flat dict, safetensors keeps no order
        found = {name: found[name] for name in state}
    assert same(found, state)


@pytest.mark.parametrize("kind", FORMATS)
def test_other_programs_read_a_state_dict(kind: str, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    save(net.state_dict(), tmp_path / f"x.{kind}")
    if kind == "npz":
        found = dict(np.load(tmp_path / "x.npz", allow_pickle=False))
    else:
        found = second_reader((tmp_path / "x.safetensors").read_bytes())
    assert found.keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert np.array_equal(found[name], tensor.numpy())


def second_reader(content: bytes) -> dict[str, np.ndarray]:
    """safetensors from its description: u64 length, JSON header, data."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    kinds = {"F32": np.float32, "I64": np.int64}
    data = content[8 + length :]
    return {
        name: np.frombuffer(data[slice(*row["data_offsets"])], kinds[row["dtype"]]).reshape(
            row["shape"]
        )
        for name, row in header.items()
    }


def test_files_of_other_programs_are_read(tmp_path: Path) -> None:
    c = np.arange(6.0, dtype=">f8").reshape(2, 3)
    np.savez_compressed(tmp_path / "x.npz", c=c, f=np.asfortranarray(c), s=np.int32(3))
    found = load(tmp_path / "x.npz", "numpy")
    assert found["c"].tolist() == found["f"].tolist() == c.tolist()
    assert found["s"].shape == ()


def test_equal_states_give_equal_files(tmp_path: Path) -> None:
    for kind in FORMATS:
        for name in "ab":
            save({"x": {"y": np.ones(3)}, "z": 1}, tmp_path / f"{name}.{kind}")
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"x": object()}, "cannot store a object"),
        ({"x": 1 + 2j}, "cannot store a complex"),
        ({"x": np.zeros(2, np.complex64)}, "complex64 is not supported"),
        ({"x": np.array(["a"])}, "is not supported"),
        ({(1, 2): 3}, "cannot store a tuple"),
        ({"a\0b": np.zeros(2)}, "cannot have the name"),
        ({"\ud800": np.zeros(2)}, "cannot have the name"),
        ({"__structure__": np.zeros(2)}, "cannot have the name"),
    ],
)
def test_what_cannot_be_stored_leaves_the_old_file(
    state: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npz"
    save({"old": 1}, path)
    with pytest.raises(DataError, match=message):
        save(state, path)
    assert load(path) == {"old": 1}
    assert os.listdir(tmp_path) == ["x.npz"]


def test_too_deep_a_state_is_refused(tmp_path: Path) -> None:
    state: Any = 1
    for _ in range(64):
        state = [state]
    save(state, tmp_path / "x.npz")
    assert load(tmp_path / "x.npz") == state
    with pytest.raises(DataError, match="nested deeper"):
        save([state], tmp_path / "x.npz")


def test_wrong_names_of_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.npz, \.safetensors or \.pt"):
        save({}, tmp_path / "x.pkl")
    with pytest.raises(DataError, match="cannot write"):
        save({}, tmp_path / "nowhere" / "x.npz")
    with pytest.raises(DataError, match="cannot read"):
        load(tmp_path / "x.npz")
    with pytest.raises(DataError, match="cannot read"):
        load(tmp_path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(DataError, match=r"tinygrad-cl\[io\]"):
        save({}, tmp_path / "x.safetensors")


# ----------------------------------------------------------------------------------- atomic files


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as new:
            new.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links are those of POSIX systems")
def test_modes_and_links_are_as_for_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "link.npz").symlink_to("real.npz")
    save({"x": 1}, tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "real.npz")}
    assert len(modes) == 1


# ---------------------------------------------------------------------------------- hostile files


def archive(**entries: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(name + ".npy", data)
    return content.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def header(shape: str, descr: str = "'<f4'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def structure(text: str) -> bytes:
    data = text.encode()
    return archive(__structure__=npy(header(f"({len(data)},)", "'|u1'"), data))


def tensors(head: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


ROW = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HOSTILE = {
    "empty": b"",
    "text": b"hello, world",
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "no archive": b"PK\x03\x04" + bytes(40),
    "other entry": archive(x=b"abc"),
    "objects": archive(x=npy(header("(1,)", "'|O'"), b"\x80\x04N.")),
    "huge shape": archive(x=npy(header("(1000000, 1000000)"))),
    "larger than int64": archive(x=npy(header(f"({10**30},)"))),
    "negative shape": archive(x=npy(header("(-1,)"), bytes(4))),
    "larger and empty": archive(x=npy(header(f"(0, {1 << 30}, {1 << 30})"))),
    "huge and empty": archive(x=npy(header(f"(0, {1 << 61}, 8)"))),
    "truncated array": archive(x=npy(header("(3,)"), bytes(8))),
    "longer array": archive(x=npy(header("(1,)"), bytes(8))),
    "code": archive(x=npy("__import__('os').abort()")),
    "deep header": archive(x=npy("(" * 3000 + ")" * 3000)),
    "structured": archive(x=npy(header("(1,)", "[('a', '<f4')]"), bytes(4))),
    "structure: no JSON": structure("{"),
    "structure: NaN": structure("NaN"),
    "structure: deep": structure("[" * 100_000 + "]" * 100_000),
    "structure: nested": structure("[" * 300 + "]" * 300),
    "structure: unknown": structure('{"$": "eval", "code": "1"}'),
    "structure: no array": structure('{"$": "array", "name": "x"}'),
    "structure: list as mark": structure('{"$": [], "name": "x"}'),
    "structure: twins": structure('{"a": 1, "a": 2}'),
    "structure: dict": structure('{"$": "dict", "items": [[[], 1]]}'),
    "structure: digits": structure("1" * 10_000),
    "header beyond the file": struct.pack("<Q", 1 << 60) + b"{}",
    "header is no JSON": tensors(b"{{{{"),
    "data beyond the file": tensors({"x": ROW}, bytes(4)),
    "data that no tensor has": tensors({"x": ROW}, bytes(80)),
    "overlapping": tensors({"x": ROW, "y": ROW}, bytes(8)),
    "shape against size": tensors({"x": ROW | {"shape": [1 << 40, 1 << 40]}}, bytes(8)),
    "unknown dtype": tensors({"x": ROW | {"dtype": "C64", "shape": [1]}}, bytes(8)),
    "float8": tensors({"x": ROW | {"dtype": "F8_E4M3", "shape": [8]}}, bytes(8)),
    "deep JSON": tensors(b"[" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_clear_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DataError, match="load: "):
        load(path, "numpy")


def test_a_bomb_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    bomb = archive(x=npy(header(f"({1 << 24},)"), bytes(4 << 24)))
    (tmp_path / "x.npz").write_bytes(bomb)
    assert len(bomb) < 1 << 17
    with pytest.raises(DataError, match="over the limit of 1048576"):
        load(tmp_path / "x.npz", "numpy", max_bytes=1 << 20)
    at = bomb.rindex(b"PK\x01\x02") + 24  # the stated size, where the reader looks it up
    (tmp_path / "x.npz").write_bytes(bomb[:at] + struct.pack("<I", 0xF0000000) + bomb[at + 4 :])
    with pytest.raises(DataError, match="states 4026531840 bytes of data"):
        load(tmp_path / "x.npz", "numpy")


def whole_files(folder: Path) -> dict[str, bytes]:
    state = {"w": np.arange(6.0).reshape(2, 3), "n": {1: (True, None)}, "b": np.zeros(2, bool)}
    for kind in FORMATS:
        save(state, folder / f"whole.{kind}")
    return {kind: (folder / f"whole.{kind}").read_bytes() for kind in FORMATS}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_truncation_is_an_error(kind: str, tmp_path: Path) -> None:
    content = whole_files(tmp_path)[kind]
    path = tmp_path / "x"
    for size in range(0, len(content), 1 + len(content) // 200):
        path.write_bytes(content[:size])
        with pytest.raises(DataError):
            load(path, "numpy")


@given(st.sampled_from(FORMATS), st.data())
def test_damaged_files_load_or_are_one_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(whole_files(folder)[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    (folder / "x").write_bytes(content)
    try:
        load(folder / "x", "numpy")
    except DataError as error:
        assert "load: " in str(error)  # noqa: PT017
