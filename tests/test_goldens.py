"""The generator's text against the files that people have read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from goldens import FOLDER, GOLDENS, golden_text

from tinygrad_cl.compiler.plan import Plan


@pytest.mark.parametrize("make", GOLDENS, ids=lambda make: make.__name__)
def test_generated_text_is_the_golden_text(make: Callable[[], Plan]) -> None:
    path = FOLDER / f"{make.__name__}.cl"
    assert golden_text(make) == path.read_text(encoding="utf-8"), (
        f"{path.name} changed; read the difference, then run python tools/goldens.py"
    )


def test_every_golden_file_has_its_plan() -> None:
    assert {path.stem for path in FOLDER.glob("*.cl")} == {make.__name__ for make in GOLDENS}
