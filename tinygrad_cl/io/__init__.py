"""Files: states, checkpoints and nets, written whole or not at all, never pickled.

The rooms: state.py (`save`, `load`), checkpoint.py (`save_checkpoint`, `load_checkpoint`; owners.py
says whose states), tree.py (how nested states become named arrays and JSON), npz.py, safetensors.py
and pt.py (the formats of states; unpickle.py reads pickles and runs nothing, ptvalues.py knows
PyTorch's), atomic.py (writing a file so that a crash leaves the old or the new one), reading.py
(files that nobody vouches for); pyn.py (`.pyn` networks; pynvalues.py has their values,
pynlayers.py their layers), jsonnet.py (JSON models; jsonlayers.py and jsonwriting.py have their
layers, hdf5.py and hdf5data.py their arrays), samples.py (`.bin` sample caches), converting.py
(`convert`).
"""

from __future__ import annotations

from tinygrad_cl.io.checkpoint import Checkpoint as Checkpoint
from tinygrad_cl.io.checkpoint import load_checkpoint as load_checkpoint
from tinygrad_cl.io.checkpoint import save_checkpoint as save_checkpoint
from tinygrad_cl.io.converting import convert as convert
from tinygrad_cl.io.jsonnet import read_json_net as read_json_net
from tinygrad_cl.io.jsonnet import write_json_net as write_json_net
from tinygrad_cl.io.pt import load_pt as load_pt
from tinygrad_cl.io.pt import save_pt as save_pt
from tinygrad_cl.io.pyn import read_pyn as read_pyn
from tinygrad_cl.io.pyn import write_pyn as write_pyn
from tinygrad_cl.io.samples import read_samples as read_samples
from tinygrad_cl.io.samples import write_samples as write_samples
from tinygrad_cl.io.state import load as load
from tinygrad_cl.io.state import save as save

__all__ = [
    "Checkpoint",
    "convert",
    "load",
    "load_checkpoint",
    "load_pt",
    "read_json_net",
    "read_pyn",
    "read_samples",
    "save",
    "save_checkpoint",
    "save_pt",
    "write_json_net",
    "write_pyn",
    "write_samples",
]
