"""`.pyn` networks and `.bin` caches: laid out as described, read back by a second reader.

`Second` reads the bytes from their description and shares nothing with the library; `old_*` lay
files out as older programs did.
"""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cl as tg
from tinygrad_cl import DataError, nn
from tinygrad_cl.io import pyn, pynvalues, read_pyn, read_samples, write_pyn, write_samples


class Second:
    """A reader of `.pyn` 1.2, written from the byte description."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def u64(self) -> int:
        return int.from_bytes(self.raw(8), "little")

    def raw(self, count: int) -> bytes:
        self.at += count
        assert self.at <= len(self.content)
        return self.content[self.at - count : self.at]

    def value(self, kind: int, packed: bool = False) -> Any:
        if kind == 0:
            return self.u64()
        if kind == 1:
            return self.raw(self.u64()).decode()
        if kind == 2:
            return struct.unpack("<f", self.raw(4))[0]
        if kind == 3:
            return self.raw(1) == b"\1"
        if kind == 4:
            assert self.raw(1) == b"N"
            return None
        if kind == 5:
            return self.raw(self.u64())
        if kind == 7:
            shape = self.value(9)
            dtype = self.value(1)
            payload = self.raw(self.u64())
            payload = lz4.frame.decompress(payload) if packed else payload
            return np.frombuffer(payload, dtype).reshape(shape)
        pairs = {}
        for _ in range(self.u64()):
            kinds = self.u64(), self.u64()
            key = self.value(kinds[0])
            pairs[key] = self.value(kinds[1], packed and kinds[1] == 7)
        if kind == 6:
            return pairs
        items = [pairs[i] for i in range(len(pairs))]
        return items if kind == 8 else tuple(items)

    def file(self) -> tuple[dict[str, int], list[tuple[int, dict[str, Any]]]]:
        header = {"module": self.raw(2), "file": self.raw(2), "flags": self.raw(1)[0]}
        header |= {"types": self.u64(), "created": self.u64(), "optimizer": self.raw(1)[0]}
        layers = [(self.u64(), self.value(6, bool(header["flags"] & 1))) for _ in range(self.u64())]
        assert self.at == len(self.content)
        return header, layers


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def old_value(value: Any, packed: bool = False) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return 3, bytes([value])
    if isinstance(value, int):
        return 0, u64(value)
    if isinstance(value, str):
        return 1, u64(len(value)) + value.encode()
    if isinstance(value, float):
        return 2, struct.pack("<f", value)
    if value is None:
        return 4, b"N"
    if isinstance(value, np.ndarray):
        data = lz4.frame.compress(value.tobytes()) if packed else value.tobytes()
        dtype = old_value(str(value.dtype))[1]
        return 7, old_value(value.shape)[1] + dtype + u64(len(data)) + data
    if isinstance(value, dict):
        return 6, old_dict(value)
    return (9 if isinstance(value, tuple) else 8), old_dict(dict(enumerate(value)))


def old_dict(pairs: dict[Any, Any], packed: bool = False) -> bytes:
    content = u64(len(pairs))
    for key, value in pairs.items():
        (key_kind, coded_key), (kind, coded) = old_value(key), old_value(value, packed)
        content += u64(key_kind) + u64(kind) + coded_key + coded
    return content


def old_header(layers: list[tuple[int, Any]], flags: int = 0, minor: int = 2) -> bytes:
    types = sum(2 ^ code for code, _ in layers)
    return bytes([2, 0, 1, minor, flags]) + u64(types) + u64(time.time_ns()) + b"\0"


def old_file(layers: list[tuple[int, Any]], flags: int = 0) -> bytes:
    body = b"".join(u64(code) + old_dict(fields, bool(flags)) for code, fields in layers)
    return old_header(layers, flags) + u64(len(layers)) + body


CHANCE = np.random.default_rng(0)
IMAGE = CHANCE.normal(size=(3, 2 * 5 * 4)).astype(np.float32)
WEIGHT = CHANCE.normal(size=(2, 3, 2)).astype(np.float32)  # [c][dy][dx]


def conv_fields(**changes: Any) -> dict[str, Any]:
    """Planes of width 4 and height 5, two channels; a kernel of width 2 and height 3."""
    fields = {
        "input_shape": (4, 5, 2),
        "kernel_shape": (2, 3),
        "stride": 1,
        "activation": 1,
        "weights": WEIGHT,
        "bias": np.array([0.5], np.float32),
    }
    return fields | changes


def dense_fields(takes: int = 9, gives: int = 2, **changes: Any) -> dict[str, Any]:
    weights = np.linspace(-1, 1, takes * gives, dtype=np.float32).reshape(gives, takes)
    fields = {"input_size": takes, "output_size": gives, "activation": 2}
    return fields | {"weights": weights, "biases": np.ones(gives, np.float32)} | changes


def expected_conv(stride: tuple[int, int] = (1, 1), bias: Any = 0.5) -> np.ndarray:
    """The convolution by loops over windows."""
    planes = IMAGE.reshape(3, 2, 5, 4).astype(np.float64)
    rows, columns = (5 - 3) // stride[0] + 1, (4 - 2) // stride[1] + 1
    out = np.zeros((3, rows, columns))
    for y in range(rows):
        for x in range(columns):
            top, left = y * stride[0], x * stride[1]
            window = planes[:, :, top : top + 3, left : left + 2]
            out[:, y, x] = (window * WEIGHT).sum((1, 2, 3))
    return np.maximum(out.reshape(3, -1) + bias, 0)


def load(content: bytes, folder: Path) -> nn.Sequential:
    (folder / "x.pyn").write_bytes(content)
    return read_pyn(folder / "x.pyn")


def outputs(net: nn.Module, x: np.ndarray = IMAGE) -> np.ndarray:
    return net(tg.from_numpy(x)).detach().numpy()


# --------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("compress", [False, True])
def test_a_second_reader_reads_what_is_written(compress: bool, tmp_path: Path) -> None:
    net = nn.Sequential(
        *(nn.Conv2d(2, 1, (3, 2), stride=(2, 1)), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(6, 4), nn.Sigmoid(), nn.Linear(4, 3)),
    )
    before = time.time_ns()
    write_pyn(net, tmp_path / "x.pyn", input_size=(2, 5, 4), compress=compress)
    header, layers = Second((tmp_path / "x.pyn").read_bytes()).file()
    assert (header["module"], header["file"], header["flags"]) == (b"\2\0", b"\1\2", compress)
    assert (header["types"], header["optimizer"]) == (6, 0)
    assert before <= header["created"] <= time.time_ns()
    assert [code for code, _ in layers] == [2, 1, 1]
    conv, first, second = (fields for _, fields in layers)
    assert (conv["input_shape"], conv["kernel_shape"]) == ((4, 5, 2), (2, 3))
    assert (conv["stride"], conv["activation"]) == ((1, 2), 1)
    np.testing.assert_array_equal(conv["weights"], net[0].weight.data.numpy()[0])
    np.testing.assert_array_equal(conv["bias"], net[0].bias.data.numpy())
    assert (first["input_size"], first["output_size"]) == (6, 4)
    assert (first["activation"], second["activation"]) == (2, 0)
    np.testing.assert_array_equal(first["weights"], net[3].weight.data.numpy())
    np.testing.assert_array_equal(second["biases"], net[5].bias.data.numpy())
    found = outputs(read_pyn(tmp_path / "x.pyn"))
    np.testing.assert_array_equal(found, outputs(net, IMAGE.reshape(3, 2, 5, 4)))


# A layer of code 2 with {"a": 7, "b": (1.5,)} and one of code 1 with nothing, by hand.
GOLDEN = """
02 00  01 02  01  03 00 00 00 00 00 00 00  15 cd 5b 07 00 00 00 00  00  02 00 00 00 00 00 00 00
02 00 00 00 00 00 00 00  02 00 00 00 00 00 00 00
  01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  01 00 00 00 00 00 00 00 61
  07 00 00 00 00 00 00 00
  01 00 00 00 00 00 00 00  09 00 00 00 00 00 00 00  01 00 00 00 00 00 00 00 62
  01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  02 00 00 00 00 00 00 00
  00 00 00 00 00 00 00 00  00 00 c0 3f
01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
"""


def test_a_file_byte_for_byte() -> None:
    layers: list[Any] = [(2, {"a": 7, "b": (1.5,)}), (1, {})]
    assert pyn.encode(layers, True, 123456789) == bytes.fromhex(GOLDEN)
    assert pyn.decode(bytes.fromhex(GOLDEN), "test") == layers


def test_what_is_read_is_written_again(tmp_path: Path) -> None:
    bias = np.arange(9, dtype=np.float32)
    net = load(old_file([(2, conv_fields(bias=bias)), (1, dense_fields())]), tmp_path)
    write_pyn(net, tmp_path / "y.pyn")
    _, layers = Second((tmp_path / "y.pyn").read_bytes()).file()
    np.testing.assert_array_equal(layers[0][1]["bias"], bias)
    np.testing.assert_array_equal(outputs(read_pyn(tmp_path / "y.pyn")), outputs(net))


LAYOUTS = {
    "plain": old_file([(2, conv_fields())]),
    "compressed": old_file([(2, conv_fields())], flags=1),
    "no header": u64(1) + u64(2) + old_dict(conv_fields()),
    "named": old_header([], minor=3) + u64(1) + old_dict({"*layer_name*": "Conv"} | conv_fields()),
    "biases": old_file(
        [(2, {("biases" if k == "bias" else k): v for k, v in conv_fields().items()})]
    ),
    "filter": old_file([(2, conv_fields(filter=1))]),
    "pair as list": old_file([(2, conv_fields(stride=[1, 1], kernel_shape=[2, 3]))]),
    "float64": old_file([(2, conv_fields(weights=WEIGHT.astype(np.float64)))], flags=1),
    "other shape": old_file([(2, conv_fields(weights=WEIGHT.reshape(-1)))]),
    "lengths in characters": old_file(
        [(2, conv_fields(name="é€😀 net", more="ä")), (1, dense_fields(name="ß"))]
    ),
    "lengths in bytes": old_file([(2, conv_fields(name=b"\xc3\xa9".decode()))]).replace(
        u64(1) + "é".encode(), u64(2) + "é".encode()
    ),
    "more fields": old_file([(2, conv_fields(name="x", extra={"a": [None, True, 1.5, b"x"[0]]}))]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_files_of_older_programs(name: str, tmp_path: Path) -> None:
    found = outputs(load(LAYOUTS[name], tmp_path)[:4])  # the convolution
    np.testing.assert_allclose(found, expected_conv(), rtol=1e-5, atol=1e-5)


def test_strides_and_a_bias_per_position(tmp_path: Path) -> None:
    bias = CHANCE.normal(size=6).astype(np.float32)
    net = load(old_file([(2, conv_fields(stride=(1, 2), bias=bias))]), tmp_path)
    np.testing.assert_allclose(outputs(net), expected_conv((2, 1), bias), rtol=1e-5, atol=1e-5)


def test_dense_weights_are_rows_of_outputs(tmp_path: Path) -> None:
    x = CHANCE.normal(size=(4, 3)).astype(np.float32)
    weights = CHANCE.normal(size=(2, 3)).astype(np.float32)
    for stored in (weights, weights.reshape(3, 2), weights.reshape(-1)):
        net = load(old_file([(1, dense_fields(3, 2, weights=stored))]), tmp_path)
        expected = 1 / (1 + np.exp(-(x @ weights.T + 1)))
        np.testing.assert_allclose(outputs(net, x), expected, rtol=1e-5)
    linear = load(old_file([(1, dense_fields(3, 2, weights=weights, activation=7))]), tmp_path)
    np.testing.assert_allclose(outputs(linear, x), x @ weights.T + 1, rtol=1e-5)


def test_reading_draws_no_random_numbers(tmp_path: Path) -> None:
    state = tg.functional.random.default_generator.get_state()
    load(old_file([(1, dense_fields())]), tmp_path)
    assert tg.functional.random.default_generator.get_state() == state


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "no Tanh"),
        (nn.Sequential(nn.ReLU()), "no ReLU here"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Sigmoid()), "no Sigmoid here"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "one filter"),
        (nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)), "no padding"),
        (nn.Sequential(nn.Conv2d(1, 1, 3)), "size of a Conv2d's input must be known"),
    ],
)
def test_nets_that_the_format_cannot_hold(net: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        write_pyn(net, tmp_path / "x.pyn")
    assert not list(tmp_path.iterdir())


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def array(shape: tuple[int, ...], payload: bytes, dtype: str = "float32") -> bytes:
    head = u64(1) + u64(1) + u64(7) + old_value("weights")[1]
    return head + old_value(shape)[1] + old_value(dtype)[1] + u64(len(payload)) + payload


def headed(body: bytes, flags: int = 0) -> bytes:
    return old_header([], flags) + u64(1) + u64(1) + body


HOSTILE = {
    "empty": b"",
    "text": b"hello, this is a text of some length, and no network",
    "other version": bytes([2, 0, 1, 9]) + bytes(40),
    "unknown flags": old_file([(1, dense_fields())], 0)[:4] + b"\x06" + bytes(40),
    "many layers": old_header([]) + u64(1 << 60),
    "many pairs": headed(u64(1 << 60)),
    "long string": headed(u64(1) + u64(1) + u64(0) + u64(1 << 63)),
    "not UTF-8": headed(u64(1) + u64(1) + u64(4) + u64(1) + b"\xffN"),
    "unknown type": headed(u64(1) + u64(1) + u64(77) + u64(1) + b"a"),
    "array as key": headed(u64(1) + u64(7) + u64(0) + bytes(64)),
    "twice": headed(u64(2) + 2 * (u64(0) + u64(4) + u64(5) + b"N")),
    "deep": old_file([(1, nested(300))]),
    "huge shape": headed(array((1 << 40, 1 << 40), bytes(8))),
    "huge and empty": headed(array((0, 1 << 62), b"")),
    "larger and empty": headed(array((0, 1 << 30, 1 << 30), b"")),
    "wrong size": headed(array((3,), bytes(8))),
    "objects": headed(array((1,), bytes(8), "object")),
    "code as dtype": headed(array((1,), bytes(8), "O,f4")),
    "no frame": headed(array((2,), bytes(8)), 1),
    "bomb": headed(array((1 << 31,), lz4.frame.compress(bytes(1 << 20))), 1),
    "larger inside": headed(array((2,), lz4.frame.compress(bytes(1 << 20))), 1),
    "two frames": headed(array((2,), lz4.frame.compress(bytes(8)) * 2), 1),
    "half a frame": headed(array((2,), lz4.frame.compress(bytes(8))[:-6]), 1),
    "more after the end": old_file([(1, dense_fields())]) + b"x",
    "unknown layer": old_file([(9, {})]),
    "nameless": old_header([], minor=3) + u64(1) + old_dict(dense_fields()),
    "no weights": old_file([(1, dense_fields(weights=None))]),
    "few weights": old_file([(1, dense_fields(weights=np.ones(3, np.float32)))]),
    "no size": old_file([(1, dense_fields(input_size="9"))]),
    "zero": old_file([(2, conv_fields(kernel_shape=(0, 3)))]),
    "huge": old_file([(1, dense_fields(input_size=1 << 63))]),
    "kernel too large": old_file([(2, conv_fields(kernel_shape=(2, 9)))]),
    "stride zero": old_file([(2, conv_fields(stride=0))]),
    "filters": old_file([(2, conv_fields(filter=1 << 50))]),
    "layers do not fit": old_file([(1, dense_fields(9, 2)), (1, dense_fields(3, 2))]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_networks_are_one_clear_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="read_pyn: "):
        load(HOSTILE[name], tmp_path)


def test_every_truncation_of_a_network_is_an_error(tmp_path: Path) -> None:
    for flags in (0, 1):
        content = old_file([(2, conv_fields()), (1, dense_fields())], flags)
        load(content, tmp_path)
        for size in range(0, len(content), 7):
            with pytest.raises(DataError):
                load(content[:size], tmp_path)


@given(st.sampled_from(sorted(LAYOUTS)), st.data())
def test_damaged_networks_load_or_are_one_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    content = bytearray(LAYOUTS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        load(bytes(content), tmp_path_factory.mktemp("damaged"))
    except DataError as error:
        assert "read_pyn: " in str(error)  # noqa: PT017


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2**64 - 1)
    | st.floats(width=32, allow_nan=False)
    | st.text(max_size=6)
    | st.binary(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_all_values_are_written_for_both_readers(value: Any) -> None:
    kind, coded = pynvalues.write(value)
    ours = pynvalues.Reader(coded, "test")
    for found in (Second(coded).value(kind), ours.value(kind, False, 0)):
        assert repr(found) == repr(value)
    assert ours.left == 0


def test_values_that_cannot_be_written() -> None:
    for value in (-1, 1 << 64, 1j, np.zeros(1, complex)):
        with pytest.raises(DataError, match="write_pyn"):
            pynvalues.write(value)


def test_limits_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_pyn(tmp_path / "x.pyn")
    (tmp_path / "x.pyn").write_bytes(LAYOUTS["plain"])
    with pytest.raises(DataError, match="over 10 bytes"):
        read_pyn(tmp_path / "x.pyn", max_bytes=10)
    assert pyn.HEADER.size == 30


# ----------------------------------------------------------------------------------------- caches


def old_cache(*pairs: tuple[np.ndarray, np.ndarray]) -> bytes:
    parts = [a for pair in pairs for a in pair]
    return b"".join(len(a.tobytes()).to_bytes(32, "little") + a.tobytes() for a in parts)


X = CHANCE.normal(size=(3, 2, 2)).astype(np.float32)
Y = np.arange(3, dtype=np.int64)
CACHE = old_cache(*((x, np.array(y)) for x, y in zip(X, Y, strict=True)))
KINDS: dict[str, Any] = {"input": ("float32", (2, 2)), "output": ("int64", ())}


def test_caches_by_the_byte(tmp_path: Path) -> None:
    write_samples(tmp_path / "x.bin", X, Y)
    assert lz4.frame.decompress((tmp_path / "x.bin").read_bytes()) == CACHE
    assert json.loads((tmp_path / "x.bin.json").read_text())["input"] == {
        "dtype": "float32",
        "shape": [2, 2],
    }
    (tmp_path / "old.bin").write_bytes(lz4.frame.compress(CACHE))
    for found in (read_samples(tmp_path / "x.bin"), read_samples(tmp_path / "old.bin", **KINDS)):
        assert [(a.dtype, a.tobytes()) for a in found] == [(a.dtype, a.tobytes()) for a in (X, Y)]


@given(st.integers(0, 4), st.sampled_from(["bool", "uint8", "float16", "float64"]))
def test_caches_of_every_size(
    tmp_path_factory: pytest.TempPathFactory, count: int, name: str
) -> None:
    path = tmp_path_factory.mktemp("cache") / "x.bin"
    x = np.arange(count * 6).reshape(count, 2, 3).astype(name)
    write_samples(path, x, np.zeros((count, 0), np.float32))
    a, b = read_samples(path)
    assert (a.dtype, a.tolist(), b.shape) == (x.dtype, x.tolist(), (count, 0))


def test_malformed_caches(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    whole = lz4.frame.compress(CACHE)
    bomb = lz4.frame.compress(bytes(1 << 26))
    for content in (
        *(b"", b"text", whole[:-5], whole + b"x", whole[:20]),
        *(lz4.frame.compress(CACHE[:size]) for size in (1, 40, 48, 80, len(CACHE) - 1)),
        *(bomb, lz4.frame.compress((1 << 200).to_bytes(32, "little"))),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match="read_samples: "):
            read_samples(path, **KINDS)
    path.write_bytes(bomb)
    with pytest.raises(DataError, match="holds more than"):
        read_samples(path, ("uint8", (0,)), ("uint8", (0,)), max_bytes=1 << 20)
    path.write_bytes(whole)
    with pytest.raises(DataError, match="has 16 bytes where float64"):
        read_samples(path, ("float64", (2, 2)), ("int64", ()))


@pytest.mark.parametrize(
    "side",
    ["{", "[]", "{}", '{"input": 3, "output": 4}', '{"input": {}, "output": {}}', "[" * 60000]
    + [
        json.dumps({"input": {"dtype": d, "shape": s}, "output": {"dtype": d, "shape": s}})
        for d, s in (("object", []), ("float32", 3), ("float32", [-2]), ("float32", [1 << 57]))
    ],
)
def test_malformed_side_files(side: str, tmp_path: Path) -> None:
    write_samples(tmp_path / "x.bin", X, Y)
    (tmp_path / "x.bin.json").write_text(side)
    with pytest.raises(DataError, match="read_samples: "):
        read_samples(tmp_path / "x.bin")


def test_a_length_that_follows_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "old.bin"
    outputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    path.write_bytes(lz4.frame.compress(old_cache(*zip(X, outputs, strict=True))))
    for shape in ((-1,), (2, -1), (-1, 1)):
        found = read_samples(path, ("float32", (2, 2)), ("float32", shape))[1]
        assert found.tolist() == outputs.reshape(3, *shape).tolist()
    path.write_bytes(lz4.frame.compress(b""))
    assert read_samples(path, ("float32", (2,)), ("float32", (-1,)))[1].shape == (0, 0)
    path.write_bytes(lz4.frame.compress(old_cache(*zip(X, [*outputs[:2], X[0]], strict=True))[:-8]))
    for shape in ((-1,), (3, -1), (-1, -1)):
        with pytest.raises(DataError, match="read_samples: "):
            read_samples(path, ("float32", (2, 2)), ("float32", shape))


def test_shapes_beyond_numpy_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(lz4.frame.compress(b""))
    for shape in ((0, 1 << 39, 1 << 39), (1,) * 33, (1 << 60,)):
        with pytest.raises(DataError, match="malformed dtype or shape"):
            read_samples(tmp_path / "x.bin", ("uint8", shape), ("uint8", (1,)))


def test_arrays_that_are_no_samples(tmp_path: Path) -> None:
    for x, y in ((X, Y[:2]), (np.float32(1), Y), (X.astype(complex), Y)):
        with pytest.raises(DataError, match="write_samples: "):
            write_samples(tmp_path / "x.bin", x, y)
    with pytest.raises(DataError, match="give input="):
        read_samples(tmp_path / "x.bin")
