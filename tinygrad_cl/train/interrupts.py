"""Ctrl-C during training: the running step is finished, then the loop ends."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """While it is entered, the first Ctrl-C sets `seen`; the second is a KeyboardInterrupt.

    A program with its own handler of SIGINT keeps it; so do threads other than the main one.

    Attributes:
        seen: whether there was a Ctrl-C.
        clean: whether training ended between two steps, by `check`.
    """

    def __init__(self) -> None:
        self.seen = False
        self.clean = False
        self._ours = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._ours = True
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True

    def check(self) -> None:
        """Raises the KeyboardInterrupt that was held back, if there was one."""
        if self.seen:
            self.clean = True
            raise KeyboardInterrupt

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._ours = False
