"""Settings: every environment variable that the library reads, in one table.

Nothing else in the package reads `os.environ`; functions receive values. The variables are read
once, when they are first needed; `current.cache_clear()` makes the next call read them again.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tinygrad_cl.errors import SettingError


class Setting(NamedTuple):
    """One row of the table: the variable, its default and its meaning."""

    name: str
    default: str
    meaning: str


TABLE: tuple[Setting, ...] = (
    Setting(
        "TINYGRAD_CL_DEVICE",
        "",
        "the default device: `opencl`, `opencl:1`, `opencl:intel`, `numpy`; empty: the best found",
    ),
    Setting(
        "TINYGRAD_CL_CACHE",
        "",
        "folder for compiled programs and probe verdicts, or `off`; empty: the user's cache folder",
    ),
    Setting("TINYGRAD_CL_CACHE_MB", "512", "size to which that folder is trimmed, in MiB"),
    Setting(
        "TINYGRAD_CL_MEMORY_MB",
        "0",
        "device memory that buffers may hold, in MiB; 0: a fraction of what the device has",
    ),
    Setting(
        "TINYGRAD_CL_TUNE",
        "cached",
        "`off`: kernels as they come; `cached`: with what was tuned; `search`: tune what is new",
    ),
    Setting("TINYGRAD_CL_TUNE_SECONDS", "4", "seconds of measuring for each new kernel call"),
    Setting("TINYGRAD_CL_TUNE_TOTAL", "600", "seconds of measuring for the whole process"),
    Setting(
        "TINYGRAD_CL_DEBUG",
        "0",
        "log to standard error: 1 shows what is built and decided, 2 also every detail",
    ),
    Setting(
        "TINYGRAD_CL_SHADOW",
        "0",
        "1: compare every kernel with NumPy, as `testing.shadow` does; read at the import",
    ),
)
_DEFAULTS = {row.name: row.default for row in TABLE}
_LOADER = ("OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH")


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of the table.

    Attributes:
        device: name of the default device; empty for the best one found.
        cache: folder of the disk cache; None if it is off.
        cache_bytes: size to which the disk cache is trimmed.
        memory_bytes: device memory that buffers may hold; 0 leaves it to the device.
        debug: 0, 1 or 2.
        vendors: the folder of OpenCL vendors that the user asks for; empty if none.
        shadow: whether every kernel is compared with NumPy.
        tune: "off", "cached" or "search".
        tune_seconds: of measuring for each new kernel call.
        tune_total: of measuring for the whole process.
    """

    device: str
    cache: Path | None
    cache_bytes: int
    memory_bytes: int
    debug: int
    vendors: str
    shadow: bool
    tune: str
    tune_seconds: float
    tune_total: float

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Returns the settings that `environment` holds.

        Raises:
            SettingError: if a variable that must be a number is not one, or no known word.

        Example:
            >>> Settings.read({"TINYGRAD_CL_CACHE_MB": "2"}).cache_bytes
            2097152
        """
        return cls(
            device=_text(environment, "TINYGRAD_CL_DEVICE"),
            cache=_cache_folder(_text(environment, "TINYGRAD_CL_CACHE")),
            cache_bytes=_number(environment, "TINYGRAD_CL_CACHE_MB") << 20,
            memory_bytes=_number(environment, "TINYGRAD_CL_MEMORY_MB") << 20,
            debug=_number(environment, "TINYGRAD_CL_DEBUG"),
            vendors=next((environment[name] for name in _LOADER if environment.get(name)), ""),
            shadow=_number(environment, "TINYGRAD_CL_SHADOW") > 0,
            tune=_word(environment, "TINYGRAD_CL_TUNE", ("off", "cached", "search")),
            tune_seconds=_seconds(environment, "TINYGRAD_CL_TUNE_SECONDS"),
            tune_total=_seconds(environment, "TINYGRAD_CL_TUNE_TOTAL"),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, _DEFAULTS[name]).strip()


def _number(environment: Mapping[str, str], name: str) -> int:
    text = _text(environment, name) or _DEFAULTS[name]
    if not text.isdecimal():
        raise SettingError(f"{name}: expected a whole number >= 0, got {text!r}")
    return int(text)


def _seconds(environment: Mapping[str, str], name: str) -> float:
    text = _text(environment, name) or _DEFAULTS[name]
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise SettingError(f"{name}: expected a number of seconds >= 0, got {text!r}")
    return value


def _word(environment: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    text = (_text(environment, name) or _DEFAULTS[name]).lower()
    if text not in words:
        raise SettingError(f"{name}: expected one of {', '.join(words)}, got {text!r}")
    return text


def _cache_folder(text: str) -> Path | None:
    if text.lower() == "off":
        return None
    if text:
        return Path(text).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("tinygrad_cl", appauthor=False)


@lru_cache(maxsize=1)
def current() -> Settings:
    """Returns the settings of this process, read from its environment at the first call."""
    settings = Settings.read(os.environ)
    if settings.debug:
        _log_to_stderr(logging.INFO if settings.debug == 1 else logging.DEBUG)
    return settings


def shadow() -> bool:
    """Returns whether the shadow mode is asked for; unlike `current`, this settles nothing else."""
    return _number(os.environ, "TINYGRAD_CL_SHADOW") > 0


def _log_to_stderr(level: int) -> None:
    logger = logging.getLogger("tinygrad_cl")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.addHandler(handler)
