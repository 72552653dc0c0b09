"""Normalizers: fitted to the training data, applied to every input, undone, saved with the model.

The rows here are their statistics and formulas; normalizer.py holds what they share.
"""

from __future__ import annotations

import numpy as np

from tinygrad_cl.data.normalizer import Constants, Per
from tinygrad_cl.data.normalizer import Normalizer as Normalizer
from tinygrad_cl.errors import DataError


class ZScore(Normalizer):
    """Zero mean and unit standard deviation: `(x - mean) / std`.

    Where all samples are equal, such as a pixel that is always black, or where the standard
    deviation is at most `min_std`, the divisor is 1: nothing blows up when a new sample differs.
    The standard deviation is the population's, as PyTorch's `std(correction=0)`.

    Args:
        per: "feature", "channel" or "global"; see `Normalizer`.
        channel_dim: where the channels stand.
        min_std: a standard deviation up to which values count as constant.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0, 7.0], [2.0, 7.0]])
        >>> scaler = ZScore().fit(x)
        >>> scaler.transform(x).tolist(), scaler.transform(np.array([[1.0, 8.0]])).tolist()
        ([[-1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0]])
    """

    names = ("mean", "variance", "least", "most")
    settings = ("min_std",)

    def __init__(self, per: Per = "feature", channel_dim: int = 1, min_std: float = 0.0) -> None:
        super().__init__(per, channel_dim)
        self.min_std = float(min_std)

    @property
    def mean(self) -> np.ndarray:
        """The means, float64."""
        return self.fitted["mean"]

    @property
    def std(self) -> np.ndarray:
        """The divisors, float64: standard deviations, and 1 for constants."""
        return self._constants()[1]

    def _statistics(self, array: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
        mean = array.mean(dims, dtype=np.float64, keepdims=True)
        variance = np.square(array - mean).mean(dims, keepdims=True)[0]
        return {"mean": mean[0], "variance": variance} | _extremes(array, dims)

    def _merged(self, new: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        # Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm", 1979.
        old, share = self.fitted, count / (self.count + count)
        apart = new["mean"] - old["mean"]
        within = old["variance"] * (1 - share) + new["variance"] * share
        return {
            "mean": old["mean"] + apart * share,
            "variance": within + np.square(apart) * share * (1 - share),
            "least": np.minimum(old["least"], new["least"]),
            "most": np.maximum(old["most"], new["most"]),
        }

    def _constants(self) -> Constants:
        fitted = self.fitted
        std = np.sqrt(fitted["variance"])
        # Rounding may leave a constant with a tiny variance, so equal bounds decide.
        equal = fitted["least"] == fitted["most"]
        divisor = np.where(equal | (std <= self.min_std), 1.0, std)
        return np.where(equal, fitted["least"], fitted["mean"]), divisor, np.zeros_like(std)


class MinMax(Normalizer):
    """From the data's own bounds to those of a range: the least becomes `low`, the most `high`.

    Constants become `low`; new data may lie outside the range.

    Args:
        low: what the least value becomes.
        high: what the greatest value becomes.
        per: "feature", "channel" or "global"; see `Normalizer`.
        channel_dim: where the channels stand.

    Raises:
        DataError: if `low` is not below `high`.

    Example:
        >>> import numpy as np
        >>> MinMax(-1, 1, per="global").fit_transform(np.array([0.0, 5.0, 10.0])).tolist()
        [-1.0, 0.0, 1.0]
    """

    names = ("least", "most")
    settings = ("low", "high")

    def __init__(
        self,
        low: float = 0.0,
        high: float = 1.0,
        per: Per = "feature",
        channel_dim: int = 1,
    ) -> None:
        super().__init__(per, channel_dim)
        if not low < high:
            raise DataError(f"MinMax: low must be below high, got {low} and {high}")
        self.low, self.high = float(low), float(high)

    def _statistics(self, array: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
        return _extremes(array, dims)

    def _merged(self, new: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        least = np.minimum(self.fitted["least"], new["least"])
        return {"least": least, "most": np.maximum(self.fitted["most"], new["most"])}

    def _constants(self) -> Constants:
        least, most = self.fitted["least"], self.fitted["most"]
        # Halves first: the difference of two huge numbers may overflow.
        scale = (most / 2 - least / 2) / (self.high / 2 - self.low / 2)
        return least, np.where(scale > 0, scale, 1.0), np.full_like(least, self.low)


class DecimalScaling(Normalizer):
    """Division by the least power of ten that brings every absolute value below 1.

    Args:
        per: "feature", "channel" or "global"; see `Normalizer`.
        channel_dim: where the channels stand.

    Example:
        >>> import numpy as np
        >>> DecimalScaling().fit_transform(np.array([[-250.0, 0.5], [40.0, 0.1]])).tolist()
        [[-0.25, 0.5], [0.04, 0.1]]
    """

    names = ("largest",)

    def _statistics(self, array: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
        found = _extremes(array, dims)
        return {"largest": np.maximum(np.abs(found["least"]), np.abs(found["most"]))}

    def _merged(self, new: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        return {"largest": np.maximum(self.fitted["largest"], new["largest"])}

    def _constants(self) -> Constants:
        largest = self.fitted["largest"]
        digits = np.floor(np.log10(np.maximum(largest, 0.1))) + 1
        digits -= largest < 10.0 ** (digits - 1)  # the logarithm may be rounded up or down
        with np.errstate(over="ignore"):
            digits += largest >= 10.0**digits
            zeros = np.zeros_like(largest)
            return zeros, 10.0 ** np.maximum(digits, 0), zeros


def _extremes(array: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
    least, most = array.min(dims, keepdims=True)[0], array.max(dims, keepdims=True)[0]
    return {"least": least.astype(np.float64), "most": most.astype(np.float64)}
