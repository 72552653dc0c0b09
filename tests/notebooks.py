"""Runs notebooks without a notebook server: cell after cell, with what each prints and shows.

Run as `python notebooks.py FILE`; prints a JSON list with a pair per code cell: what it printed,
and the repr of its last expression or null.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

Output = tuple[str, str | None]


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cells(notebook: dict[str, Any]) -> list[Output]:
    """Runs all code cells in one namespace."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_run("".join(cell["source"]), names) for cell in code_cells(notebook)]


def _run(source: str, names: dict[str, Any]) -> Output:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    return printed.getvalue(), None if shown is None else repr(shown)


def stored_outputs(cell: dict[str, Any]) -> Output:
    """What a cell's outputs say in the file."""
    printed = "".join("".join(o["text"]) for o in cell["outputs"] if o["output_type"] == "stream")
    shown = [o for o in cell["outputs"] if o["output_type"] == "execute_result"]
    return printed, "".join(shown[0]["data"]["text/plain"]) if shown else None


if __name__ == "__main__":
    print(json.dumps(run_cells(json.loads(Path(sys.argv[1]).read_text()))))
