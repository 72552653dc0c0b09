"""The generator's text against the files that people have read."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from goldens import FOLDER, GOLDENS, golden_text, lenet_step
from structures import kernels

from tinygrad_cl.compiler.gluing import legend
from tinygrad_cl.compiler.plan import Plan


@pytest.mark.parametrize("make", GOLDENS, ids=lambda make: make.__name__)
def test_generated_text_is_the_golden_text(make: Callable[[], Plan]) -> None:
    path = FOLDER / f"{make.__name__}.cl"
    assert golden_text(make) == path.read_text(encoding="utf-8"), (
        f"{path.name} changed; read the difference, then run python tools/goldens.py"
    )


def test_every_golden_file_has_its_plan() -> None:
    assert {path.stem for path in FOLDER.glob("*.cl")} == {make.__name__ for make in GOLDENS}


def test_a_plan_says_what_the_names_in_its_glued_kernels_stand_for() -> None:
    made = lenet_step()
    glued = [kernel for kernel in kernels(made) if kernel.glued]
    assert [kernel.file for kernel in glued] == ["slices", "abreast"]
    for kernel in glued:
        words = " ".join(legend(kernel))
        calls = kernel.text[kernel.text.index("#define PHASES") :]
        used = set(re.findall(r"\b(p\d+|T\(\d+\))", calls))
        assert len(used) > 20
        assert used == set(re.findall(r"\b(p\d+|T\(\d+\)) [%sn\d-]", words))
        assert all(f"      {line}" in str(made) for line in legend(kernel))
