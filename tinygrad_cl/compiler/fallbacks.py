"""Host fallbacks, counted: what ran with NumPy although its data lives on a device, and why."""

from __future__ import annotations

import logging
from collections import Counter

log = logging.getLogger("tinygrad_cl.compiler")

_COUNTS: Counter[tuple[str, str]] = Counter()


def count_fallback(primitive: str, reason: str) -> None:
    """Counts one host call; the first of its kind is logged."""
    key = (primitive, reason)
    if key not in _COUNTS:
        log.info("%s runs on the host: %s", primitive, reason)
    _COUNTS[key] += 1


def fallbacks() -> dict[tuple[str, str], int]:
    """Returns how often each primitive ran on the host instead of its device, by reason.

    Example:
        >>> all(isinstance(count, int) for count in fallbacks().values())
        True
    """
    return dict(_COUNTS)
