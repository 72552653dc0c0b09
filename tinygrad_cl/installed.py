"""Whose code it is: a program's own, or that of a package which was installed."""

from __future__ import annotations

import os
import site
import sys
from functools import cache
from typing import Any


def package_of(value: Any) -> str:
    """Returns the package that a class, function, module or object comes from, or "".

    Example:
        >>> from collections import abc
        >>> package_of(abc), package_of(abc.Sequence), package_of(package_of)
        ('collections', 'collections', 'tinygrad_cl')
    """
    name = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    return name.split(".")[0] if isinstance(name, str) else ""


@cache
def is_installed(package: str) -> bool:
    """Whether a package belongs to Python, or lies where packages are installed.

    Example:
        >>> is_installed("collections"), is_installed("numpy"), is_installed("mine")
        (True, True, False)
    """
    if package in sys.stdlib_module_names:
        return True
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return file.startswith(_folders())


@cache
def _folders() -> tuple[str, ...]:
    found = [*site.getsitepackages(), site.getusersitepackages()]
    return tuple(os.path.join(folder, "") for folder in found)


__all__ = ["is_installed", "package_of"]
