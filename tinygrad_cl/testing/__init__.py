"""Tools for tests: gradient checks and comparisons.

The rooms: compare.py (`assert_close`), samples.py and plugin.py (for pytest), shadow.py and
bounds.py (kernels beside their references), gradcheck.py, and behind it evaluation.py (a function
of arrays), numeric.py (measured derivatives), directions.py (one comparison), blame.py (the op that
failed), report.py (what is shown). differences.py has the measured gradients themselves.
"""

from __future__ import annotations

from tinygrad_cl.testing.compare import assert_close as assert_close
from tinygrad_cl.testing.compare import ulps as ulps
from tinygrad_cl.testing.differences import numeric_derivative as numeric_derivative
from tinygrad_cl.testing.differences import numeric_gradient as numeric_gradient
from tinygrad_cl.testing.gradcheck import gradcheck as gradcheck
from tinygrad_cl.testing.gradcheck import gradgradcheck as gradgradcheck
from tinygrad_cl.testing.report import Element as Element
from tinygrad_cl.testing.report import Finding as Finding
from tinygrad_cl.testing.report import GradcheckError as GradcheckError
from tinygrad_cl.testing.report import Report as Report
from tinygrad_cl.testing.report import Verdict as Verdict
from tinygrad_cl.testing.samples import Sample as Sample
from tinygrad_cl.testing.samples import gradcheck_cases as gradcheck_cases
from tinygrad_cl.testing.shadow import Seen as Seen
from tinygrad_cl.testing.shadow import shadow as shadow

__all__ = [
    "Element",
    "Finding",
    "GradcheckError",
    "Report",
    "Sample",
    "Seen",
    "Verdict",
    "assert_close",
    "gradcheck",
    "gradcheck_cases",
    "gradgradcheck",
    "numeric_derivative",
    "numeric_gradient",
    "shadow",
    "ulps",
]
