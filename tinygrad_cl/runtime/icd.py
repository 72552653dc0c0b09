"""Lets the OpenCL loader find Intel's CPU runtime where pip put it.

The loader bundled with pyopencl reads the `.icd` files of the system's folder and of one beside
itself (where wheels of PoCL put theirs); each names a driver's library. The one that comes with
`intel-opencl-rt` holds a path that nobody substitutes, and lies where no loader looks. So the first
query of the platforms is made with `OCL_ICD_VENDORS` pointing at a folder of our own, in place of
the system's: it holds an `.icd` for Intel's library and copies of the system's files.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import logging
import os
import shutil
import site
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger("tinygrad_cl.runtime")

_LIBRARY = "libintelocl.so"
_DISTRIBUTION = "intel-opencl-rt"
_VARIABLE = "OCL_ICD_VENDORS"
_SYSTEM_FOLDER = Path("/etc/OpenCL/vendors")
_EMULATORS = ("fpga", "_emu")  # of FPGAs: they list a device that compiles for minutes


def find_intel() -> Path | None:
    """Returns Intel's OpenCL library, if the running Python has it installed."""
    prefixes = [sys.prefix, *([site.USER_BASE] if site.USER_BASE else []), sys.base_prefix]
    for prefix in dict.fromkeys(prefixes):
        path = Path(prefix) / "lib" / _LIBRARY
        if path.is_file():
            return path
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(os.path.normpath(str(file.locate())))
        if file.name == _LIBRARY and path.is_file():
            return path
    return None


def load_error(library: Path) -> str:
    """Returns why `library` cannot be loaded, or an empty string if it can."""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return ""


def vendor_files(intel: Path) -> dict[str, str]:
    """Returns the `.icd` files, by name, that the loader shall read: Intel's, then the others."""
    files = {"00-intel-cpu.icd": f"{intel}\n"}
    folders = [_SYSTEM_FOLDER, Path(sys.prefix) / "etc/OpenCL/vendors"]
    for number, folder in enumerate(folders, 1):
        for path in sorted(folder.glob("*.icd")):
            text = _read(path)
            if text and _is_wanted(path, text, intel):
                files[f"{number:02d}-{path.name}"] = f"{text}\n"
    return files


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s", path, error)
        return ""


def _is_wanted(path: Path, text: str, intel: Path) -> bool:
    library = Path(text.splitlines()[0])
    if any(word in f"{path.name} {library.name}".lower() for word in _EMULATORS):
        return False
    if library.is_absolute():
        return library.is_file() and library.resolve() != intel.resolve()
    # a bare name is looked up by the system's linker; a relative path leads nowhere
    return library.name == str(library) and library.name != _LIBRARY


@contextmanager
def vendors(requested: str, cache: Path | None) -> Iterator[None]:
    """Within this context, the loader's first query of the platforms finds Intel's CPU runtime.

    Args:
        requested: the folder that the user asks for, which is left alone; empty if none.
        cache: where the folder of `.icd` files is kept; None, or unwritable: a temporary folder.
    """
    intel = None if requested else find_intel()
    if intel is None:
        yield
        return
    with _folder(vendor_files(intel), cache) as folder:
        logger.debug("OpenCL vendors are read from %s", folder)
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before


@contextmanager
def _folder(files: dict[str, str], cache: Path | None) -> Iterator[Path]:
    """Yields a folder that holds exactly `files`."""
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    if cache is not None:
        folder = cache / f"vendors-{digest}"
        try:
            _fill(folder, files)
        except OSError as error:
            logger.warning("%s cannot be written, using a temporary folder: %s", folder, error)
        else:
            yield folder
            return
    temporary = Path(tempfile.mkdtemp(prefix="tinygrad_cl-vendors-"))
    try:
        _fill(temporary, files)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.icd"):
        if path.name not in files:
            path.unlink(missing_ok=True)
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            temporary = folder / f"{name}.{os.getpid()}.tmp"
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
