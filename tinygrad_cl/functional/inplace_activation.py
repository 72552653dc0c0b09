"""In-place forms of activations, under the names of `torch.nn.functional`."""

from __future__ import annotations

from tinygrad_cl.functional import activation, piecewise
from tinygrad_cl.functional.inplace_math import in_place

elu_ = in_place(activation.elu)
selu_ = in_place(activation.selu)
celu_ = in_place(piecewise.celu)
rrelu_ = in_place(piecewise.rrelu)
hardtanh_ = in_place(activation.hardtanh)
leaky_relu_ = in_place(activation.leaky_relu)
threshold_ = in_place(piecewise.threshold)
