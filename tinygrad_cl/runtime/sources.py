"""Where the OpenCL C templates are: in the installed package, or in `ops/` of a checkout."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tinygrad_cl.errors import BuildError

_PACKAGE = Path(__file__).resolve().parent.parent
_INCLUDE = re.compile(r'^#include "(\w+)\.cl"$', re.MULTILINE)
FOLDERS = (_PACKAGE / "ops", _PACKAGE.parent / "ops")


@cache
def template_source(name: str) -> str:
    """Returns the text of `<name>.cl`, with what it includes in the place of each `#include`.

    Raises:
        BuildError: if no such template is installed.
    """
    for folder in FOLDERS:
        path = folder / f"{name}.cl"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return _INCLUDE.sub(lambda found: template_source(found[1]), text)
    places = " or ".join(str(folder) for folder in FOLDERS)
    raise BuildError(f"template {name}.cl is not in {places}; reinstall tinygrad-cl")


def template_names() -> tuple[str, ...]:
    """Returns the names of all templates, sorted."""
    for folder in FOLDERS:
        names = sorted(path.stem for path in folder.glob("*.cl"))
        if names:
            return tuple(names)
    return ()
