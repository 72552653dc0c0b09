"""Layers, losses and containers under PyTorch's names.

The rooms: module.py (`Module`; tree.py, state.py and hooks.py are its parts), containers.py, one
file per family of layers, init.py (initial values), utils.py (clipping), functional.py (the
functions behind the layers).
"""

from __future__ import annotations

from tinygrad_cl.nn import functional as functional
from tinygrad_cl.nn import init as init
from tinygrad_cl.nn import parameter as parameter
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
from tinygrad_cl.nn.activation_more import BinaryStep as BinaryStep
from tinygrad_cl.nn.activation_more import Hardshrink as Hardshrink
from tinygrad_cl.nn.activation_more import Hardsigmoid as Hardsigmoid
from tinygrad_cl.nn.activation_more import Hardswish as Hardswish
from tinygrad_cl.nn.activation_more import RReLU as RReLU
from tinygrad_cl.nn.activation_more import Softmax2d as Softmax2d
from tinygrad_cl.nn.activation_more import Softmin as Softmin
from tinygrad_cl.nn.activation_more import Softshrink as Softshrink
from tinygrad_cl.nn.activation_more import Tanhshrink as Tanhshrink
from tinygrad_cl.nn.activation_more import Threshold as Threshold
from tinygrad_cl.nn.adaptive_softmax import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from tinygrad_cl.nn.attention import MultiheadAttention as MultiheadAttention
from tinygrad_cl.nn.buffer import Buffer as Buffer
from tinygrad_cl.nn.containers import ModuleDict as ModuleDict
from tinygrad_cl.nn.containers import ModuleList as ModuleList
from tinygrad_cl.nn.containers import Sequential as Sequential
from tinygrad_cl.nn.conv import Conv1d as Conv1d
from tinygrad_cl.nn.conv import Conv2d as Conv2d
from tinygrad_cl.nn.conv import Conv3d as Conv3d
from tinygrad_cl.nn.conv import ConvTranspose1d as ConvTranspose1d
from tinygrad_cl.nn.conv import ConvTranspose2d as ConvTranspose2d
from tinygrad_cl.nn.conv import ConvTranspose3d as ConvTranspose3d
from tinygrad_cl.nn.dropout import AlphaDropout as AlphaDropout
from tinygrad_cl.nn.dropout import Dropout as Dropout
from tinygrad_cl.nn.dropout import Dropout1d as Dropout1d
from tinygrad_cl.nn.dropout import Dropout2d as Dropout2d
from tinygrad_cl.nn.dropout import Dropout3d as Dropout3d
from tinygrad_cl.nn.dropout import FeatureAlphaDropout as FeatureAlphaDropout
from tinygrad_cl.nn.embedding import Embedding as Embedding
from tinygrad_cl.nn.embedding import EmbeddingBag as EmbeddingBag
from tinygrad_cl.nn.lazy import LazyBatchNorm1d as LazyBatchNorm1d
from tinygrad_cl.nn.lazy import LazyBatchNorm2d as LazyBatchNorm2d
from tinygrad_cl.nn.lazy import LazyBatchNorm3d as LazyBatchNorm3d
from tinygrad_cl.nn.lazy import LazyConv1d as LazyConv1d
from tinygrad_cl.nn.lazy import LazyConv2d as LazyConv2d
from tinygrad_cl.nn.lazy import LazyConv3d as LazyConv3d
from tinygrad_cl.nn.lazy import LazyConvTranspose1d as LazyConvTranspose1d
from tinygrad_cl.nn.lazy import LazyConvTranspose2d as LazyConvTranspose2d
from tinygrad_cl.nn.lazy import LazyConvTranspose3d as LazyConvTranspose3d
from tinygrad_cl.nn.lazy import LazyInstanceNorm1d as LazyInstanceNorm1d
from tinygrad_cl.nn.lazy import LazyInstanceNorm2d as LazyInstanceNorm2d
from tinygrad_cl.nn.lazy import LazyInstanceNorm3d as LazyInstanceNorm3d
from tinygrad_cl.nn.lazy import LazyLinear as LazyLinear
from tinygrad_cl.nn.linear import Bilinear as Bilinear
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
from tinygrad_cl.nn.loss_extra import CTCLoss as CTCLoss
from tinygrad_cl.nn.loss_extra import LinearCrossEntropyLoss as LinearCrossEntropyLoss
from tinygrad_cl.nn.loss_extra import LogCoshLoss as LogCoshLoss
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
from tinygrad_cl.nn.norm_more import CrossMapLRN2d as CrossMapLRN2d
from tinygrad_cl.nn.norm_more import InstanceNorm1d as InstanceNorm1d
from tinygrad_cl.nn.norm_more import InstanceNorm2d as InstanceNorm2d
from tinygrad_cl.nn.norm_more import InstanceNorm3d as InstanceNorm3d
from tinygrad_cl.nn.norm_more import LocalResponseNorm as LocalResponseNorm
from tinygrad_cl.nn.norm_more import RMSNorm as RMSNorm
from tinygrad_cl.nn.padding import CircularPad1d as CircularPad1d
from tinygrad_cl.nn.padding import CircularPad2d as CircularPad2d
from tinygrad_cl.nn.padding import CircularPad3d as CircularPad3d
from tinygrad_cl.nn.padding import ConstantPad1d as ConstantPad1d
from tinygrad_cl.nn.padding import ConstantPad2d as ConstantPad2d
from tinygrad_cl.nn.padding import ConstantPad3d as ConstantPad3d
from tinygrad_cl.nn.padding import ReflectionPad1d as ReflectionPad1d
from tinygrad_cl.nn.padding import ReflectionPad2d as ReflectionPad2d
from tinygrad_cl.nn.padding import ReflectionPad3d as ReflectionPad3d
from tinygrad_cl.nn.padding import ReplicationPad1d as ReplicationPad1d
from tinygrad_cl.nn.padding import ReplicationPad2d as ReplicationPad2d
from tinygrad_cl.nn.padding import ReplicationPad3d as ReplicationPad3d
from tinygrad_cl.nn.padding import ZeroPad1d as ZeroPad1d
from tinygrad_cl.nn.padding import ZeroPad2d as ZeroPad2d
from tinygrad_cl.nn.padding import ZeroPad3d as ZeroPad3d
from tinygrad_cl.nn.parameter_containers import ParameterDict as ParameterDict
from tinygrad_cl.nn.parameter_containers import ParameterList as ParameterList
from tinygrad_cl.nn.pool import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from tinygrad_cl.nn.pool import AvgPool1d as AvgPool1d
from tinygrad_cl.nn.pool import AvgPool2d as AvgPool2d
from tinygrad_cl.nn.pool import MaxPool1d as MaxPool1d
from tinygrad_cl.nn.pool import MaxPool2d as MaxPool2d
from tinygrad_cl.nn.pool_extra import FractionalMaxPool2d as FractionalMaxPool2d
from tinygrad_cl.nn.pool_extra import FractionalMaxPool3d as FractionalMaxPool3d
from tinygrad_cl.nn.pool_extra import LPPool1d as LPPool1d
from tinygrad_cl.nn.pool_extra import LPPool2d as LPPool2d
from tinygrad_cl.nn.pool_extra import LPPool3d as LPPool3d
from tinygrad_cl.nn.pool_extra import MaxUnpool1d as MaxUnpool1d
from tinygrad_cl.nn.pool_extra import MaxUnpool2d as MaxUnpool2d
from tinygrad_cl.nn.pool_extra import MaxUnpool3d as MaxUnpool3d
from tinygrad_cl.nn.pool_global import GlobalAvgPool1d as GlobalAvgPool1d
from tinygrad_cl.nn.pool_global import GlobalAvgPool2d as GlobalAvgPool2d
from tinygrad_cl.nn.pool_global import GlobalAvgPool3d as GlobalAvgPool3d
from tinygrad_cl.nn.pool_global import GlobalMaxPool1d as GlobalMaxPool1d
from tinygrad_cl.nn.pool_global import GlobalMaxPool2d as GlobalMaxPool2d
from tinygrad_cl.nn.pool_global import GlobalMaxPool3d as GlobalMaxPool3d
from tinygrad_cl.nn.pool_more import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from tinygrad_cl.nn.pool_more import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from tinygrad_cl.nn.pool_more import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from tinygrad_cl.nn.pool_more import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from tinygrad_cl.nn.pool_more import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from tinygrad_cl.nn.pool_more import AvgPool3d as AvgPool3d
from tinygrad_cl.nn.pool_more import MaxPool3d as MaxPool3d
from tinygrad_cl.nn.recurrent import GRU as GRU
from tinygrad_cl.nn.recurrent import LSTM as LSTM
from tinygrad_cl.nn.recurrent import RNN as RNN
from tinygrad_cl.nn.recurrent_base import RNNBase as RNNBase
from tinygrad_cl.nn.recurrent_cells import GRUCell as GRUCell
from tinygrad_cl.nn.recurrent_cells import LSTMCell as LSTMCell
from tinygrad_cl.nn.recurrent_cells import RNNCell as RNNCell
from tinygrad_cl.nn.recurrent_cells import RNNCellBase as RNNCellBase
from tinygrad_cl.nn.resample import ChannelShuffle as ChannelShuffle
from tinygrad_cl.nn.resample import Fold as Fold
from tinygrad_cl.nn.resample import PixelShuffle as PixelShuffle
from tinygrad_cl.nn.resample import PixelUnshuffle as PixelUnshuffle
from tinygrad_cl.nn.resample import Unfold as Unfold
from tinygrad_cl.nn.resample import Upsample as Upsample
from tinygrad_cl.nn.resample import UpsamplingBilinear2d as UpsamplingBilinear2d
from tinygrad_cl.nn.resample import UpsamplingNearest2d as UpsamplingNearest2d
from tinygrad_cl.nn.transformer import Transformer as Transformer
from tinygrad_cl.nn.transformer import TransformerDecoder as TransformerDecoder
from tinygrad_cl.nn.transformer import TransformerEncoder as TransformerEncoder
from tinygrad_cl.nn.transformer_layers import TransformerDecoderLayer as TransformerDecoderLayer
from tinygrad_cl.nn.transformer_layers import TransformerEncoderLayer as TransformerEncoderLayer
from tinygrad_cl.nn.uninitialized import UninitializedBuffer as UninitializedBuffer
from tinygrad_cl.nn.uninitialized import UninitializedParameter as UninitializedParameter
from tinygrad_cl.tensor import Parameter as Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveLogSoftmaxWithLoss",
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
    "Bilinear",
    "BinaryStep",
    "Buffer",
    "CTCLoss",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "CrossMapLRN2d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "EmbeddingBag",
    "FeatureAlphaDropout",
    "Flatten",
    "Fold",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "GRUCell",
    "GaussianNLLLoss",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalAvgPool3d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GlobalMaxPool3d",
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
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "LSTMCell",
    "LayerNorm",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "LeakyReLU",
    "Linear",
    "LinearCrossEntropyLoss",
    "LocalResponseNorm",
    "LogCoshLoss",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
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
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "Unflatten",
    "Unfold",
    "UninitializedBuffer",
    "UninitializedParameter",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
    "functional",
    "init",
    "parameter",
    "utils",
]
