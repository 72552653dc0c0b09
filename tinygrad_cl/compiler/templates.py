"""Programs: the source of many kernels in one text.

A program is `ops/prelude.cl` once, then for each kernel: `ops/vector.cl` when the width of
registers is new (and `ops/special.cl`, if a kernel calls one of its functions), the macros and
bodies that the generator wrote, the template file, and the undoing of all macros of the two. One
build for many kernels costs about half of one build each.

Functions of a template may be the same in many kernels. A line `Shared NAME: MACROS` in its header
says so: they depend on no macros but these. Their names begin with the macro NAME, which is the
same where these macros and VEC are, and they are compiled where NAME_FIRST is 1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache

from tinygrad_cl.compiler.render import Kernel
from tinygrad_cl.runtime.sources import template_source

_DEFINE = re.compile(r"^\s*#\s*define (\w+)", re.MULTILINE)
_GIVEN = re.compile(r"^#define (\w+) (.*)$", re.MULTILINE)
_SHARED = re.compile(r"^ \* Shared (\w+): (.+)$", re.MULTILINE)


def program_source(kernels: Iterable[Kernel]) -> str:
    """Returns the OpenCL C of a program that holds these kernels, each once."""
    unique = {kernel.name: kernel for kernel in kernels}
    texts = [part.text for kernel in unique.values() for part in (kernel, *kernel.phases)]
    parts = [template_source("prelude")]
    if any("PHILOX_" in text for text in texts):
        parts.append(template_source("random"))
    if any("bfloat" in text for text in texts):
        parts.append(template_source("bfloat"))
    special = any("special_" in text for text in texts)
    widths: set[int] = set()
    phases: set[str] = set()  # kernels of one program share them
    shared: set[str] = set()
    for kernel in unique.values():
        for vec in dict.fromkeys(part.vec for part in (*kernel.phases, kernel)):
            if vec not in widths:
                widths.add(vec)
                parts.append(register_source(vec, special))
        parts += [_phase_source(p, shared) for p in kernel.phases if p.name not in phases]
        phases.update(phase.name for phase in kernel.phases)
        parts.append(_filled(kernel, f"KERNEL {kernel.name}", shared))
    return "\n".join(parts)


def register_source(vec: int, special: bool) -> str:
    """Returns the functions over registers of one width, with those of `special.cl` or without."""
    parts = [f"#undef VEC\n#define VEC {vec}", template_source("vector")]
    if special:
        functions = template_source("special")
        parts += [functions, "#ifdef HAVE_FP64\n#define REAL V_f64\n#define DOUBLE 1", functions]
        parts.append("#endif\n")
    return "\n".join(parts)


@cache
def _common_macros() -> frozenset[str]:
    """What every kernel may use, and none may undo."""
    return frozenset(
        _DEFINE.findall(template_source("prelude")) + _DEFINE.findall(template_source("vector"))
    )


def kernel_source(kernel: Kernel) -> str:
    """Returns the part of a program that belongs to one kernel, with its template in full."""
    shared: set[str] = set()
    phases = {phase.name: _phase_source(phase, shared) for phase in kernel.phases}
    return "".join(phases.values()) + _filled(kernel, f"KERNEL {kernel.name}", shared)


def _phase_source(phase: Kernel, shared: set[str]) -> str:
    """Returns a phase of other kernels: the template as a function."""
    head = template_source("phase") + f"#undef NAME\n#define NAME(x) NAME_({phase.function}, x)\n"
    text = _filled(phase, f"KERNEL(...) {phase.function} PHASE_HEAD(__VA_ARGS__)", shared)
    undone = "".join(f"#undef {name}\n" for name in _DEFINE.findall(template_source("phase")))
    return f"{head}{text}{undone}#undef NAME\n#define NAME(x) NAME_(KERNEL, x)\n"


def _filled(kernel: Kernel, macro: str, shared: set[str]) -> str:
    """The macros, the bodies and the template of a kernel; `macro` names it.

    `shared`: the names of functions that earlier kernels of the program have.
    """
    template = template_source(kernel.file)
    macros = dict.fromkeys((*_DEFINE.findall(kernel.text), *_macros(kernel.file)))
    undone = "".join(f"#undef {name}\n" for name in macros if name not in _common_macros())
    head = f"/* ---- {kernel.name}: {kernel.file}.cl ---- */\n"
    head += f"#undef KERNEL\n#define {macro}\n#undef VEC\n#define VEC {kernel.vec}\n"
    return head + kernel.text + _shared(kernel, shared) + template + undone


@cache
def _macros(file: str) -> tuple[str, ...]:
    """The macros that a template defines."""
    return tuple(dict.fromkeys(_DEFINE.findall(template_source(file))))


@cache
def shared_functions(file: str) -> dict[str, tuple[str, ...]]:
    """Returns the names of the shared functions of a template, with the macros that they need."""
    found = _SHARED.findall(template_source(file))
    return {name: tuple(macros.split()) for name, macros in found}


def _shared(kernel: Kernel, known: set[str]) -> str:
    """The macros that name the functions which a kernel shares; adds them to the known ones."""
    given = dict(_GIVEN.findall(kernel.text))
    text = ""
    for name, macros in shared_functions(kernel.file).items():
        # A macro that is not given has a default, which files may choose differently.
        values = (given.get(macro, kernel.file) for macro in macros)
        digest = hashlib.sha1("\n".join((str(kernel.vec), *values)).encode()).hexdigest()[:6]
        prefix = f"{name.lower()}_{digest}"
        text += f"#define {name} {prefix}\n#define {name}_FIRST {int(prefix not in known)}\n"
        known.add(prefix)
    return text


def readable_source(kernel: Kernel) -> str:
    """Returns what the generator wrote for one kernel: the template is named, not repeated."""
    phases = [
        f"/* phase {number} */\n{readable_source(phase)}"
        for number, phase in enumerate(kernel.phases)
    ]
    head = f"#define KERNEL {kernel.name}\n#define VEC {kernel.vec}\n"
    return "".join(phases) + f'{head}{kernel.text}#include "{kernel.file}.cl"\n'
