"""Optional libraries, imported when something needs them."""

from __future__ import annotations

import importlib
from typing import Any

from tinygrad_cl.errors import DataError


def needed(module: str, extra: str, user: str) -> Any:
    """Returns an optional module.

    Args:
        module: its name.
        extra: the extra of this library that brings it.
        user: what needs it.

    Raises:
        DataError: naming the extra, if the module is missing.

    Example:
        >>> needed("json", "io", "an example").dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            f'{user} needs {module.split(".")[0]}: pip install "tinygrad-cl[{extra}]"'
        ) from error
