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
from tinygrad_cl.functional.adaptive import adaptive_avg_pool1d as adaptive_avg_pool1d
from tinygrad_cl.functional.adaptive import adaptive_avg_pool2d as adaptive_avg_pool2d
from tinygrad_cl.functional.adaptive import adaptive_avg_pool3d as adaptive_avg_pool3d
from tinygrad_cl.functional.adaptive import adaptive_max_pool1d as adaptive_max_pool1d
from tinygrad_cl.functional.adaptive import adaptive_max_pool2d as adaptive_max_pool2d
from tinygrad_cl.functional.adaptive import adaptive_max_pool3d as adaptive_max_pool3d
from tinygrad_cl.functional.attention import bilinear as bilinear
from tinygrad_cl.functional.attention import (
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from tinygrad_cl.functional.batch_norm import batch_norm as batch_norm
from tinygrad_cl.functional.channel_norm import instance_norm as instance_norm
from tinygrad_cl.functional.channel_norm import local_response_norm as local_response_norm
from tinygrad_cl.functional.channel_norm import rms_norm as rms_norm
from tinygrad_cl.functional.conv import conv1d as conv1d
from tinygrad_cl.functional.conv import conv2d as conv2d
from tinygrad_cl.functional.conv import conv_transpose2d as conv_transpose2d
from tinygrad_cl.functional.conv3d import conv3d as conv3d
from tinygrad_cl.functional.conv3d import conv_transpose1d as conv_transpose1d
from tinygrad_cl.functional.conv3d import conv_transpose3d as conv_transpose3d
from tinygrad_cl.functional.distance import cosine_embedding_loss as cosine_embedding_loss
from tinygrad_cl.functional.distance import pairwise_distance as pairwise_distance
from tinygrad_cl.functional.distance import triplet_margin_loss as triplet_margin_loss
from tinygrad_cl.functional.distance import (
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from tinygrad_cl.functional.dropout import alpha_dropout as alpha_dropout
from tinygrad_cl.functional.dropout import dropout as dropout
from tinygrad_cl.functional.dropout import dropout1d as dropout1d
from tinygrad_cl.functional.dropout import dropout2d as dropout2d
from tinygrad_cl.functional.dropout import dropout3d as dropout3d
from tinygrad_cl.functional.dropout import feature_alpha_dropout as feature_alpha_dropout
from tinygrad_cl.functional.embedding import embedding as embedding
from tinygrad_cl.functional.embedding import embedding_bag as embedding_bag
from tinygrad_cl.functional.index import one_hot as one_hot
from tinygrad_cl.functional.inplace import relu_ as relu_
from tinygrad_cl.functional.inplace_activation import celu_ as celu_
from tinygrad_cl.functional.inplace_activation import elu_ as elu_
from tinygrad_cl.functional.inplace_activation import hardtanh_ as hardtanh_
from tinygrad_cl.functional.inplace_activation import leaky_relu_ as leaky_relu_
from tinygrad_cl.functional.inplace_activation import rrelu_ as rrelu_
from tinygrad_cl.functional.inplace_activation import selu_ as selu_
from tinygrad_cl.functional.inplace_activation import threshold_ as threshold_
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
from tinygrad_cl.functional.loss_more import linear_cross_entropy as linear_cross_entropy
from tinygrad_cl.functional.loss_more import log_cosh_loss as log_cosh_loss
from tinygrad_cl.functional.loss_more import pdist as pdist
from tinygrad_cl.functional.margin_loss import gaussian_nll_loss as gaussian_nll_loss
from tinygrad_cl.functional.margin_loss import hinge_embedding_loss as hinge_embedding_loss
from tinygrad_cl.functional.margin_loss import margin_ranking_loss as margin_ranking_loss
from tinygrad_cl.functional.margin_loss import multi_margin_loss as multi_margin_loss
from tinygrad_cl.functional.margin_loss import multilabel_margin_loss as multilabel_margin_loss
from tinygrad_cl.functional.margin_loss import (
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
)
from tinygrad_cl.functional.margin_loss import poisson_nll_loss as poisson_nll_loss
from tinygrad_cl.functional.margin_loss import soft_margin_loss as soft_margin_loss
from tinygrad_cl.functional.matmul import linear as linear
from tinygrad_cl.functional.movement import pad as pad
from tinygrad_cl.functional.multihead import (
    multi_head_attention_forward as multi_head_attention_forward,
)
from tinygrad_cl.functional.norm import cosine_similarity as cosine_similarity
from tinygrad_cl.functional.norm import group_norm as group_norm
from tinygrad_cl.functional.norm import layer_norm as layer_norm
from tinygrad_cl.functional.norm import normalize as normalize
from tinygrad_cl.functional.older_names import (
    adaptive_max_pool1d_with_indices as adaptive_max_pool1d_with_indices,
)
from tinygrad_cl.functional.older_names import (
    adaptive_max_pool2d_with_indices as adaptive_max_pool2d_with_indices,
)
from tinygrad_cl.functional.older_names import (
    adaptive_max_pool3d_with_indices as adaptive_max_pool3d_with_indices,
)
from tinygrad_cl.functional.older_names import (
    fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices,
)
from tinygrad_cl.functional.older_names import (
    fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices,
)
from tinygrad_cl.functional.older_names import max_pool1d_with_indices as max_pool1d_with_indices
from tinygrad_cl.functional.older_names import max_pool2d_with_indices as max_pool2d_with_indices
from tinygrad_cl.functional.older_names import max_pool3d_with_indices as max_pool3d_with_indices
from tinygrad_cl.functional.older_names import upsample as upsample
from tinygrad_cl.functional.older_names import upsample_bilinear as upsample_bilinear
from tinygrad_cl.functional.older_names import upsample_nearest as upsample_nearest
from tinygrad_cl.functional.piecewise import celu as celu
from tinygrad_cl.functional.piecewise import glu as glu
from tinygrad_cl.functional.piecewise import gumbel_softmax as gumbel_softmax
from tinygrad_cl.functional.piecewise import hardshrink as hardshrink
from tinygrad_cl.functional.piecewise import hardsigmoid as hardsigmoid
from tinygrad_cl.functional.piecewise import hardswish as hardswish
from tinygrad_cl.functional.piecewise import prelu as prelu
from tinygrad_cl.functional.piecewise import rrelu as rrelu
from tinygrad_cl.functional.piecewise import softmin as softmin
from tinygrad_cl.functional.piecewise import softshrink as softshrink
from tinygrad_cl.functional.piecewise import tanhshrink as tanhshrink
from tinygrad_cl.functional.piecewise import threshold as threshold
from tinygrad_cl.functional.pool import avg_pool1d as avg_pool1d
from tinygrad_cl.functional.pool import avg_pool2d as avg_pool2d
from tinygrad_cl.functional.pool import max_pool1d as max_pool1d
from tinygrad_cl.functional.pool import max_pool2d as max_pool2d
from tinygrad_cl.functional.pool3d import avg_pool3d as avg_pool3d
from tinygrad_cl.functional.pool3d import max_pool3d as max_pool3d
from tinygrad_cl.functional.pool_more import fractional_max_pool2d as fractional_max_pool2d
from tinygrad_cl.functional.pool_more import fractional_max_pool3d as fractional_max_pool3d
from tinygrad_cl.functional.pool_more import lp_pool1d as lp_pool1d
from tinygrad_cl.functional.pool_more import lp_pool2d as lp_pool2d
from tinygrad_cl.functional.pool_more import lp_pool3d as lp_pool3d
from tinygrad_cl.functional.pool_more import max_unpool1d as max_unpool1d
from tinygrad_cl.functional.pool_more import max_unpool2d as max_unpool2d
from tinygrad_cl.functional.pool_more import max_unpool3d as max_unpool3d
from tinygrad_cl.functional.resample import interpolate as interpolate
from tinygrad_cl.functional.sampling import affine_grid as affine_grid
from tinygrad_cl.functional.sampling import grid_sample as grid_sample
from tinygrad_cl.functional.sequence_loss import ctc_loss as ctc_loss
from tinygrad_cl.functional.shuffle import channel_shuffle as channel_shuffle
from tinygrad_cl.functional.shuffle import pixel_shuffle as pixel_shuffle
from tinygrad_cl.functional.shuffle import pixel_unshuffle as pixel_unshuffle
from tinygrad_cl.functional.views import flatten as flatten
from tinygrad_cl.functional.views import unflatten as unflatten
from tinygrad_cl.functional.windows import fold as fold
from tinygrad_cl.functional.windows import unfold as unfold

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "flatten",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "linear_cross_entropy",
    "local_response_norm",
    "log_cosh_loss",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unflatten",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
