"""The readers of files as targets of fuzzers: seeds, and what a reader does with any bytes.

A target passes if the bytes are read or refused with an error of the library. Some targets wrap the
bytes first (compress them, put them into an archive with its checksums), so that mutations reach
what lies inside.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.data import read_cifar10, read_csv, read_idx, read_image
from tinygrad_cl.data.arrayfile import open_npy, open_npz
from tinygrad_cl.data.tarfiles import read_members
from tinygrad_cl.io import (
    load,
    load_checkpoint,
    load_pt,
    read_json_net,
    read_pyn,
    read_samples,
    save,
    save_checkpoint,
    save_pt,
    write_json_net,
    write_pyn,
    write_samples,
)

MAX_BYTES = 1 << 28


@dataclass(frozen=True)
class Target:
    """A reader to feed.

    Attributes:
        name: of the target.
        seeds: makes files that the reader takes, given a folder.
        read: reads bytes, with a folder to put them into.
    """

    name: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[bytes, Path], Any]


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _net() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    net.to("numpy")
    return net


def _state() -> dict[str, Any]:
    return {"w": np.arange(6.0).reshape(2, 3), "n": {1: (True, None, 2.5)}, "b": np.zeros(2, bool)}


def _saved(state: Any, name: str, folder: Path) -> bytes:
    save(state, folder / name)
    return (folder / name).read_bytes()


def archive(compress: bool = False, **entries: bytes) -> bytes:
    """A zip archive; "/" in names is written "__"."""
    content = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(content, "w", kind) as file:
        for name, data in entries.items():
            file.writestr(zipfile.ZipInfo(name.replace("__", "/")), data)
    return content.getvalue()


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    return content.getvalue()


# ------------------------------------------------------------------------------------------ states


def _load(ending: str) -> Callable[[bytes, Path], Any]:
    return lambda data, folder: load(_file(folder, f"x{ending}", data), "numpy", MAX_BYTES)


def _npz_seeds(folder: Path) -> list[bytes]:
    packed = io.BytesIO()
    np.savez_compressed(packed, c=np.arange(6.0, dtype=">f8"), f=np.asfortranarray(np.eye(3)))
    state = _saved(dict(_net().state_dict()), "s.npz", folder)
    return [_saved(_state(), "n.npz", folder), packed.getvalue(), state]


def _entry_seeds(_: Path) -> list[bytes]:
    arrays = [np.arange(6, dtype=np.int32).reshape(2, 3), np.zeros((0, 2)), np.array(2.0)]
    return [npy(array) for array in arrays]


def _read_structure(data: bytes, folder: Path) -> Any:
    text = npy(np.frombuffer(data, np.uint8))
    return _load(".npz")(_zip({"w.npy": npy(np.ones(2)), "__structure__.npy": text}), folder)


def _zip(entries: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, data in entries.items():
            file.writestr(zipfile.ZipInfo(name), data)
    return content.getvalue()


def _structure_seeds(_: Path) -> list[bytes]:
    return [
        b'{"a":[1,2.5,null,true],"w":{"$":"array","name":"w"}}',
        b'{"$":"tuple","items":[{"$":"float","value":"nan"},{"$":"array","name":"w"}]}',
        b'{"$":"dict","items":[[0,{"$":"array","name":"w"}],["$","x"]]}',
    ]


def _safetensors_seeds(folder: Path) -> list[bytes]:
    head = json.dumps({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    halves = struct.pack("<Q", len(head)) + head + bytes(4)
    return [_saved(_state(), "n.safetensors", folder), halves]


# -------------------------------------------------------------------------------------- checkpoints


def _parts() -> dict[str, Any]:
    net = _net()
    optimizer = tg.optim.Adam(net.parameters(), lr=0.1)
    return {
        "model": net,
        "optimizer": [optimizer],
        "scheduler": tg.optim.lr_scheduler.StepLR(optimizer, 2),
        "generator": {"a": tg.Generator(), "b": np.random.default_rng(0)},
    }


def _checkpoint_seeds(folder: Path) -> list[bytes]:
    parts = _parts()
    parts["model"](tg.ones(4, 2, device="numpy")).sum().backward()
    parts["optimizer"][0].step()
    path = folder / "c.npz"
    save_checkpoint(path, **parts, epoch=2, extra={"history": {"loss": [1.0, 0.5]}})
    with zipfile.ZipFile(path) as file:
        return [bytes(np.lib.format.read_array(file.open("__structure__.npy")))]


class _Checkpoints:
    """Checkpoints whose structure is the given bytes, over the arrays of a good one."""

    def __init__(self) -> None:
        self.arrays: dict[str, bytes] = {}
        self.parts: dict[str, Any] = {}

    def read(self, data: bytes, folder: Path) -> Any:
        if not self.arrays:
            _checkpoint_seeds(folder)
            self.parts = _parts()
            with zipfile.ZipFile(folder / "c.npz") as file:
                self.arrays = {name: file.read(name) for name in file.namelist()}
        text = npy(np.frombuffer(data, np.uint8))
        path = _file(folder, "x.npz", _zip(self.arrays | {"__structure__.npy": text}))
        return load_checkpoint(path, **self.parts, device="numpy", max_bytes=MAX_BYTES)


# ------------------------------------------------------------------------------------------ PyTorch


def _pt_seeds(folder: Path) -> list[bytes]:
    state = {"m": dict(_net().state_dict()), "t": (1, 2.5, [True, None], 1 << 40), "é": "x"}
    save_pt(state, folder / "x.pt")
    return [(folder / "x.pt").read_bytes(), archive(True, archive__data_pkl=b"}.")]


def _pickle_seeds(folder: Path) -> list[bytes]:
    save_pt({"w": np.ones(3, np.float32), "u": np.ones((2, 1), np.int64)}, folder / "x.pt")
    with zipfile.ZipFile(folder / "x.pt") as file:
        written = file.read("archive/data.pkl")
    size = b"ctorch\nSize\nK\x02K\x03\x86\x85R"
    others = b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\0\0\0aK\x01sb."
    plain = [{"a": [1, -2, (3.5, "é", b"x")], 5: None}, [2**70, ("a", "a")], 300]
    return [written, b"\x80\x02" + size + b".", others, *(pickle.dumps(v, 4) for v in plain)]


def _read_pickle(data: bytes, folder: Path) -> Any:
    storages = {f"x/data/{i}": bytes(16) for i in range(2)}
    content = _zip({"x/data.pkl": data, "x/byteorder": b"little"} | storages)
    return load_pt(_file(folder, "x.pt", content), MAX_BYTES)


def old_pt(value: bytes, keys: list[str], *storages: bytes, item: int = 4) -> bytes:
    """A file of PyTorch before 1.6 around a pickle."""
    start = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001)]
    facts = pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)
    rows = [struct.pack("<Q", len(data) // item) + data for data in storages]
    return b"".join([*start, facts, value, pickle.dumps(keys, 2), *rows])


def _old_pt_seeds(_: Path) -> list[bytes]:
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02Nt"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"QK\0K\x02\x85K\x01\x85\x89}tR"
    value = b"\x80\x02}X\x01\0\0\0w" + tensor + b"s."
    return [old_pt(value, ["0"], np.ones(2, np.float32).tobytes())]


# --------------------------------------------------------------------------------- nets and samples


def _pyn_seeds(folder: Path) -> list[bytes]:
    net = nn.Sequential(nn.Conv2d(2, 1, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2), nn.Sigmoid())
    found = []
    for compress in (False, True):
        write_pyn(net, folder / "x.pyn", input_size=(2, 4, 4), compress=compress)
        found.append((folder / "x.pyn").read_bytes())
    name = struct.pack("<QQQ", 1, 4, len("*layer_name*")) + b"*layer_name*N"
    return [
        *found,
        found[0][22:],
        found[0][:3] + b"\3" + found[0][4:30] + struct.pack("<Q", 1) + name,
    ]


def _read_pyn(data: bytes, folder: Path) -> Any:
    return read_pyn(_file(folder, "x.pyn", data), MAX_BYTES)


_KINDS: dict[str, Any] = {"input": ("float32", (2, 2)), "output": ("int64", ())}


def _samples_seeds(folder: Path) -> list[bytes]:
    write_samples(folder / "x.bin", np.ones((3, 2, 2), np.float32), np.arange(3))
    return [(folder / "x.bin").read_bytes()]


def _read_samples(data: bytes, folder: Path) -> Any:
    return read_samples(_file(folder, "x.bin", data), **_KINDS, max_bytes=MAX_BYTES)


def _read_samples_side(data: bytes, folder: Path) -> Any:
    _file(folder, "x.bin", _samples_seeds(folder)[0])
    _file(folder, "x.bin.json", data)
    return read_samples(folder / "x.bin", max_bytes=MAX_BYTES)


def _side_seeds(folder: Path) -> list[bytes]:
    _samples_seeds(folder)
    return [(folder / "x.bin.json").read_bytes()]


def _json_net() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 2, 3, padding="same"), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.1), nn.Flatten(), nn.Linear(8, 3), nn.Softmax(1)),
    )


def _layers_seeds(folder: Path) -> list[bytes]:
    write_json_net(_json_net(), folder / "x.json", "npz")
    return [(folder / "x.json").read_bytes()]


def _read_layers(data: bytes, folder: Path) -> Any:
    if not (folder / "x.hdf5.npz").exists():
        _layers_seeds(folder)
    return read_json_net(_file(folder, "x.json", data), weights="npz", max_bytes=MAX_BYTES)


def _hdf5_seeds(folder: Path) -> list[bytes]:
    import h5py

    write_json_net(_json_net(), folder / "x.json", "hdf5")
    with h5py.File(folder / "c.hdf5", "w") as file:
        x = np.arange(24.0).reshape(6, 4)
        file.create_dataset("a", data=x, chunks=(4, 3), compression="gzip", shuffle=True)
        file.create_dataset("b", data=x.astype(">i2"), chunks=(2, 4), fletcher32=True)
        file.create_dataset("c", data=np.float16(2))
    return [(folder / name).read_bytes() for name in ("x.hdf5", "c.hdf5")]


def _read_hdf5(data: bytes, folder: Path) -> Any:
    from tinygrad_cl.io import hdf5

    return hdf5.read(_file(folder, "x.hdf5", data), MAX_BYTES)


def _idx_seeds(_: Path) -> list[bytes]:
    images = b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 3) + bytes(12)
    floats = b"\0\0\x0d\x01" + struct.pack(">I", 2) + bytes(8)
    return [images, floats]


def _read_idx(data: bytes, folder: Path) -> Any:
    return read_idx(_file(folder, "x", data), MAX_BYTES)


def _read_csv(data: bytes, folder: Path) -> Any:
    return read_csv(_file(folder, "x.csv", data), "kind", max_bytes=MAX_BYTES)


def _csv_seeds(_: Path) -> list[bytes]:
    return [b"a,kind,b\n1,x,2.5\n-3e2,y,inf\n0,x,1\n", b'kind,"a,b"\r\n"x ""y""",2\r\nz,3\r\n']


def _read_cifar(data: bytes, folder: Path) -> Any:
    return read_cifar10(_file(folder, "x.bin", data), MAX_BYTES)


def _read_npy(data: bytes, folder: Path) -> Any:
    return open_npy(_file(folder, "x.npy", data)).sum()


def _read_mapped(data: bytes, folder: Path) -> Any:
    return [array.sum() for array in open_npz(_file(folder, "x.npz", data)).values()]


def _read_image(data: bytes, folder: Path) -> Any:
    return read_image(_file(folder, "x.png", data), max_pixels=1 << 16)


def _image_seeds(_: Path) -> list[bytes]:
    from PIL import Image

    found = []
    for kind in ("PNG", "BMP", "GIF", "JPEG", "PPM", "TIFF"):
        content = io.BytesIO()
        Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(content, kind)
        found.append(content.getvalue())
    return found


def _tar_seeds(_: Path) -> list[bytes]:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("a/x.bin", "b"):
            entry = tarfile.TarInfo(name)
            entry.size = 5
            archive.addfile(entry, io.BytesIO(b"hello"))
    return [content.getvalue()]


def _read_tar(data: bytes, folder: Path) -> Any:
    return read_members(_file(folder, "x.tar.gz", gzip.compress(data, 1, mtime=0)), ["x.bin"])


def _inside(
    read: Callable[[bytes, Path], Any], wrap: Callable[[bytes], bytes]
) -> Callable[[bytes, Path], Any]:
    return lambda data, folder: read(wrap(data), folder)


def _unpacked_samples(folder: Path) -> list[bytes]:
    return [lz4.frame.decompress(data) for data in _samples_seeds(folder)]


def _gzip_seeds(folder: Path) -> list[bytes]:
    return [gzip.compress(data, mtime=0) for data in _idx_seeds(folder)]


TARGETS = {
    target.name: target
    for target in (
        Target("npz", _npz_seeds, _load(".npz")),
        Target("npz_entry", _entry_seeds, _inside(_load(".npz"), lambda d: _zip({"x.npy": d}))),
        Target("structure", _structure_seeds, _read_structure),
        Target("safetensors", _safetensors_seeds, _load(".safetensors")),
        Target("checkpoint", _checkpoint_seeds, _Checkpoints().read),
        Target("pt", _pt_seeds, _load(".pt")),
        Target("pt_pickle", _pickle_seeds, _read_pickle),
        Target("pt_old", _old_pt_seeds, _load(".pt")),
        Target("pyn", _pyn_seeds, _read_pyn),
        Target("samples", _samples_seeds, _read_samples),
        Target("samples_inside", _unpacked_samples, _inside(_read_samples, lz4.frame.compress)),
        Target("samples_side", _side_seeds, _read_samples_side),
        Target("json_layers", _layers_seeds, _read_layers),
        Target("hdf5", _hdf5_seeds, _read_hdf5),
        Target("csv", _csv_seeds, _read_csv),
        Target("cifar10", lambda _: [bytes(3073), b"\3" + bytes(range(256)) * 12], _read_cifar),
        Target("npy_mapped", _entry_seeds, _read_npy),
        Target("npz_mapped", _npz_seeds, _read_mapped),
        Target("image", _image_seeds, _read_image),
        Target("tar_inside", _tar_seeds, _read_tar),
        Target("idx", _idx_seeds, _read_idx),
        Target("idx_gzip", _gzip_seeds, _read_idx),
        Target(
            "idx_gzip_inside",
            _idx_seeds,
            _inside(_read_idx, lambda d: gzip.compress(d, 1, mtime=0)),
        ),
    )
}
