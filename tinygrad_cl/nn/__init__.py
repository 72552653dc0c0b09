"""Layers, losses and containers under PyTorch's names.

The rooms: module.py (`Module`; tree.py, state.py and hooks.py are its parts), containers.py, one
file per family of layers, init.py (initial values), utils.py (clipping), functional.py (the
functions behind the layers).
"""

from __future__ import annotations

from tinygrad_cl.nn import functional as functional
from tinygrad_cl.nn import init as init
from tinygrad_cl.nn import utils as utils
from tinygrad_cl.nn.activation import ELU as ELU
from tinygrad_cl.nn.activation import GELU as GELU
from tinygrad_cl.nn.activation import SELU as SELU
from tinygrad_cl.nn.activation import Hardtanh as Hardtanh
from tinygrad_cl.nn.activation import LeakyReLU as LeakyReLU
from tinygrad_cl.nn.activation import LogSigmoid as LogSigmoid
from tinygrad_cl.nn.activation import LogSoftmax as LogSoftmax
from tinygrad_cl.nn.activation import Mish as Mish
from tinygrad_cl.nn.activation import PReLU as PReLU
from tinygrad_cl.nn.activation import ReLU as ReLU
from tinygrad_cl.nn.activation import ReLU6 as ReLU6
from tinygrad_cl.nn.activation import Sigmoid as Sigmoid
from tinygrad_cl.nn.activation import SiLU as SiLU
from tinygrad_cl.nn.activation import Softmax as Softmax
from tinygrad_cl.nn.activation import Softplus as Softplus
from tinygrad_cl.nn.activation import Softsign as Softsign
from tinygrad_cl.nn.activation import Tanh as Tanh
from tinygrad_cl.nn.activation_more import CELU as CELU
from tinygrad_cl.nn.activation_more import GLU as GLU
from tinygrad_cl.nn.activation_more import AlphaDropout as AlphaDropout
from tinygrad_cl.nn.activation_more import Hardshrink as Hardshrink
from tinygrad_cl.nn.activation_more import Hardsigmoid as Hardsigmoid
from tinygrad_cl.nn.activation_more import Hardswish as Hardswish
from tinygrad_cl.nn.activation_more import RReLU as RReLU
from tinygrad_cl.nn.activation_more import Softmin as Softmin
from tinygrad_cl.nn.activation_more import Softshrink as Softshrink
from tinygrad_cl.nn.activation_more import Tanhshrink as Tanhshrink
from tinygrad_cl.nn.activation_more import Threshold as Threshold
from tinygrad_cl.nn.containers import ModuleDict as ModuleDict
from tinygrad_cl.nn.containers import ModuleList as ModuleList
from tinygrad_cl.nn.containers import ParameterDict as ParameterDict
from tinygrad_cl.nn.containers import ParameterList as ParameterList
from tinygrad_cl.nn.containers import Sequential as Sequential
from tinygrad_cl.nn.conv import Conv1d as Conv1d
from tinygrad_cl.nn.conv import Conv2d as Conv2d
from tinygrad_cl.nn.conv import Conv3d as Conv3d
from tinygrad_cl.nn.conv import ConvTranspose1d as ConvTranspose1d
from tinygrad_cl.nn.conv import ConvTranspose2d as ConvTranspose2d
from tinygrad_cl.nn.conv import ConvTranspose3d as ConvTranspose3d
from tinygrad_cl.nn.dropout import Dropout as Dropout
from tinygrad_cl.nn.dropout import Dropout2d as Dropout2d
from tinygrad_cl.nn.embedding import Embedding as Embedding
from tinygrad_cl.nn.linear import Flatten as Flatten
from tinygrad_cl.nn.linear import Identity as Identity
from tinygrad_cl.nn.linear import Linear as Linear
from tinygrad_cl.nn.linear import Unflatten as Unflatten
from tinygrad_cl.nn.loss import BCELoss as BCELoss
from tinygrad_cl.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from tinygrad_cl.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from tinygrad_cl.nn.loss import HuberLoss as HuberLoss
from tinygrad_cl.nn.loss import KLDivLoss as KLDivLoss
from tinygrad_cl.nn.loss import L1Loss as L1Loss
from tinygrad_cl.nn.loss import MSELoss as MSELoss
from tinygrad_cl.nn.loss import NLLLoss as NLLLoss
from tinygrad_cl.nn.loss import SmoothL1Loss as SmoothL1Loss
from tinygrad_cl.nn.loss_more import CosineEmbeddingLoss as CosineEmbeddingLoss
from tinygrad_cl.nn.loss_more import CosineSimilarity as CosineSimilarity
from tinygrad_cl.nn.loss_more import GaussianNLLLoss as GaussianNLLLoss
from tinygrad_cl.nn.loss_more import HingeEmbeddingLoss as HingeEmbeddingLoss
from tinygrad_cl.nn.loss_more import MarginRankingLoss as MarginRankingLoss
from tinygrad_cl.nn.loss_more import MultiLabelMarginLoss as MultiLabelMarginLoss
from tinygrad_cl.nn.loss_more import MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss
from tinygrad_cl.nn.loss_more import MultiMarginLoss as MultiMarginLoss
from tinygrad_cl.nn.loss_more import PairwiseDistance as PairwiseDistance
from tinygrad_cl.nn.loss_more import PoissonNLLLoss as PoissonNLLLoss
from tinygrad_cl.nn.loss_more import SoftMarginLoss as SoftMarginLoss
from tinygrad_cl.nn.loss_more import TripletMarginLoss as TripletMarginLoss
from tinygrad_cl.nn.loss_more import TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss
from tinygrad_cl.nn.module import Module as Module
from tinygrad_cl.nn.norm import BatchNorm1d as BatchNorm1d
from tinygrad_cl.nn.norm import BatchNorm2d as BatchNorm2d
from tinygrad_cl.nn.norm import GroupNorm as GroupNorm
from tinygrad_cl.nn.norm import LayerNorm as LayerNorm
from tinygrad_cl.nn.norm_more import BatchNorm3d as BatchNorm3d
from tinygrad_cl.nn.norm_more import InstanceNorm1d as InstanceNorm1d
from tinygrad_cl.nn.norm_more import InstanceNorm2d as InstanceNorm2d
from tinygrad_cl.nn.norm_more import InstanceNorm3d as InstanceNorm3d
from tinygrad_cl.nn.norm_more import LocalResponseNorm as LocalResponseNorm
from tinygrad_cl.nn.norm_more import RMSNorm as RMSNorm
from tinygrad_cl.nn.pool import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from tinygrad_cl.nn.pool import AvgPool1d as AvgPool1d
from tinygrad_cl.nn.pool import AvgPool2d as AvgPool2d
from tinygrad_cl.nn.pool import MaxPool1d as MaxPool1d
from tinygrad_cl.nn.pool import MaxPool2d as MaxPool2d
from tinygrad_cl.nn.pool_more import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from tinygrad_cl.nn.pool_more import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from tinygrad_cl.nn.pool_more import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from tinygrad_cl.nn.pool_more import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from tinygrad_cl.nn.pool_more import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from tinygrad_cl.nn.pool_more import AvgPool3d as AvgPool3d
from tinygrad_cl.nn.pool_more import MaxPool3d as MaxPool3d
from tinygrad_cl.nn.resample import ChannelShuffle as ChannelShuffle
from tinygrad_cl.nn.resample import Fold as Fold
from tinygrad_cl.nn.resample import PixelShuffle as PixelShuffle
from tinygrad_cl.nn.resample import PixelUnshuffle as PixelUnshuffle
from tinygrad_cl.nn.resample import Unfold as Unfold
from tinygrad_cl.nn.resample import Upsample as Upsample
from tinygrad_cl.tensor import Parameter as Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "ChannelShuffle",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "Fold",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "RMSNorm",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "functional",
    "init",
    "utils",
]
