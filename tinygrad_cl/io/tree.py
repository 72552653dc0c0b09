"""Nested states as named arrays and a JSON text, and back.

A state is a tree of dicts, lists and tuples, with tensors, NumPy arrays, numbers, strings, booleans
and None as leaves. Arrays go into the file under names: the keys on the way to them joined with
"/", so `{"model": {"0.weight": w}}` stores `w` as "model/0.weight". If two arrays would get one
name, the later one gets "#1", "#2", ... behind it. Everything else goes into the structure, a JSON
text in which

- None, booleans, integers, finite floats and strings stand for themselves, lists for lists, and
  objects for dicts whose keys are strings other than "$";
- `{"$": "array", "name": n}` is the array of that name;
- `{"$": "tuple", "items": [...]}` is a tuple;
- `{"$": "dict", "items": [[key, value], ...]}` is a dict with other keys (integers, say);
- `{"$": "float", "value": "inf"}` is one of inf, -inf, nan.

A flat dict from strings to arrays (a module's `state_dict()`) has no structure: its arrays have
their own names, and the file is what any other program would write.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_cl import dtypes
from tinygrad_cl.errors import DataError, DTypeError
from tinygrad_cl.tensor import Tensor

Arrays = dict[str, np.ndarray]

_WIDER = {"int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}
MAX_DEPTH = 64
MAX_TEXT = 64 << 20  # bytes of a structure
_MARK = "$"
_VOID = np.dtype("V2")
_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def flatten(state: Any) -> tuple[Arrays, str | None]:
    """Returns the arrays of a state by name, and its structure; None for a flat dict of arrays.

    Raises:
        DataError: for leaves or keys that cannot be stored, or a tree deeper than 64.

    Example:
        >>> import numpy as np
        >>> arrays, structure = flatten({"w": {0: np.ones(2)}, "epoch": 3})
        >>> list(arrays), structure
        (['w/0'], '{"w":{"$":"dict","items":[[0,{"$":"array","name":"w/0"}]]},"epoch":3}')
    """
    if isinstance(state, Mapping) and all(_flat(k, v) for k, v in state.items()):
        return {name: host_array(value, name) for name, value in state.items()}, None
    arrays: Arrays = {}
    coded = _encode(state, (), arrays)
    text = json.dumps(coded, allow_nan=False, separators=(",", ":"))
    if len(text) > MAX_TEXT:
        raise DataError(f"save: the state's plain values take {len(text)} bytes, over {MAX_TEXT}")
    return arrays, text


def unflatten(arrays: Mapping[str, Any], structure: str | None) -> Any:
    """Undoes `flatten`; what stands for an array in `arrays` is put in its place.

    Raises:
        DataError: if the structure is malformed, too deep, or names arrays that are not there.
    """
    if structure is None:
        return dict(arrays)
    if len(structure) > MAX_TEXT:
        raise DataError(f"load: the structure has {len(structure)} bytes, over {MAX_TEXT}")
    try:
        coded = json.loads(structure, parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        raise DataError(f"load: the structure is not JSON ({error})") from error
    waiting = dict(arrays)
    state = _decode(coded, waiting, 0)
    if waiting:
        raise DataError(f"load: arrays that the structure does not name: {_listed(waiting)}")
    return state


def host_array(value: Tensor | np.ndarray, name: str) -> np.ndarray:
    """Returns a value as a C-ordered host array in the machine's byte order.

    Raises:
        DataError: for a dtype that the library does not have.
    """
    array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
    try:
        kind = dtypes.dtype(array.dtype)
    except DTypeError as error:
        raise DataError(f"save: {name}: {error}") from error
    return np.asarray(array, dtype=kind.numpy, order="C")


def loaded(array: np.ndarray, name: str) -> np.ndarray:
    """Returns an array of a file, in a dtype that the library has.

    Integers of dtypes that it lacks become int32 or int64; what NumPy's own files say of bfloat16
    is that elements have two bytes.

    Raises:
        DataError: for other dtypes.

    Example:
        >>> import numpy as np
        >>> loaded(np.zeros(2, np.int16), "x").dtype, loaded(np.zeros(2, np.uint8), "x").dtype
        (dtype('int32'), dtype('uint8'))
    """
    if array.dtype.name in _WIDER:
        return array.astype(_WIDER[array.dtype.name])
    if array.dtype == _VOID:
        return from_bits(array, name)
    try:
        return np.asarray(array, dtypes.dtype(array.dtype).numpy, order="C")
    except DTypeError as error:
        raise DataError(f"load: {name[:80]}: {str(error)[:200]}") from error


def bits(array: np.ndarray) -> np.ndarray:
    """Returns an array of bfloat16, whose dtype NumPy's writers do not know, as uint16.

    Any other array is returned as it is.
    """
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def from_bits(array: np.ndarray, name: str) -> np.ndarray:
    """Returns elements of two bytes as bfloat16.

    Raises:
        DataError: if the package for bfloat16 is not installed.
    """
    try:
        return array.view(dtypes.bfloat16.numpy)
    except DTypeError as error:
        raise DataError(f"load: {name[:80]}: {error}") from error


# ------------------------------------------------------------------------------------- encoding


def _flat(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, Tensor | np.ndarray)


def _encode(value: Any, path: tuple[Any, ...], arrays: Arrays) -> Any:
    if len(path) > MAX_DEPTH:
        raise DataError(f"save: the state is nested deeper than {MAX_DEPTH}")
    if isinstance(value, Tensor | np.ndarray):
        return {_MARK: "array", "name": _keep(value, path, arrays)}
    if isinstance(value, Mapping):
        return _encode_dict(value, path, arrays)
    if isinstance(value, tuple | list):
        items = [_encode(item, (*path, i), arrays) for i, item in enumerate(value)]
        return items if isinstance(value, list) else {_MARK: "tuple", "items": items}
    return _encode_plain(value, path)


def _encode_dict(value: Mapping[Any, Any], path: tuple[Any, ...], arrays: Arrays) -> Any:
    pairs = [
        (_encode_plain(key, path), _encode(item, (*path, key), arrays))
        for key, item in value.items()
    ]
    if all(isinstance(key, str) and key != _MARK for key in value):
        return dict(pairs)
    return {_MARK: "dict", "items": [list(pair) for pair in pairs]}


def _encode_plain(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {_MARK: "float", "value": str(float(value))}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    where = "/".join(map(str, path)) or "the state"
    raise DataError(
        f"save: {where}: cannot store a {type(value).__name__}; use dicts, lists, tuples, tensors, "
        "arrays, numbers, strings and None"
    )


def _keep(value: Tensor | np.ndarray, path: tuple[Any, ...], arrays: Arrays) -> str:
    wanted = name = "/".join(map(str, path)) or "value"
    twins = 0
    while name in arrays:
        twins += 1
        name = f"{wanted}#{twins}"
    arrays[name] = host_array(value, name)
    return name


# ------------------------------------------------------------------------------------- decoding


def _decode(coded: Any, waiting: dict[str, Any], depth: int) -> Any:
    if depth > 3 * MAX_DEPTH:  # a tuple or dict of the state takes up to three levels of JSON
        raise DataError(f"load: the structure is nested deeper than {3 * MAX_DEPTH}")
    if isinstance(coded, list):
        return [_decode(item, waiting, depth + 1) for item in coded]
    if not isinstance(coded, dict):
        return coded
    if _MARK not in coded:
        return {key: _decode(item, waiting, depth + 1) for key, item in coded.items()}
    decoder = _DECODERS.get(coded[_MARK]) if isinstance(coded[_MARK], str) else None
    if decoder is None or len(coded) != 2:
        raise DataError(f"load: the structure has an unknown entry {str(coded)[:80]}")
    return decoder(coded, waiting, depth)


def _decode_array(coded: dict[str, Any], waiting: dict[str, Any], depth: int) -> Any:
    name = coded.get("name")
    if not isinstance(name, str) or name not in waiting:
        raise DataError(f"load: the structure names an array that is not there, {str(name)[:80]!r}")
    return waiting.pop(name)


def _decode_tuple(coded: dict[str, Any], waiting: dict[str, Any], depth: int) -> Any:
    return tuple(_decode(item, waiting, depth + 1) for item in _items(coded))


def _decode_dict(coded: dict[str, Any], waiting: dict[str, Any], depth: int) -> Any:
    found: dict[Any, Any] = {}
    for pair in _items(coded):
        if not isinstance(pair, list) or len(pair) != 2:
            raise DataError(f"load: the structure has a dict entry {str(pair)[:80]}")
        key = _decode(pair[0], {}, depth + 1)
        if key is not None and not isinstance(key, bool | int | float | str):
            raise DataError(f"load: the structure has a dict key {str(key)[:80]}")
        if key in found:
            raise DataError(f"load: the structure has the key {str(key)[:80]!r} twice")
        found[key] = _decode(pair[1], waiting, depth + 1)
    return found


def _decode_float(coded: dict[str, Any], waiting: dict[str, Any], depth: int) -> Any:
    value = coded.get("value")
    if not isinstance(value, str) or value not in _FLOATS:
        raise DataError(f"load: the structure has a float {str(value)[:80]!r}")
    return _FLOATS[value]


_DECODERS: dict[str, Callable[[dict[str, Any], dict[str, Any], int], Any]] = {
    "array": _decode_array,
    "tuple": _decode_tuple,
    "dict": _decode_dict,
    "float": _decode_float,
}


def _items(coded: dict[str, Any]) -> list[Any]:
    items = coded.get("items")
    if not isinstance(items, list):
        raise DataError(f"load: the structure has a {coded[_MARK]} without items")
    return items


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _listed(names: Mapping[str, Any]) -> str:
    shown = ", ".join(name[:80] for name in list(names)[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
