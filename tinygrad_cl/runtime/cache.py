"""The disk cache of compiled programs and probe verdicts.

An entry is a file named by its key that holds a checksum and the data. A file appears under its
name all at once, so processes may share the folder. Whatever is wrong with the folder or an entry
costs a log line and a rebuild, never an error.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
from pathlib import Path

logger = logging.getLogger("tinygrad_cl.runtime")

_MAGIC = b"tinygrad_cl cache 1\n"
_DIGEST = 32
_WRITING = 3600.0  # seconds after which a file that has not got its name never will
_TOUCH_AFTER = 24 * 3600.0  # seconds: how exact "least recently used" has to be


def hash_key(*parts: str) -> str:
    """Returns a key that differs for different rows of strings."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()


class DiskCache:
    """Bytes by key in a folder.

    Args:
        folder: where; None for a cache that holds nothing.
        limit: bytes that the folder may hold; the least recently used entries go first.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._writable = folder is not None
        self._size: int | None = None  # unknown until something is written

    def get(self, key: str) -> bytes | None:
        """Returns the data under `key`, or None."""
        if self.folder is None:
            return None
        path = self.folder / key
        try:
            raw = path.read_bytes()
            data = raw[len(_MAGIC) + _DIGEST :]
            if raw[: len(_MAGIC) + _DIGEST] != _MAGIC + hashlib.sha256(data).digest():
                raise ValueError("checksum differs")
            if time.time() - path.stat().st_mtime > _TOUCH_AFTER:
                os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("cache entry %s is ignored: %s", path, error)
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keeps `data` under `key`, if the folder can be written."""
        if self.folder is None or not self._writable:
            return
        temporary = self.folder / f"{key}.{os.getpid()}.{time.monotonic_ns()}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_MAGIC + hashlib.sha256(data).digest() + data)
            temporary.replace(self.folder / key)
            self._trim(len(data))
        except OSError as error:
            self._writable = False
            logger.warning("going on without the cache folder %s: %s", self.folder, error)
            _remove(temporary)

    def names(self) -> list[str]:
        """Returns the keys of all entries, sorted."""
        if self.folder is None or not self.folder.is_dir():
            return []
        try:
            names = sorted(path.name for _, _, path in self._entries())
        except OSError as error:
            logger.warning("the cache folder %s cannot be read: %s", self.folder, error)
            return []
        return [name for name in names if not name.endswith(".tmp")]

    def discard(self, key: str) -> None:
        """Forgets the entry under `key`."""
        if self.folder is not None:
            _remove(self.folder / key)

    def _trim(self, added: int) -> None:
        if self._size is not None and self._size + added <= self.limit:
            self._size += added
            return
        entries = self._entries()
        self._size = sum(size for _, size, _ in entries)
        young = time.time() - _WRITING
        for used, size, path in sorted(entries):
            if path.suffix == ".tmp" and used > young:  # of another process, on its way to its name
                continue
            if self._size <= self.limit * 3 // 4 or (self._size <= self.limit and size):
                break
            _remove(path)
            self._size -= size

    def _entries(self) -> list[tuple[float, int, Path]]:
        assert self.folder is not None
        found = []
        for path in self.folder.iterdir():
            try:
                status = path.stat(follow_symlinks=False)
            except OSError:  # another process removed it
                continue
            if stat.S_ISREG(status.st_mode):  # other rooms keep folders beside the entries
                found.append((status.st_mtime, status.st_size, path))
        return found


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.debug("cannot remove %s: %s", path, error)
