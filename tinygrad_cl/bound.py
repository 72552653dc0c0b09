"""A plan of a recorded call with its cells, which stand in for the captured nodes.

A run with all its buffers fills the cells of arguments, tensors and earlier results. A later one
(see `tinygrad_cl.compiler.again`) gives the plan what may have changed and leaves the rest set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.recording import Run, Source

if TYPE_CHECKING:
    from tinygrad_cl.compiler.again import Again


class Cell:
    """What stands for a node at one position of a plan."""

    __slots__ = ("buffer", "device", "scalar")

    def __init__(self) -> None:
        self.buffer: Any = None
        self.scalar: Any = None
        self.device: Any = None


class BoundRun:
    """A plan with its cells.

    Attributes:
        run: the plan and where its leaves come from.
        plan: None on the host, which has none.
        cells: one per position of the plan.
        given: buffers for results of the next run.
        wanted: the results that a run with all buffers returns, with their homes.
        again: runs that leave buffers set; None if the plan does not suit.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.plan: Any = getattr(run.executable, "plan", None)
        self.cells = [Cell() for _ in range(run.size)]
        self.given: dict[int, Any] = {}
        self.wanted: list[tuple[int, int]] = []
        self.again: Again | None = None
        leaves = run.leaves.items()
        self._arguments = [(at, s.what) for at, s in leaves if s.kind == "argument"]
        self._tensors = [(at, s.what) for at, s in leaves if s.kind == "tensor"]
        self._results = [(at, s.what, s.at) for at, s in leaves if s.kind == "result"]
        constants = {at: s.what for at, s in leaves if s.kind == "constant"}
        self._moving: list[Any] = []
        self._shown: list[Any] = []  # of the constants, the buffers that are results
        self._leaves = [at for at, s in leaves if s.kind != "constant"]
        for at, buffer in constants.items():
            self.cells[at].buffer = buffer
        for at, number in run.numbers.items():
            self.cells[at].scalar = number.value
        self._drawn = [(at, n.event, n.place) for at, n in run.numbers.items() if n.event >= 0]
        self._changing: list[tuple[int, int, int]] = []

    def home(self, at: int) -> int:
        """The position whose storage a result has."""
        return at if self.plan is None else int(self.plan.home(at))

    def asked(self, number: int, sources: Sequence[Source]) -> list[tuple[int, int]]:
        """Which results of the plan, the one of that number, are asked for, with their homes."""
        chosen = {s.at for s in sources if s.kind == "result" and s.what == number}
        return [] if self.plan is None else [(at, self.home(at)) for at in sorted(chosen)]

    def prepare(self, renewed: set[int], kept: set[int], wanted: Sequence[tuple[int, int]]) -> None:
        """Prepares runs that leave the buffers of most tensors, and of some results, as they are.

        Args:
            renewed: identities of the tensors that get new nodes.
            kept: results whose buffers stay.
            wanted: results to return, with their homes.
        """
        if self.plan is None:  # the host's: nothing stays set
            return
        from tinygrad_cl.compiler.again import Again, holders_of

        executable = self.run.executable
        places = holders_of(executable, wanted)
        if places is None:
            return
        leaves = self.run.leaves.items()
        moving = [(at, t) for at, t in self._tensors if id(t) in renewed or at in places]
        shown = [(at, s.what) for at, s in leaves if s.kind == "constant" and at in places]
        changing = [at for at, *_ in (*self._arguments, *moving, *self._results, *shown)]
        numbers = {at: cell.scalar for at, cell in enumerate(self.cells)}
        self._moving, self._shown = [t for _, t in moving], [buffer for _, buffer in shown]
        self.again = Again(executable, numbers, changing, kept, wanted)
        places_of = self.again.places
        self._changing = [(places_of[at], event, place) for at, event, place in self._drawn]

    def run_whole(
        self,
        arguments: Sequence[Handle],
        results: list[dict[int, Any]],
        drawn: Sequence[Sequence[Any]],
    ) -> dict[int, Any]:
        """Runs the plan with all its buffers; `drawn` are the numbers of each event."""
        cells = self.cells
        for at, event, place in self._drawn:
            cells[at].scalar = drawn[event][place]
        for at, number in self._arguments:
            cells[at].buffer = arguments[number].node.buffer
        for at, tensor in self._tensors:
            cells[at].buffer = tensor.node.buffer
        for at, number, place in self._results:
            cells[at].buffer = results[number][place]
        with self.run.device.lock:
            found: dict[int, Any] = self.run.executable.run(cells, self.given, self.wanted)
            if self.again is not None:
                self.again.take()
        self.given.clear()
        for at in self._leaves:  # so that references to buffers can be counted
            cells[at].buffer = None
        return found

    def run_again(
        self,
        arguments: Sequence[Handle],
        results: list[dict[int, Any]],
        drawn: Sequence[Sequence[Any]],
    ) -> dict[int, Any]:
        """Runs the plan, of whose buffers most are those of the last run."""
        again = self.again
        assert again is not None
        numbers = again.numbers
        for number, event, place in self._changing:
            numbers[number] = drawn[event][place]
        buffers: list[Any] = []
        for _, argument in self._arguments:
            buffers.append(arguments[argument].node.buffer)
        for tensor in self._moving:
            buffers.append(tensor.node.buffer)
        for _, run, at in self._results:
            buffers.append(results[run][at])
        buffers += self._shown
        with self.run.device.lock:
            found = again.run(buffers, self.given)
        if self.given:
            self.given.clear()
        return found
