"""A whole process: imports a library, makes a net, and finishes one training step.

python -m benchmarks.first_step LIBRARY VARIANT NET BATCH
"""

from __future__ import annotations

import math
import sys
import time

from benchmarks import nets
from benchmarks.worker import STEPS, make


def main() -> None:
    """Prints seconds of the import and of the rest, once the loss is known."""
    library, variant, net, size = sys.argv[1:]
    begin = time.perf_counter()
    __import__(library)
    imported = time.perf_counter()
    step = make(STEPS, library)(nets.NETS[net], int(size), variant)
    loss = step.loss(step.run())
    step.wait()
    done = time.perf_counter()
    assert math.isfinite(loss), loss
    print(f"{imported - begin:.6f} {done - imported:.6f}", flush=True)


if __name__ == "__main__":
    main()
