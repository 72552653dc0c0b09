"""What `tinygrad_cl` and its rooms offer: written in `__all__`, documented, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Iterator

import pytest

ROOMS = [
    "tinygrad_cl",
    "tinygrad_cl.amp",
    "tinygrad_cl.autograd",
    "tinygrad_cl.autograd.functional",
    "tinygrad_cl.data",
    "tinygrad_cl.data.datasets",
    "tinygrad_cl.func",
    "tinygrad_cl.io",
    "tinygrad_cl.linalg",
    "tinygrad_cl.models",
    "tinygrad_cl.nn",
    "tinygrad_cl.nn.functional",
    "tinygrad_cl.optim",
    "tinygrad_cl.optim.lr_scheduler",
    "tinygrad_cl.optim.penalty",
    "tinygrad_cl.special",
    "tinygrad_cl.testing",
    "tinygrad_cl.train",
    "tinygrad_cl.train.metrics",
]


def public_names(module: types.ModuleType) -> set[str]:
    """The names that a reader of the module would take for public: no modules it merely uses."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name != "annotations"
        and not isinstance(value, types.ModuleType)
    }


@pytest.mark.parametrize("room", ROOMS)
def test_all_agrees_with_the_names(room: str) -> None:
    module = importlib.import_module(room)
    listed = list(module.__all__)
    assert len(listed) == len(set(listed)), "a name is listed twice"
    assert set(listed) <= set(vars(module)), "a listed name is missing"
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
