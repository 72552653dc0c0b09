"""Fetching published files: several mirrors, a bounded size, a checksum, and never a half file."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinygrad_cl.errors import DataError

logger = logging.getLogger("tinygrad_cl.data")

CHUNK = 1 << 16
TIMEOUT = 10.0  # seconds without a byte
MAX_UNKNOWN = 1 << 30  # bytes of a file whose size was not published


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A published file: its name, its size in bytes and its md5, where these are known."""

    name: str
    size: int | None = None
    md5: str | None = None


def is_intact(path: Path, file: RemoteFile) -> bool:
    """Tells whether `path` holds the published file."""
    try:
        if path.stat().st_size != (file.size or path.stat().st_size):
            return False
        if file.md5 is None:
            return path.is_file()
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == file.md5
    except OSError:
        return False


def fetch(file: RemoteFile, mirrors: tuple[str, ...], folder: Path, timeout: float) -> Path:
    """Fetches a file from the first mirror that delivers it whole.

    Args:
        file: what to fetch.
        mirrors: base addresses that end in a slash.
        folder: where it goes; made if need be.
        timeout: seconds to wait for a mirror's next byte.

    Returns:
        The path of the file in `folder`, which appears only when it is complete.

    Raises:
        DataError: if the folder cannot be written, or no mirror delivers; names what each one did.
    """
    path = folder / file.name
    reasons = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{file.name}.")
        os.close(handle)
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror}") from error
    temporary = Path(name)
    try:
        for mirror in mirrors:
            reason = _fetch_from(mirror + file.name, file, temporary, timeout)
            if reason is None:
                os.replace(temporary, path)
                return path
            logger.info("%s%s: %s", mirror, file.name, reason)
            reasons.append(f"{mirror}{file.name}: {reason}")
    finally:
        temporary.unlink(missing_ok=True)
    raise DataError("; ".join(reasons))


def _fetch_from(address: str, file: RemoteFile, path: Path, timeout: float) -> str | None:
    """Downloads `address` to `path`; returns what went wrong, or None."""
    import urllib.request  # here: these take longer to load than the rest of the package
    from http.client import HTTPException

    from tqdm import tqdm

    digest = hashlib.md5(usedforsecurity=False)
    limit = MAX_UNKNOWN if file.size is None else file.size
    arrived = 0
    try:
        with (
            urllib.request.urlopen(address, timeout=timeout) as answer,
            path.open("wb") as target,
            tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name, disable=None) as bar,
        ):
            while arrived <= limit and (chunk := answer.read(CHUNK)):
                target.write(chunk)
                digest.update(chunk)
                arrived += len(chunk)
                bar.update(len(chunk))
    except (OSError, HTTPException) as error:
        text = str(error).removeprefix("<urlopen error ").removesuffix(">")
        return text or type(error).__name__
    if arrived > limit:
        return f"sends more than {limit} bytes, {'the limit' if file.size is None else 'its size'}"
    if arrived < (file.size or 0):
        return f"ended after {arrived} of {file.size} bytes"
    if file.md5 is not None and digest.hexdigest() != file.md5:
        return f"has md5 {digest.hexdigest()}, and {file.md5} was published"
    return None
