"""Files: states and checkpoints as NPZ or safetensors, written whole or not at all, never pickled.

The rooms: state.py (`save`, `load`), checkpoint.py (`save_checkpoint`, `load_checkpoint`), tree.py
(how nested states become named arrays and JSON), npz.py and safetensors.py (the two formats),
atomic.py (writing a file so that a crash leaves the old or the new one); pyn.py (`.pyn` networks;
pynvalues.py has their values, pynlayers.py their layers), samples.py (`.bin` sample caches).
"""

from __future__ import annotations

from tinygrad_cl.io.checkpoint import Checkpoint as Checkpoint
from tinygrad_cl.io.checkpoint import load_checkpoint as load_checkpoint
from tinygrad_cl.io.checkpoint import save_checkpoint as save_checkpoint
from tinygrad_cl.io.pyn import read_pyn as read_pyn
from tinygrad_cl.io.pyn import write_pyn as write_pyn
from tinygrad_cl.io.samples import read_samples as read_samples
from tinygrad_cl.io.samples import write_samples as write_samples
from tinygrad_cl.io.state import load as load
from tinygrad_cl.io.state import save as save

__all__ = [
    "Checkpoint",
    "load",
    "load_checkpoint",
    "read_pyn",
    "read_samples",
    "save",
    "save_checkpoint",
    "write_pyn",
    "write_samples",
]
