"""A gradient compared with measured derivatives: along a direction, by input, by element."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from tinygrad_cl import dtypes
from tinygrad_cl.dtypes import DType
from tinygrad_cl.testing.evaluation import Arrays, Evaluation
from tinygrad_cl.testing.numeric import Estimate, derivative
from tinygrad_cl.testing.report import Element, Finding, Verdict

_SEARCHED = 64  # elements that are looked at one by one; larger inputs are halved first


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may differ between the two sides, and how the measured one is taken.

    Attributes:
        atol, rtol: absolute, and relative to the derivative.
        loose: the relative difference up to which a gradient is imprecise and not wrong.
        eps: the largest step.
        precision: relative rounding error of the values of the numeric side.
    """

    atol: float
    rtol: float
    loose: float
    eps: float
    precision: float


_BY_DTYPE = {
    dtypes.float64: Tolerance(1e-7, 1e-6, 1e-4, 1e-3, 2.3e-16),
    dtypes.float32: Tolerance(1e-5, 1e-4, 1e-2, 1e-3, 2.3e-16),
    dtypes.float16: Tolerance(2e-2, 2e-2, 1e-1, 1e-3, 2.3e-16),
    dtypes.bfloat16: Tolerance(5e-2, 5e-2, 3e-1, 1e-3, 2.3e-16),
}
_NARROW = {
    dtypes.float32: Tolerance(5e-3, 2e-2, 2e-1, 3e-2, 1.2e-7),
    dtypes.float16: Tolerance(2e-1, 2e-1, 1.0, 2.5e-1, 1e-3),
    dtypes.bfloat16: Tolerance(5e-1, 5e-1, 2.0, 5e-1, 8e-3),
}


def tolerance_of(
    narrowest: DType, in_float64: bool, eps: float | None, atol: float | None, rtol: float | None
) -> Tolerance:
    """Returns the tolerance of a dtype, for derivatives measured in float64 or in that dtype."""
    found = (_BY_DTYPE if in_float64 else _NARROW)[narrowest]
    if eps is not None:
        found = replace(found, eps=eps)
    if atol is not None:
        found = replace(found, atol=atol)
    if rtol is not None:
        found = replace(found, rtol=rtol, loose=max(found.loose, 10 * rtol))
    return found


@dataclass(slots=True)
class Comparison:
    """Compares the gradient of one evaluation with the values of another.

    Attributes:
        own: where the gradient is computed.
        numeric: where values are measured.
        arrays: the checked inputs.
        checks: number of comparisons so far.
        worst: the largest error so far, in units of what was allowed.
    """

    own: Evaluation
    numeric: Evaluation
    arrays: Arrays
    tolerance: Tolerance
    order: int
    checks: int = 0
    worst: float = 0.0
    cotangents: Arrays = field(default_factory=list)
    at_zero: float = 0.0

    def run(self, direction: int, cotangents: Arrays, rng: np.random.Generator) -> list[Finding]:
        """Compares along one random direction through all inputs; returns what did not end well."""
        self.cotangents = cotangents
        _, gradients = self.own.gradient(self.arrays, cotangents)
        self.at_zero = self._weighted(self.arrays)
        vectors = [rng.standard_normal(array.shape) for array in self.arrays]
        self.checks += 1
        joint = self._compare(gradients, vectors)
        if joint.verdict is Verdict.OK:
            self.worst = max(self.worst, joint.error / joint.allowed)
            return []
        found = []
        for k in range(len(self.arrays)):
            alone = [v if i == k else np.zeros_like(v) for i, v in enumerate(vectors)]
            finding = self._compare(gradients, alone)
            if finding.verdict is not Verdict.OK:
                found.append(self._search(k, finding, gradients, vectors[k]))
        return [
            replace(finding, direction=direction, order=self.order) for finding in found or [joint]
        ]

    def _compare(self, gradients: list[np.ndarray | None], vectors: Arrays) -> Finding:
        """Compares along the direction `vectors`."""
        products = [
            np.zeros(v.shape) if g is None else g * v
            for g, v in zip(gradients, vectors, strict=True)
        ]
        analytic = math.fsum(float(p.sum()) for p in products)
        norm = math.sqrt(math.fsum(float(np.square(p).sum()) for p in products))
        tolerance = self.tolerance
        estimate = self._measure(vectors, tolerance.eps, norm)
        finding = self._judge(analytic, norm, estimate)
        if finding.verdict is not Verdict.OK and tolerance.precision < 1e-12:
            closer = self._judge(analytic, norm, self._measure(vectors, tolerance.eps / 100, norm))
            if closer.verdict.severity <= finding.verdict.severity:
                finding = closer  # a corner, or the edge of the domain, was within the first step
        return finding

    def _measure(self, vectors: Arrays, step: float, norm: float) -> Estimate:
        moved = [i for i, v in enumerate(vectors) if v.any()]

        def along(t: float) -> float:
            arrays = list(self.arrays)
            for i in moved:
                arrays[i] = self.arrays[i].astype(np.float64) + t * vectors[i]
            return self._weighted(arrays)

        wanted = 0.1 * (self.tolerance.atol + self.tolerance.rtol * norm)
        return derivative(along, self.at_zero, step, self.tolerance.precision, wanted)

    def _weighted(self, arrays: Arrays) -> float:
        """The sum of the outputs at `arrays`, weighted by the cotangents."""
        outputs = self.numeric.values(arrays)
        pairs = zip(outputs, self.cotangents, strict=True)
        with np.errstate(all="ignore"):
            return float(sum(float((out * u).sum()) for out, u in pairs))

    def _judge(self, analytic: float, norm: float, measured: Estimate) -> Finding:
        tolerance = self.tolerance
        scale = max(abs(analytic), abs(measured.value), norm)
        allowed = tolerance.atol + tolerance.rtol * scale
        error = abs(analytic - measured.value)
        finding = Finding(
            Verdict.WRONG,
            self.order,
            analytic=analytic,
            numeric=measured.value,
            uncertainty=measured.uncertainty,
            allowed=allowed,
        )
        imprecise = replace(finding, verdict=Verdict.IMPRECISE)
        if not measured.finite:
            return replace(imprecise, note="the function has no finite value here or nearby")
        if not math.isfinite(analytic):
            return replace(
                finding, note="the gradient is not finite although the values nearby are"
            )
        if error <= allowed:
            return replace(finding, verdict=Verdict.OK)
        if measured.kink:
            return replace(finding, verdict=Verdict.KINK, sides=(measured.left, measured.right))
        if measured.uncertainty > allowed and error <= 10 * measured.uncertainty:
            return replace(imprecise, note="the derivative cannot be measured well enough")
        if error <= tolerance.atol + tolerance.loose * scale:
            return replace(imprecise, note="the leading digits agree")
        return finding

    def _search(
        self, k: int, found: Finding, gradients: list[np.ndarray | None], vector: np.ndarray
    ) -> Finding:
        """Looks for the worst element of input `k`: it tells a corner from a wrong gradient."""
        note = found.note
        if gradients[k] is None:
            note = "no gradient came back for this input (None), although the outputs depend on it"
        finding = replace(found, input=self.own.checked[k], note=note)
        worst: tuple[int, float] = (0, 0.0)
        for place in self._narrow(k, gradients, vector):
            single = self._one(k, gradients, place)
            outside = single.verdict is Verdict.KINK and _outside(single)
            verdict = Verdict.WRONG if outside else single.verdict
            rank = (verdict.severity, single.error if math.isfinite(single.error) else math.inf)
            if rank > worst:
                worst = rank
                index = tuple(int(i) for i in np.unravel_index(place, vector.shape))
                element = Element(index, single.analytic, single.numeric)
                finding = replace(finding, verdict=verdict, element=element)
        return finding

    def _one(self, k: int, gradients: list[np.ndarray | None], place: int) -> Finding:
        vectors = [np.zeros(a.shape) for a in self.arrays]
        vectors[k].reshape(-1)[place] = 1.0
        return self._compare(gradients, vectors)

    def _narrow(self, k: int, gradients: list[np.ndarray | None], vector: np.ndarray) -> list[int]:
        """Halves the elements of input `k`, following the worse half, until few are left."""
        places = np.arange(vector.size)
        while places.size > _SEARCHED:
            halves = np.array_split(places, 2)
            errors = []
            for half in halves:
                vectors = [np.zeros(a.shape) for a in self.arrays]
                vectors[k].reshape(-1)[half] = vector.reshape(-1)[half]
                finding = self._compare(gradients, vectors)
                errors.append(finding.error if math.isfinite(finding.error) else math.inf)
            places = halves[int(np.argmax(errors))]
        return [int(p) for p in places]


def _outside(finding: Finding) -> bool:
    """True if the analytic value at a corner is none between the two one-sided derivatives."""
    assert finding.sides is not None
    low, high = min(finding.sides), max(finding.sides)
    margin = 10 * finding.allowed + 1e-3 * (high - low)
    return not low - margin <= finding.analytic <= high + margin
