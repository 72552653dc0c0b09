"""Functions of templates that the kernels of one program have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from structures import kernels, leaf, plan

from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.compiler.templates import kernel_source, program_source, shared_functions
from tinygrad_cl.lowering import Grid
from tinygrad_cl.primitives.conv import conv2d
from tinygrad_cl.primitives.elementwise import relu
from tinygrad_cl.runtime.sources import template_names, template_source

SHARING = [(file, name) for file in template_names() for name in shared_functions(file)]

WORD = re.compile(r"[A-Za-z_]\w*")
DIRECTIVE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|else|elif|endif|define|undef)\b\s*(.*)$")


def logical_lines(text: str) -> list[str]:
    return re.sub(r"/\*.*?\*/", "", text.replace("\\\n", " "), flags=re.DOTALL).splitlines()


def opened(line: str, name: str) -> bool:
    return re.fullmatch(rf"\s*#if {name}_FIRST\s*", line) is not None


def sections(file: str, name: str) -> Iterator[list[str]]:
    """The lines between `#if NAME_FIRST` and its `#endif`."""
    inside: list[str] | None = None
    depth = 0
    for line in logical_lines(template_source(file)):
        found = DIRECTIVE.match(line)
        kind = found[1] if found else ""
        if inside is None:
            if opened(line, name):
                inside, depth = [], 1
            continue
        depth += kind.startswith("if") - (kind == "endif")
        if depth == 0:
            yield inside
            inside = None
        else:
            inside.append(line)


def with_defaults(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """The lines, and whether they stand under an `#ifndef`: what they define is a default."""
    opened: list[bool] = []
    for line in lines:
        found = DIRECTIVE.match(line)
        kind = found[1] if found else ""
        if kind == "endif":
            opened.pop()
        yield line, any(opened)
        if kind.startswith("if"):
            opened.append(kind == "ifndef")


def definitions(lines: list[str]) -> tuple[set[str], dict[str, set[str]]]:
    """The macros that have nothing but a default, and the words in the texts of all the others."""
    given: set[str] = set()
    words: dict[str, set[str]] = {}
    for line, default in with_defaults(lines):
        found = DIRECTIVE.match(line)
        if found and found[1] == "define":
            name, *body = WORD.findall(found[2])
            if default:
                given.add(name)
            else:
                words.setdefault(name, set()).update(body)
    return given - words.keys(), words


def needed(file: str, name: str) -> set[str]:
    """The macros on which shared functions depend, directly or through other macros."""
    given, words = definitions(logical_lines(template_source(file)))
    body = [line for part in sections(file, name) for line in part]
    active = [line for line, default in with_defaults(body) if not default]
    waiting, seen = {word for line in active for word in WORD.findall(line)}, set()
    while waiting:
        word = waiting.pop()
        if word not in seen:
            seen.add(word)
            waiting |= words.get(word, set())
    names = {f"{other}{end}" for other in shared_functions(file) for end in ("", "_FIRST")}
    return (seen & given) - names


@pytest.mark.parametrize(("file", "name"), SHARING)
def test_shared_functions_depend_on_no_macros_but_those_listed(file: str, name: str) -> None:
    assert list(sections(file, name)), f"{file}.cl has no #if {name}_FIRST"
    assert needed(file, name) <= set(shared_functions(file)[name])


def test_some_templates_share_functions() -> None:
    assert {"conv", "conv_weight", "matmul", "matmul_dot"} <= {file for file, _ in SHARING}


def heads(source: str, name: str) -> list[tuple[str, str]]:
    """The prefix of the shared functions of each kernel, and whether it compiles them."""
    found = rf"^#define {name} (\w+)\n#define {name}_FIRST (\d)$"
    return [head for head in re.findall(found, source, re.MULTILINE) if head[0] != "KERNEL"]


def filters(epilogue: bool) -> Kernel:
    attrs = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    y = conv2d(leaf(32, 16, 14, 14), leaf(6, 16, 5, 5), **attrs)
    made = kernels(plan(relu(y) if epilogue else y))
    return next(kernel for kernel in made if kernel.file == "conv")


def test_kernels_that_differ_in_what_they_do_to_sums_share_the_functions_before() -> None:
    plain, fused = filters(False), filters(True)
    assert plain.name != fused.name
    source = program_source([plain, fused])
    for name in shared_functions("conv"):
        (first, is_first), (second, is_second) = heads(source, name)
        assert (first, is_first, second, is_second) == (first, "1", first, "0")


def test_kernels_share_nothing_if_a_macro_of_the_functions_differs() -> None:
    made = filters(False)
    text = re.sub(r"#define ROWS \d+\n", "#define ROWS 1\n", made.text)
    assert text != made.text
    other = Kernel(made.label, made.file, text, made.vec, made.arguments, Grid((1,), (1,)))
    source = program_source([made, other])
    assert [is_first for _, is_first in heads(source, "CONV_TILES")] == ["1", "1"]
    assert [is_first for _, is_first in heads(source, "CONV_PACKING")] == ["1", "0"]


def test_registers_of_another_width_are_another_function() -> None:
    made = filters(False)
    narrow = Kernel(made.label, made.file, made.text, 8, made.arguments, made.grid)
    source = program_source([made, narrow])
    assert [is_first for _, is_first in heads(source, "CONV_PACKING")] == ["1", "1"]


def test_the_source_of_one_kernel_is_whole() -> None:
    made = filters(True)
    assert {is_first for _, is_first in heads(kernel_source(made), "CONV_PACKING")} == {"1"}


def test_a_program_that_shares_functions_builds(opencl_device: str) -> None:
    from tinygrad_cl.runtime.device import get_device
    from tinygrad_cl.runtime.opencl import OpenCLDevice

    device = get_device(opencl_device)
    assert isinstance(device, OpenCLDevice)
    made = [filters(False), filters(True)]
    program = device.build(program_source(made))
    assert [program.kernel(kernel.name).name for kernel in made] == [k.name for k in made]
