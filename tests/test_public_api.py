"""What `tinygrad_cl` and its rooms offer: written in `__all__`, documented, and nothing else."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = [
    "tinygrad_cl",
    "tinygrad_cl.amp",
    "tinygrad_cl.autograd",
    "tinygrad_cl.autograd.functional",
    "tinygrad_cl.backends",
    "tinygrad_cl.cuda",
    "tinygrad_cl.data",
    "tinygrad_cl.data.datasets",
    "tinygrad_cl.distributed",
    "tinygrad_cl.distributions",
    "tinygrad_cl.func",
    "tinygrad_cl.io",
    "tinygrad_cl.linalg",
    "tinygrad_cl.models",
    "tinygrad_cl.nn",
    "tinygrad_cl.nn.functional",
    "tinygrad_cl.nn.parameter",
    "tinygrad_cl.nn.utils",
    "tinygrad_cl.nn.utils.parametrizations",
    "tinygrad_cl.nn.utils.parametrize",
    "tinygrad_cl.nn.utils.rnn",
    "tinygrad_cl.optim",
    "tinygrad_cl.optim.lr_scheduler",
    "tinygrad_cl.optim.penalty",
    "tinygrad_cl.optim.swa_utils",
    "tinygrad_cl.special",
    "tinygrad_cl.testing",
    "tinygrad_cl.train",
    "tinygrad_cl.train.metrics",
    "tinygrad_cl.utils",
]


def public_names(module: types.ModuleType) -> set[str]:
    """The names that a reader of the module would take for public: no modules it merely uses."""
    return {
        name
        for name in dir(module)
        if not name.startswith("_")
        and name not in ("annotations", "TYPE_CHECKING")
        and not isinstance(getattr(module, name), types.ModuleType)
    }


@pytest.mark.parametrize("room", ROOMS)
def test_all_agrees_with_the_names(room: str) -> None:
    module = importlib.import_module(room)
    listed = list(module.__all__)
    assert len(listed) == len(set(listed)), "a name is listed twice"
    assert set(listed) <= set(dir(module)), "a listed name is missing"
    assert all(hasattr(module, name) for name in listed)
    defined = public_names(module)
    if module.__spec__ is not None and module.__spec__.submodule_search_locations is not None:
        assert defined <= set(listed), "a public name is not listed"


def objects(room: str) -> Iterator[tuple[str, object]]:
    """The public objects of a room that can have a docstring, with the methods of classes."""
    module = importlib.import_module(room)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            yield f"{room}.{name}", value
        if inspect.isclass(value):
            for member, method in inspect.getmembers(value):
                ours = getattr(method, "__module__", "") or ""
                if not member.startswith("_") and ours.startswith("tinygrad_cl"):
                    yield f"{room}.{name}.{member}", method


@pytest.mark.parametrize("room", ROOMS)
def test_public_objects_have_docstrings(room: str) -> None:
    bare = [name for name, value in objects(room) if not (inspect.getdoc(value) or "").strip()]
    assert not bare
    assert importlib.import_module(room).__doc__


def test_the_names_of_the_contract_are_there() -> None:
    import tinygrad_cl

    wanted = [
        "Tensor",
        "arange",
        "autograd",
        "data",
        "devices",
        "enable_grad",
        "eye",
        "fallbacks",
        "float32",
        "from_numpy",
        "full",
        "get_default_device",
        "linspace",
        "manual_seed",
        "nn",
        "no_grad",
        "ones",
        "ones_like",
        "optim",
        "rand",
        "randint",
        "randn",
        "set_default_device",
        "tensor",
        "testing",
        "zeros",
        "zeros_like",
    ]
    missing = [name for name in wanted if name not in tinygrad_cl.__all__]
    assert not missing


# What a program may never need; a plain import must not pay for it.
HEAVY = {
    "PIL",
    "asyncio",
    "h5py",
    "hypothesis",
    "lz4",
    "matplotlib",
    "multiprocessing",
    "pandas",
    "pyopencl",
    "pytest",
    "safetensors",
    "sklearn",
    "ssl",
    "tqdm",
    "urllib.request",
    "tinygrad_cl.amp",
    "tinygrad_cl.cli",
    "tinygrad_cl.compiler.plan",
    "tinygrad_cl.backends",
    "tinygrad_cl.cuda",
    "tinygrad_cl.data",
    "tinygrad_cl.distributed",
    "tinygrad_cl.distributions",
    "tinygrad_cl.func",
    "tinygrad_cl.io",
    "tinygrad_cl.linalg",
    "tinygrad_cl.models",
    "tinygrad_cl.nn",
    "tinygrad_cl.optim",
    "tinygrad_cl.special",
    "tinygrad_cl.testing",
    "tinygrad_cl.train",
}


def words_of(program: str) -> set[str]:
    """The words that a fresh interpreter prints when it runs `program`."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def modules_after(program: str) -> set[str]:
    return words_of(f"{program}\nimport sys\nprint(*sys.modules)")


def test_a_plain_import_loads_nothing_heavy() -> None:
    loaded = modules_after("import tinygrad_cl")
    assert "tinygrad_cl.tensor" in loaded
    assert not loaded & HEAVY


def test_no_module_stands_in_the_place_of_a_function() -> None:
    program = """
import sys, types, tinygrad_cl as tg
print(*(n for n in tg.__all__ if isinstance(getattr(tg, n), types.ModuleType)))
"""
    rooms = words_of(program)
    assert rooms == {name.split(".")[1] for name in ROOMS if "." in name} | {"datasets"}


def test_a_room_is_loaded_when_it_is_named() -> None:
    program = "import tinygrad_cl as tg\nassert tg.nn.Linear and 'optim' in dir(tg)"
    loaded = modules_after(program)
    assert "tinygrad_cl.nn.linear" in loaded
    assert not loaded & {"tinygrad_cl.train", "tinygrad_cl.data", "tinygrad_cl.io", "pyopencl"}


def test_what_is_loaded_on_demand_is_what_type_checkers_see() -> None:
    import tinygrad_cl

    tree = ast.parse(Path(str(tinygrad_cl.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        seen |= {str(alias.asname): (str(node.module), alias.name) for alias in node.names}
    program = "import tinygrad_cl\nprint(*(set(dir(tinygrad_cl)) - set(vars(tinygrad_cl))))"
    assert set(seen) == words_of(program)
    for name, (module, attribute) in seen.items():
        wanted = getattr(importlib.import_module(module), attribute)
        assert getattr(tinygrad_cl, name) is wanted


def test_an_unknown_name_is_an_error() -> None:
    import tinygrad_cl

    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        tinygrad_cl.nonsense  # type: ignore[attr-defined]  # noqa: B018
