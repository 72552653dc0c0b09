"""What the commands write: lines to standard output, remarks to standard error."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Writes lines to standard output."""
    sys.stdout.write(f"{text}\n")


def remark(text: str) -> None:
    """Writes lines to standard error."""
    sys.stderr.write(f"{text}\n")
