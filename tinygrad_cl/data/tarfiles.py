"""Files out of a `.tar.gz`, in memory: nothing is written, and nothing unwanted is kept."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from tinygrad_cl.errors import DataError

MAX_TOTAL = 1 << 30  # bytes of an unpacked archive that are looked through
MAX_MEMBER = 1 << 28
MAX_MEMBERS = 1000
CHUNK = 1 << 20


def read_members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Returns the contents of the files with these names, whatever folders they stand in.

    Raises:
        DataError: if the archive is damaged, too large, or lacks one.
    """
    found: dict[str, bytes] = {}
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for count, member in enumerate(archive):
                if count >= MAX_MEMBERS or member.offset_data + member.size > MAX_TOTAL:
                    raise DataError(f"{path} holds more than was published; fetch it again")
                name = Path(member.name).name
                if name not in names or name in found or not member.isfile():
                    continue
                if member.size > MAX_MEMBER:
                    raise DataError(f"{path}: {name} has {member.size} bytes, over {MAX_MEMBER}")
                file = archive.extractfile(member)
                found[name] = b"" if file is None else file.read()
            while packed.read(CHUNK):  # at its end, gzip compares the checksum
                if packed.tell() > MAX_TOTAL:
                    raise DataError(f"{path} holds more than was published; fetch it again")
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is not a whole .tar.gz file ({error}); fetch it again") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}")
    return found
