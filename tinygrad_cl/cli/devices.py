"""`devices`: what OpenCL offers here, and why a device is used or not."""

from __future__ import annotations

import argparse
from typing import Any

from tinygrad_cl.cli.output import say
from tinygrad_cl.cli.parsing import command
from tinygrad_cl.runtime.device import DeviceRecord, devices


def add(commands: Any) -> None:
    """Adds the command."""
    command(commands, "devices", run, "list every platform and device with its verdict")


def run(options: argparse.Namespace) -> int:
    """Lists the devices."""
    say("\n\n".join(describe(record) for record in devices()))
    return 0


def describe(record: DeviceRecord) -> str:
    """Returns the lines about one device."""
    verdict = "usable" if record.usable else "not usable"
    mark = ", the default" if record.default else ""
    lines = [
        f"{record.name or '(not listed)'}: {verdict}{mark}",
        f"  device    {record.device}",
        f"  platform  {record.platform}",
        f"  reason    {record.reason}",
    ]
    if record.driver:
        lines.append(f"  version   {record.driver}")
    if record.memory:
        lines.append(f"  memory    {_gib(record.memory)}, largest buffer {_gib(record.largest)}")
        lines.append(f"  can do    {', '.join(_capabilities(record))}")
    return "\n".join(lines)


def _capabilities(record: DeviceRecord) -> list[str]:
    traits = record.traits
    words = [record.kind, f"{traits.units} compute units", *record.features]
    if record.zero_copy:
        words.append("zero copy")
    if record.kind != "host":
        words += [
            f"vectors of {traits.vector} floats",
            f"{traits.local_memory >> 10} KiB local memory",
            f"work-groups of {traits.max_work_group}",
        ]
    return words


def _gib(nbytes: int) -> str:
    return f"{nbytes / (1 << 30):.1f} GiB"
