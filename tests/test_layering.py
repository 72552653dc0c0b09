"""The architecture, as a table: modules import only from lower levels, and borders hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tinygrad_cl"

# Room -> level. A room may import from lower levels, and from itself.
LEVELS = {
    "errors": 0,
    "dtypes": 0,
    "shapes": 0,
    "settings": 0,
    "ondemand": 0,
    "installed": 0,
    "lowering": 1,
    "runtime": 1,
    "graph": 2,
    "origins": 3,
    "tracing": 3,
    "formula": 3,
    "guards": 5,
    "forms": 5,
    "recording": 5,
    "steady": 5,
    "bound": 5,
    "replay": 5,
    "primitives": 3,
    "compiler": 3,
    "autograd": 4,
    "expansion": 4,
    "capture": 4,
    "engine": 4,
    "jit": 5,
    "functional": 5,
    "tensor": 6,
    "aliases": 6,
    "nn": 7,
    "linalg": 7,
    "optim": 7,
    "amp": 7,
    "special": 7,
    "data": 7,
    "train": 7,
    "func": 7,
    "distributed": 7,
    "io": 7,
    "testing": 7,
    "cuda": 7,
    "distributions": 7,
    "backends": 7,
    "models": 8,
    "utils": 8,
    "cli": 9,
    "__main__": 10,
    "__init__": 10,
}
# Exceptions: who may use whom within a level.
SAME_LEVEL = {
    "dtypes": {"errors"},
    "shapes": {"errors"},
    "settings": {"errors"},
    "runtime": {"lowering"},
    "autograd": {"engine"},
    "formula": {"origins"},
    "capture": {"expansion"},
    "engine": {"capture", "expansion"},
    "bound": {"recording"},
    "replay": {"bound", "guards", "recording", "steady"},
    "forms": {"guards"},
    "jit": {"forms", "guards", "recording", "replay"},
    "aliases": {"tensor"},
    "amp": {"optim"},
    "optim": {"nn"},
    "io": {"nn"},
    "data": {"io", "distributed"},
    "distributed": {"nn", "optim"},
    "func": {"nn"},
    "train": {"nn", "optim", "amp", "data", "io"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The room of `tinygrad_cl.room.file`; `__init__` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


def is_type_checking(node: ast.AST) -> bool:
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Name | ast.Attribute) and ast.unparse(test).endswith(
        "TYPE_CHECKING"
    )


def nodes_at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node of a tree, without the bodies of `if TYPE_CHECKING:`."""
    yield tree
    children = tree.orelse if is_type_checking(tree) else ast.iter_child_nodes(tree)  # type: ignore[attr-defined]
    for child in children:
        yield from nodes_at_run_time(child)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the full name of everything that a file imports at run time."""
    for node in nodes_at_run_time(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def rooms_imported(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the room of everything of this package that a file imports at run time."""
    for line, name in imports_of(path):
        if name.split(".")[0] != "tinygrad_cl":
            continue
        room = room_of(name)
        yield line, room if room in LEVELS else "__init__"


def may_import(importer: str, imported: str) -> bool:
    if importer == imported or LEVELS[imported] < LEVELS[importer]:
        return True
    return imported in SAME_LEVEL.get(importer, ())


def test_every_room_has_a_level() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms <= LEVELS.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    wrong = [
        f"{path.name}:{line}: {room} (level {LEVELS[room]}) imports {other} ({LEVELS[other]})"
        for line, other in rooms_imported(path)
        if not may_import(room, other)
    ]
    assert not wrong


def test_the_check_sees_a_wrong_import(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from tinygrad_cl.optim import SGD\n"
        "else:\n"
        "    from tinygrad_cl import nn\n"
        "def f():\n"
        "    import tinygrad_cl.tensor\n"
        "    from tinygrad_cl import Tensor\n"
    )
    assert list(rooms_imported(path)) == [(5, "nn"), (7, "tensor"), (8, "__init__")]
    assert not may_import("graph", "nn")
    assert not may_import("primitives", "compiler")
    assert may_import("compiler", "graph")
    assert not may_import("engine", "autograd")


def test_no_cycles_within_a_room() -> None:
    """Imports at the top of modules form no circle, so that any module can be imported first."""
    names = {name_of(path) for path in MODULES}
    edges = {name_of(path): set(_top_imports(path, names)) for path in MODULES}
    for name in names:  # a package's __init__ gathers its modules; they do not need it
        if (PACKAGE.parent / name.replace(".", "/")).is_dir():
            edges[name] = {other for other in edges[name] if not f"{other}.".startswith(f"{name}.")}
    _assert_no_circle(edges)


def _top_imports(path: Path, names: set[str]) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in names else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _assert_no_circle(edges: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"circle: {' -> '.join((*way, name))}"
        if name not in done:
            for other in edges.get(name, ()):
                visit(other, (*way, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_only_the_runtime_touches_pyopencl() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for _, name in imports_of(path)
        if name.split(".")[0] == "pyopencl"
    }
    assert users
    assert all(user.startswith("runtime/") for user in users), users


def test_the_environment_is_read_in_one_file() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv"))
        or (isinstance(node, ast.alias) and node.name in ("environ", "getenv", "putenv"))
    }
    assert users <= {"settings.py", "runtime/icd.py"}
    assert "environ[" not in (PACKAGE / "settings.py").read_text(), "only icd.py sets variables"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_kernels_stand_in_cl_files(path: Path) -> None:
    assert "__kernel" not in path.read_text()


def test_the_library_prints_nothing() -> None:
    printers = {
        path.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert printers <= {"cli.py"}


def test_ops_hold_no_python() -> None:
    ops = PACKAGE.parent / "ops"
    assert list(ops.glob("*.cl"))
    assert not list(ops.rglob("*.py"))
