"""What a gradient check found: verdicts, findings, and the report that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from tinygrad_cl.errors import TinygradError


class Verdict(Enum):
    """What a check says of a gradient.

    Attributes:
        OK: analytic and numeric derivatives agree.
        KINK: the function has a corner at this point, so that it has no derivative there.
        IMPRECISE: the two agree in their leading digits only, or the numeric one cannot be measured
            well enough.
        NONDETERMINISTIC: two evaluations at the same point differ in their bits.
        WRONG: the two differ, or a gradient is missing.
    """

    OK = "ok"
    KINK = "kink"
    IMPRECISE = "imprecise"
    NONDETERMINISTIC = "nondeterministic"
    WRONG = "wrong"

    @property
    def severity(self) -> int:
        """0 for OK, and more the worse it is."""
        return list(Verdict).index(self)


_ADVICE = {
    Verdict.KINK: "move the inputs off the corner (a tie, a zero of relu or abs), or accept it",
    Verdict.IMPRECISE: "look for a constant with too few digits or a narrower dtype on the way; "
    "else choose eps, or widen rtol and atol",
    Verdict.NONDETERMINISTIC: "seed what is random inside the function, or switch it off",
    Verdict.WRONG: "compare the gradient with the formula at the element named above",
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an input, and its two partial derivatives."""

    index: tuple[int, ...]
    analytic: float
    numeric: float

    def __str__(self) -> str:
        return f"element {self.index}: analytic {self.analytic:.9g}, numeric {self.numeric:.9g}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison that did not end well.

    Attributes:
        verdict: what it ended with.
        order: 1 for gradients, 2 for gradients of gradients.
        input: position of the input among the arguments; None if it concerns an output.
        direction: number of the random direction.
        analytic: the derivative along the direction that the gradient gives.
        numeric: the derivative along the direction that was measured.
        uncertainty: how well the measured one is known.
        allowed: the largest difference that would have been accepted.
        sides: the one-sided derivatives, from the left and from the right, at a corner.
        element: the worst element, where a search found one.
        note: anything else worth knowing.
    """

    verdict: Verdict
    order: int
    input: int | None = None
    direction: int = 0
    analytic: float = 0.0
    numeric: float = 0.0
    uncertainty: float = 0.0
    allowed: float = 0.0
    sides: tuple[float, float] | None = None
    element: Element | None = None
    note: str = ""

    @property
    def error(self) -> float:
        """How far the two derivatives are apart."""
        return abs(self.analytic - self.numeric)

    def lines(self, inputs: dict[int, str]) -> Iterator[str]:
        """Yields the lines of the report; `inputs` describes the inputs by position."""
        order = "first" if self.order == 1 else "second"
        where = "an output" if self.input is None else inputs.get(self.input, f"input {self.input}")
        yield f"{self.verdict.value}: {where}, {order} order, direction {self.direction}"
        if self.verdict is not Verdict.NONDETERMINISTIC:
            yield f"    analytic {self.analytic:.12g}"
            yield f"    numeric  {self.numeric:.12g} (+- {self.uncertainty:.1g})"
            yield f"    error    {self.error:.3g}, allowed {self.allowed:.3g}"
        if self.sides is not None:
            left, right = self.sides
            yield f"    sides    {left:.6g} from the left, {right:.6g} from the right"
        if self.element is not None:
            yield f"    worst {self.element}"
        if self.note:
            yield f"    note: {self.note}"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a gradient check; true if everything agreed.

    Attributes:
        name: the function that was checked.
        place: device and dtype of the gradient, and where the numeric side was computed.
        inputs: descriptions of the checked inputs, by position.
        checks: number of comparisons.
        worst: the largest error among them, in units of what was allowed.
        findings: the comparisons that did not end well.
        blame: the op that they come from, and the line that called it.
    """

    name: str
    place: str
    inputs: dict[int, str]
    checks: int = 0
    worst: float = 0.0
    findings: tuple[Finding, ...] = field(default=())
    blame: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the findings."""
        found = [finding.verdict for finding in self.findings]
        return max(found, key=lambda v: v.severity, default=Verdict.OK)

    def __bool__(self) -> bool:
        return self.verdict is Verdict.OK

    def __add__(self, other: Report) -> Report:
        """The report of both checks."""
        return Report(
            self.name,
            self.place,
            self.inputs | {k: v for k, v in other.inputs.items() if k not in self.inputs},
            self.checks + other.checks,
            max(self.worst, other.worst),
            self.findings + other.findings,
            self.blame or other.blame,
        )

    def __str__(self) -> str:
        head = f"gradcheck of {self.name} on {self.place}: {self.verdict.value}"
        if self:
            return f"{head} ({self.checks} comparisons, largest error {self.worst:.1e} of allowed)"
        shown = self.findings[:8]
        lines = [head, *(f"  {line}" for found in shown for line in found.lines(self.inputs))]
        if len(self.findings) > len(shown):
            lines.append(f"  and {len(self.findings) - len(shown)} more")
        if self.blame:
            lines.append(f"  op: {self.blame}")
        return "\n".join([*lines, f"  what to do: {_ADVICE[self.verdict]}"])


class GradcheckError(TinygradError, AssertionError):
    """A gradient check that did not end with `Verdict.OK`.

    Attributes:
        report: what was found.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report
