"""The exceptions of tinygrad_cl.

Every error that the library raises on purpose derives from `TinygradError`, and also from the
built-in exception that a Python user would expect (`ValueError`, `TypeError`, `RuntimeError`), so
that either can be caught. A message names the op, what was needed, what came, and what to do.
"""

from __future__ import annotations


class TinygradError(Exception):
    """Base class of every error that the library raises on purpose."""


class ShapeError(TinygradError, ValueError):
    """Shapes, dims or sizes that do not fit an op."""


class DTypeError(TinygradError, TypeError):
    """A dtype that an op, a device or a layer cannot take."""


class DeviceError(TinygradError, RuntimeError):
    """A device that is missing, unusable, or mixed with another one."""


class DeviceMemoryError(DeviceError, MemoryError):
    """A device that has no room for a buffer; the message lists the largest holders."""


class GradientError(TinygradError, RuntimeError):
    """A gradient that cannot be computed, such as a second `backward` through a released graph."""


class BuildError(TinygradError, RuntimeError):
    """OpenCL C that did not compile.

    Attributes:
        log: what the compiler said.
        source: the source, with line numbers.
    """

    def __init__(self, message: str, log: str = "", source: str = "") -> None:
        super().__init__(message)
        self.log = log
        self.source = source


class LinAlgError(TinygradError, RuntimeError):
    """A matrix for which there is no answer: singular, or not positive definite."""


class DataError(TinygradError, ValueError):
    """A file or data set that is missing, malformed or inconsistent."""


class ArgumentError(TinygradError, ValueError):
    """An argument whose value an op, a layer or an optimizer cannot take."""


class ModuleError(TinygradError, AttributeError, TypeError):
    """A parameter, buffer or child that a module cannot register or assign."""


class StateError(TinygradError, RuntimeError):
    """A saved state whose keys, shapes or groups do not fit what loads it."""


class ProcessError(TinygradError, RuntimeError):
    """A process that works with others (`tinygrad_cl.distributed`) failed, or does not answer."""


class SettingError(TinygradError, ValueError):
    """An environment variable of the library with a value that it cannot have."""


class AnomalyError(TinygradError, RuntimeError):
    """The first NaN or infinity that was made under `autograd.detect_anomaly`.

    Attributes:
        op: what made it: `<log 3 float32>`.
        shape: the shape of its result.
        direction: "forward" or "backward".
        line: file, number, function and text of the line that made the (forward) op; "" if unknown.
    """

    def __init__(
        self, message: str, op: str, shape: tuple[int, ...], direction: str, line: str
    ) -> None:
        super().__init__(message)
        self.op = op
        self.shape = shape
        self.direction = direction
        self.line = line


class DivergenceError(TinygradError, AssertionError):
    """A kernel whose result is not that of the NumPy reference, seen under `testing.shadow`.

    Attributes:
        ops: the names of the primitives that the kernel computes.
        shape: the shape of the result.
        ulps: the largest difference in units of the last place; infinite where one side is not
            finite and the other is.
        absolute: the largest difference.
        line: file, number, function and text of the line that made the result; "" if unknown.
    """

    def __init__(
        self,
        message: str,
        ops: tuple[str, ...],
        shape: tuple[int, ...],
        ulps: float,
        absolute: float,
        line: str,
    ) -> None:
        super().__init__(message)
        self.ops = ops
        self.shape = shape
        self.ulps = ulps
        self.absolute = absolute
        self.line = line
