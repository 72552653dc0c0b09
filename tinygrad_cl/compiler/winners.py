"""Winners: what tuning found, kept on disk for later processes.

One file for each call, so that processes may write at once. A winner holds for one device (with its
driver), one version of the library, one call, and the texts of the templates that were compared.
Whatever is wrong with a file costs a log line and the template's own plan, never an error.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from importlib import metadata

from tinygrad_cl.compiler.choosing import Call
from tinygrad_cl.errors import BuildError
from tinygrad_cl.lowering import Choices, TemplatePlan
from tinygrad_cl.runtime.cache import DiskCache, hash_key
from tinygrad_cl.runtime.sources import template_source

logger = logging.getLogger("tinygrad_cl.compiler")

_COMMON = ("prelude", "vector")  # in every program


@dataclass(frozen=True, slots=True)
class Winner:
    """The fastest plan of a call.

    Attributes:
        call: the call, for people.
        choice: the label of the plan.
        seconds: its time.
        own: the label of the template's own plan.
        own_seconds: the time of that.
        tried: how many plans were measured.
        templates: the hash of each template that was compared.
        device: the hash of the device's identity.
        version: of the library.
    """

    call: str
    choice: str
    seconds: float
    own: str
    own_seconds: float
    tried: int
    templates: dict[str, str] = field(default_factory=dict)
    device: str = ""
    version: str = ""

    @property
    def gain(self) -> float:
        """How many times as fast as the template's own plan it is."""
        return self.own_seconds / self.seconds if self.seconds else 1.0


@lru_cache(maxsize=1)
def version() -> str:
    """Returns the installed version of the library; "" for a checkout that is not installed."""
    try:
        return metadata.version("tinygrad-cl")
    except metadata.PackageNotFoundError:
        return ""


@cache
def _digest(template: str) -> str:
    return hash_key(template_source(template))


def template_hashes(choices: Choices) -> dict[str, str]:
    """Returns the hash of every template that some choices use, by its name."""
    plans = [plan for _, plan in choices if isinstance(plan, TemplatePlan)]
    files = {step.file for plan in plans for step in plan.passes}
    return {name: _digest(name) for name in sorted({*files, *_COMMON})}


def _is_current(templates: dict[str, str]) -> bool:
    try:
        return all(_digest(name) == digest for name, digest in templates.items())
    except BuildError:  # a template that is no more
        return False


class Winners:
    """The winners of one device.

    Args:
        disk: where they are kept.
        identity: all that a measurement depends on, beside the call and the templates.
    """

    def __init__(self, disk: DiskCache, identity: str) -> None:
        self.disk = disk
        self.identity = hash_key("device", identity)

    def _key(self, call: Call) -> str:
        return hash_key("tuning 1", self.identity, version(), call.key)

    @property
    def is_empty(self) -> bool:
        """True if nobody has ever kept a winner here: then there is nothing to look up."""
        return self.disk.folder is None or not self.disk.folder.is_dir()

    def get(self, call: Call) -> Winner | None:
        """Returns the winner of a call, if one is kept and still holds."""
        key = self._key(call)
        winner = self._read(key)
        if winner is None:
            return None
        if (winner.device, winner.version) != (self.identity, version()):
            logger.warning("tuning entry %s is ignored: it is of another device or version", key)
            return None
        if not _is_current(winner.templates):
            logger.info("tuning entry %s is ignored: its templates have changed", key)
            return None
        return winner

    def put(self, call: Call, winner: Winner) -> None:
        """Keeps the winner of a call."""
        self.disk.put(self._key(call), json.dumps(asdict(winner)).encode())

    def __iter__(self) -> Iterator[Winner]:
        """The winners of this device and version, in the order of their calls."""
        found = [winner for _, winner in self._mine()]
        return iter(sorted(found, key=lambda winner: winner.call))

    def clear(self) -> int:
        """Forgets the winners of this device, of any version; returns how many they were."""
        mine = [key for key, _ in self._mine(any_version=True)]
        for key in mine:
            self.disk.discard(key)
        return len(mine)

    def _mine(self, any_version: bool = False) -> Iterable[tuple[str, Winner]]:
        for key in self.disk.names():
            winner = self._read(key)
            if winner is None or winner.device != self.identity:
                continue
            if any_version or winner.version == version():
                yield key, winner

    def _read(self, key: str) -> Winner | None:
        raw = self.disk.get(key)
        if raw is None:
            return None
        try:
            winner = Winner(**json.loads(raw))
            _check(winner)
        except (TypeError, ValueError) as error:
            logger.warning("tuning entry %s is ignored: %s", key, error)
            return None
        return winner


def _check(winner: Winner) -> None:
    """Raises TypeError where a value is not of its type: anything may stand in a file."""
    for name, kind in (("call", str), ("choice", str), ("own", str), ("templates", dict)):
        if not isinstance(getattr(winner, name), kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    for name in ("seconds", "own_seconds", "tried"):
        if not isinstance(getattr(winner, name), int | float):
            raise TypeError(f"{name} is no number")
