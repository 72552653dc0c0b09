"""`doctor`: checks the installation and says what to do."""

from __future__ import annotations

import argparse
from typing import Any

from tinygrad_cl.cli import checks
from tinygrad_cl.cli.checks import PROBLEM, Finding
from tinygrad_cl.cli.output import say
from tinygrad_cl.cli.parsing import command


def add(commands: Any) -> None:
    """Adds the command."""
    about = "check Python, OpenCL drivers and devices, and say what to do"
    command(commands, "doctor", run, about, "The exit status is 1 if there is a problem.")


def run(options: argparse.Namespace) -> int:
    """Runs all checks; returns 1 if one found a problem."""
    problems = 0

    def show(finding: Finding) -> None:
        nonlocal problems
        problems += finding.verdict == PROBLEM
        say(f"{finding.verdict:8} {' '.join(finding.text.split())}")
        if finding.advice:
            say(f"{'':8} -> {finding.advice}")

    for finding in (*checks.python(), *checks.machine()):
        show(finding)
    listed, obstacles = checks.records()
    for finding in obstacles:
        show(finding)
    if listed:
        for finding in checks.opencl(listed):
            show(finding)
    for record in listed:
        if record.usable and record.kind != "host":
            show(checks.step(record))
    for finding in (*checks.cache(), *checks.extras()):
        show(finding)
    say(f"\n{problems} problem{'s' * (problems != 1)}" if problems else "\nall good")
    return 1 if problems else 0
