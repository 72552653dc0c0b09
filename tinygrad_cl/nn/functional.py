"""The functions behind the layers, under the names of `torch.nn.functional`."""

from __future__ import annotations

from tinygrad_cl.functional.activation import elu as elu
from tinygrad_cl.functional.activation import gelu as gelu
from tinygrad_cl.functional.activation import hardtanh as hardtanh
from tinygrad_cl.functional.activation import leaky_relu as leaky_relu
from tinygrad_cl.functional.activation import log_softmax as log_softmax
from tinygrad_cl.functional.activation import logsigmoid as logsigmoid
from tinygrad_cl.functional.activation import mish as mish
from tinygrad_cl.functional.activation import relu as relu
from tinygrad_cl.functional.activation import relu6 as relu6
from tinygrad_cl.functional.activation import selu as selu
from tinygrad_cl.functional.activation import sigmoid as sigmoid
from tinygrad_cl.functional.activation import silu as silu
from tinygrad_cl.functional.activation import softmax as softmax
from tinygrad_cl.functional.activation import softplus as softplus
from tinygrad_cl.functional.activation import softsign as softsign
from tinygrad_cl.functional.activation import tanh as tanh
from tinygrad_cl.functional.conv import conv1d as conv1d
from tinygrad_cl.functional.conv import conv2d as conv2d
from tinygrad_cl.functional.conv import conv_transpose2d as conv_transpose2d
from tinygrad_cl.functional.dropout import dropout as dropout
from tinygrad_cl.functional.dropout import dropout2d as dropout2d
from tinygrad_cl.functional.index import embedding as embedding
from tinygrad_cl.functional.index import one_hot as one_hot
from tinygrad_cl.functional.loss import binary_cross_entropy as binary_cross_entropy
from tinygrad_cl.functional.loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from tinygrad_cl.functional.loss import cross_entropy as cross_entropy
from tinygrad_cl.functional.loss import huber_loss as huber_loss
from tinygrad_cl.functional.loss import kl_div as kl_div
from tinygrad_cl.functional.loss import l1_loss as l1_loss
from tinygrad_cl.functional.loss import mse_loss as mse_loss
from tinygrad_cl.functional.loss import nll_loss as nll_loss
from tinygrad_cl.functional.loss import smooth_l1_loss as smooth_l1_loss
from tinygrad_cl.functional.matmul import linear as linear
from tinygrad_cl.functional.movement import pad as pad
from tinygrad_cl.functional.norm import batch_norm as batch_norm
from tinygrad_cl.functional.norm import cosine_similarity as cosine_similarity
from tinygrad_cl.functional.norm import group_norm as group_norm
from tinygrad_cl.functional.norm import layer_norm as layer_norm
from tinygrad_cl.functional.norm import normalize as normalize
from tinygrad_cl.functional.pool import adaptive_avg_pool2d as adaptive_avg_pool2d
from tinygrad_cl.functional.pool import avg_pool1d as avg_pool1d
from tinygrad_cl.functional.pool import avg_pool2d as avg_pool2d
from tinygrad_cl.functional.pool import max_pool1d as max_pool1d
from tinygrad_cl.functional.pool import max_pool2d as max_pool2d
from tinygrad_cl.functional.views import flatten as flatten
from tinygrad_cl.functional.views import unflatten as unflatten

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "group_norm",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
    "unflatten",
]
