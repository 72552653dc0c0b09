"""Writing a file whole: beside its final place first, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from tinygrad_cl.errors import DataError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives the name of a new file, which takes the place of `path` when the block has written it.

    The file is flushed to the disk before it is renamed, so at any instant, even when the process
    or the machine stops, `path` is the old file or the new one, whole. If the block raises, `path`
    is as it was and the new file is removed. (A killed process leaves a file `.NAME.*.tmp` behind.)

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
    final = Path(os.path.realpath(path))  # a link stays a link to the renewed file
    new = final.with_name(f".{final.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
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
