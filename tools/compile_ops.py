"""Compiles every `ops/*.cl` with its default macros on every usable OpenCL device.

Each file is a program of its own: prelude, vector part, file. Fails if one does not build, or if
there is no OpenCL device at all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tinygrad_cl.errors import BuildError
from tinygrad_cl.runtime.device import devices, get_device
from tinygrad_cl.runtime.opencl import OpenCLDevice
from tinygrad_cl.runtime.sources import template_names, template_source

COMMON = ("prelude", "vector", "random")  # what stands before a template
WIDTHS = (16, 8, 4, 1)  # lanes of a register; templates choose theirs, and can all do 16
SHOWN = 30  # lines of a compiler's log


def programs() -> Iterator[tuple[str, str]]:
    """Yields a title and the source of every program: each template alone, each width alone."""
    for width in WIDTHS:
        yield f"vector.cl with VEC {width}", _source(width)
    for name in template_names():
        if name == "probe":  # stands without the prelude: it must build where nothing else does
            yield "probe.cl", template_source(name)
        elif name not in COMMON:
            title = f"#undef KERNEL\n#define KERNEL {name}_alone\n"
            yield f"{name}.cl", _source(WIDTHS[0]) + title + template_source(name)


def _source(width: int) -> str:
    return "\n".join([f"#define VEC {width}", *map(template_source, COMMON)]) + "\n"


def main() -> int:
    """Returns the number of programs that did not build, or 1 if there is no OpenCL device."""
    usable = [get_device(record.name) for record in devices() if record.usable]
    found = [device for device in usable if isinstance(device, OpenCLDevice)]
    if not found:
        print("no usable OpenCL device; python -m tinygrad_cl devices tells why", file=sys.stderr)
        return 1
    failures = 0
    for device in found:
        for title, source in programs():
            try:
                device.build(source)
            except BuildError as error:
                failures += 1
                log = "\n".join(error.log.splitlines()[:SHOWN])
                print(f"{device.name}: {title} does not build:\n{log}", file=sys.stderr)
        print(f"{device.name}: {len(list(programs()))} programs, {failures} failures so far")
    return failures


if __name__ == "__main__":
    sys.exit(main())
