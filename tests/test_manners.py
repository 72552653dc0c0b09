"""What a library must not do: to the program that uses it, and to who opens a file with it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tinygrad_cl"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Calls that run code found in data, or end the program.
DANGEROUS = {"eval", "exec", "compile", "exit", "quit", "input", "__import__"}
DANGEROUS_OF = {
    "pickle": {"load", "loads", "Unpickler"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "joblib": {"load"},
    "yaml": {"load", "unsafe_load"},
    "torch": {"load"},
    "os": {"system", "popen", "_exit", "abort"},
    "sys": {"exit"},
}
# Where one of them is right: the file, the call, the reason.
ALLOWED = {
    ("data/processes.py", "pickle.loads"): "what its own parent process sent",
    ("__main__.py", "sys.exit"): "the command line's exit status",
    ("cli/__init__.py", "sys.exit"): "the command line's exit status",
}


def calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        target = node.func
        if isinstance(target, ast.Name) and target.id in DANGEROUS:
            yield node.lineno, target.id
        attribute = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
        if attribute and target.attr in DANGEROUS_OF.get(target.value.id, ()):  # type: ignore[attr-defined]
            yield node.lineno, ast.unparse(target)
        for keyword in node.keywords:
            value = keyword.value
            if keyword.arg == "allow_pickle" and not (
                isinstance(value, ast.Constant) and value.value is False
            ):
                yield node.lineno, "allow_pickle"


def test_nothing_runs_code_from_files_or_ends_the_program() -> None:
    found = {
        (str(path.relative_to(PACKAGE)), call): line
        for path in MODULES
        for line, call in calls(path)
    }
    assert not {where: line for where, line in found.items() if where not in ALLOWED}


def test_the_search_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import pickle, numpy as np\npickle.load(f)\nnp.load(f, allow_pickle=True)\n")
    assert list(calls(path)) == [(2, "pickle.load"), (3, "allow_pickle")]
    path.write_text("eval(x)\nnp.load(f, allow_pickle=False)\nnet.eval()\nexit(1)\n")
    assert list(calls(path)) == [(1, "eval"), (4, "exit")]


_WITNESS = """
import builtins, logging, signal, sys, warnings
import numpy

def seen():
    return {
        "builtins": {name: id(value) for name, value in vars(builtins).items() if name != "_"},
        "hooks": (sys.excepthook, sys.displayhook, sys.stdout, sys.stderr),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        "logging": (logging.root.level, list(logging.root.handlers)),
        "warnings": list(warnings.filters),
        "numpy": (numpy.geterr(), str(numpy.random.get_state())),
        "recursion": sys.getrecursionlimit(),
    }

before = seen()
import tinygrad_cl as tg
from tinygrad_cl import amp, data, io, models, nn, optim, testing, train

net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Linear(4, 2))
model = tg.Model(net).compile("adam", "cross_entropy", lr=0.1)
model.fit((numpy.ones((8, 3), numpy.float32), numpy.zeros(8, int)), 1, 4, verbose=False)
after = seen()
print([name for name in before if before[name] != after[name]])
"""


@pytest.mark.parametrize("name", ["numpy", ""])
def test_importing_and_training_change_nothing_of_the_program(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_CL_DEVICE", name)
    words = [sys.executable, "-W", "error", "-c", _WITNESS]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
    assert done.stderr == ""
