"""The command line: `tinygrad-cl`, or `python -m tinygrad_cl`.

The rooms: program.py (`main`; parsing.py has what all commands share), devices.py, doctor.py
(checks.py), summarize.py, train.py (trainflags.py), predict.py, convert.py: one file per command;
nets.py (nets by name and from files), saved.py (trained nets), sources.py (data sets), output.py.
"""

from __future__ import annotations

from tinygrad_cl.cli.program import main as main

__all__ = ["main"]
