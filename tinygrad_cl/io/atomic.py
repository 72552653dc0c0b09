"""Writing a file whole: beside its final place first, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from tinygrad_cl.errors import DataError

STALE = 30.0  # seconds after which a file that nobody writes any more is removed


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives the name of a new file, which takes the place of `path` when the block has written it.

    The file is flushed to the disk before it is renamed, so at any instant, even when the process
    or the machine stops, `path` is the old file or the new one, whole. If the block raises, `path`
    is as it was and the new file is removed. A killed process leaves a file `.NAME.*.tmp` behind;
    the next writing removes it. (Whoever writes such a file holds a lock on it, which ends with
    the process.)

    Raises:
        DataError: if the folder is missing or the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "notes.txt")) as new:
        ...         _ = new.write_text("whole")
        ...     Path(folder, "notes.txt").read_text()
        'whole'
    """
    try:
        final = Path(os.path.realpath(path))  # a link stays a link to the renewed file
        prefix = f".{final.name[:100]}."
        new = final.with_name(f"{prefix}{secrets.token_hex(6)}.tmp")
        _remove_stale(final.parent, prefix)
    except (OSError, ValueError) as error:  # a name with a zero byte
        raise DataError(f"save: cannot write {path}: {error}") from error
    try:
        with _locked(new):
            yield new
            _flush(new)
            os.replace(new, final)
        _flush_folder(final.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise DataError(f"save: cannot write {path}: {reason}") from error
        raise


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Makes the renaming itself last; only POSIX systems can, and not on every file system."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Makes an empty file and holds a lock on it; where there are no locks, does nothing."""
    if os.name != "posix":
        yield
        return
    with path.open("xb") as file:
        _lock(file.fileno())
        yield


def _lock(handle: int) -> bool:
    """Takes the lock of an open file; False if somebody else has it."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody has it, or the file system has no locks
        return False
    return True


def _remove_stale(folder: Path, prefix: str) -> None:
    """Removes the files of this beginning that a killed process has left."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(prefix) and name.endswith(".tmp"):
                _remove_if_stale(folder / name, len(prefix))


def _remove_if_stale(path: Path, start: int) -> None:
    with contextlib.suppress(OSError):
        old = time.time() - path.stat().st_mtime > STALE
        if not old or len(path.name) != start + 16:  # 12 digits and ".tmp"
            return
        with path.open("rb") as file:
            if _lock(file.fileno()):
                path.unlink()
