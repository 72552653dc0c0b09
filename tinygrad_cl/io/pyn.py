"""`.pyn` files: small networks of dense and single-filter convolution layers, version 1.2.

A header of 30 bytes (version of the writing module, version of the file, flags of which the lowest
bit means compression, the layer types, the time of creation in nanoseconds, the optimizer's id, the
number of layers), then for each layer its code and a dict; values are those of pynvalues.py. Read
are also files without header (before 1.2), and files of version 1.3, whose dicts name the layer.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Any

from tinygrad_cl.errors import DataError
from tinygrad_cl.io import pynlayers, pynvalues
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.reading import read_bytes
from tinygrad_cl.nn import Module, Sequential

PathLike = str | os.PathLike[str]
Layers = list[tuple[int, dict[Any, Any]]]

HEADER = struct.Struct("<5BQQBQ")
COMPRESSED = 0x01
MAX_BYTES = 4 << 30
_NAME = "*layer_name*"


def read_pyn(path: PathLike, max_bytes: int = MAX_BYTES) -> Sequential:
    """Reads a `.pyn` file as a net from flat inputs to flat outputs.

    Convolutions are preceded by an `Unflatten` and followed by a `Flatten`.

    Args:
        path: the file, of version 1.2, 1.3 or older, compressed or not.
        max_bytes: the largest file to accept.

    Raises:
        DataError: if the file is missing, malformed, or states sizes that it does not have.
    """
    content = read_bytes(path, "read_pyn", max_bytes)
    return pynlayers.to_net(decode(content, f"read_pyn: {path}"), f"read_pyn: {path}")


def write_pyn(
    net: Module,
    path: PathLike,
    input_size: tuple[int, ...] | None = None,
    compress: bool = True,
) -> None:
    """Writes a net as a `.pyn` file of version 1.2, whole or not at all.

    Args:
        net: a `Sequential` of `Linear`, `Conv2d` with one filter and no padding, `ReLU` and
            `Sigmoid` after them, `Flatten` and `Unflatten`.
        path: where to write.
        input_size: (channels, height, width), if the first layer is a convolution.
        compress: whether arrays are compressed with lz4.

    Raises:
        DataError: for layers that the format does not have.

    Example:
        >>> import tempfile
        >>> from tinygrad_cl import nn
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_pyn(net, f"{folder}/net.pyn")
        ...     [type(layer).__name__ for layer in read_pyn(f"{folder}/net.pyn")]
        ['Linear', 'ReLU', 'Linear']
    """
    content = encode(pynlayers.from_net(net, input_size), compress, time.time_ns())
    with replacing(path) as new:
        new.write_bytes(content)


def encode(layers: Layers, compress: bool, created: int) -> bytes:
    """Returns the bytes of a file of version 1.2."""
    types = sum(2 ^ code for code, _ in layers)
    flags = COMPRESSED if compress else 0
    parts = [HEADER.pack(2, 0, 1, 2, flags, types, created, 0, len(layers))]
    for code, fields in layers:
        parts += [struct.pack("<Q", code), pynvalues.write_dict(fields, compress)]
    return b"".join(parts)


def decode(content: bytes, where: str) -> Layers:
    """Returns the codes and dicts of the layers of a file.

    Raises:
        DataError: for what is truncated or malformed.
    """
    reader = pynvalues.Reader(content, where)
    try:
        return _decode(reader)
    except DataError:
        if not reader.foreign:
            raise
        return _decode(pynvalues.Reader(content, where, characters=True))


def _decode(reader: pynvalues.Reader) -> Layers:
    content = reader.content
    # A file without header starts with the number of layers, whose higher bytes are zero.
    headed = len(content) >= HEADER.size and content[2] == 1
    packed, named = False, False
    if headed:
        _, _, _, minor, flags, _, _, _, count = HEADER.unpack(reader.take(HEADER.size))
        if minor not in (2, 3) or flags & ~COMPRESSED:
            raise reader.error(f"a file of version 1.{minor} with the flags {flags} is not known")
        packed, named = bool(flags & COMPRESSED), minor == 3
    else:
        count = reader.unpack("Q")
    if count > reader.left // 8:
        raise reader.error(f"{count} layers are stated")
    layers = []
    for _ in range(count):
        code = None if named else reader.unpack("Q")
        fields = reader.dict(packed)
        layers.append((_code_of(fields, reader) if code is None else code, fields))
    if reader.left:
        raise reader.error(f"{reader.left} bytes follow the last layer")
    return layers


def _code_of(fields: dict[Any, Any], reader: pynvalues.Reader) -> int:
    name = str(fields.get(_NAME)).lower()
    for word, code in (("dense", pynlayers.DENSE), ("conv", pynlayers.CONV)):
        if word in name:
            return code
    raise reader.error(f"a layer has the unknown name {name[:80]!r}")
