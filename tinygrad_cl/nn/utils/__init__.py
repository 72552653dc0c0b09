"""Helpers around layers: clipping, parameters as a vector, norms of weights, sequences.

`rnn`: padded and packed sequences. `parametrize`, `parametrizations`: parameters made of others.
"""

from __future__ import annotations

from tinygrad_cl.nn.utils import parametrizations as parametrizations
from tinygrad_cl.nn.utils import parametrize as parametrize
from tinygrad_cl.nn.utils import rnn as rnn
from tinygrad_cl.nn.utils.clip import clip_grad_norm_ as clip_grad_norm_
from tinygrad_cl.nn.utils.clip import clip_grad_value_ as clip_grad_value_
from tinygrad_cl.nn.utils.clip import clip_grads_with_norm_ as clip_grads_with_norm_
from tinygrad_cl.nn.utils.clip import get_total_norm as get_total_norm
from tinygrad_cl.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from tinygrad_cl.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from tinygrad_cl.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from tinygrad_cl.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
from tinygrad_cl.nn.utils.fusion import skip_init as skip_init
from tinygrad_cl.nn.utils.norms import remove_spectral_norm as remove_spectral_norm
from tinygrad_cl.nn.utils.norms import remove_weight_norm as remove_weight_norm
from tinygrad_cl.nn.utils.norms import spectral_norm as spectral_norm
from tinygrad_cl.nn.utils.norms import weight_norm as weight_norm
from tinygrad_cl.nn.utils.vectors import parameters_to_vector as parameters_to_vector
from tinygrad_cl.nn.utils.vectors import vector_to_parameters as vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
