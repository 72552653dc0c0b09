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
from tinygrad_cl.nn.containers import ModuleDict as ModuleDict
from tinygrad_cl.nn.containers import ModuleList as ModuleList
from tinygrad_cl.nn.containers import ParameterDict as ParameterDict
from tinygrad_cl.nn.containers import ParameterList as ParameterList
from tinygrad_cl.nn.containers import Sequential as Sequential
from tinygrad_cl.nn.conv import Conv1d as Conv1d
from tinygrad_cl.nn.conv import Conv2d as Conv2d
from tinygrad_cl.nn.conv import ConvTranspose2d as ConvTranspose2d
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
from tinygrad_cl.nn.module import Module as Module
from tinygrad_cl.nn.norm import BatchNorm1d as BatchNorm1d
from tinygrad_cl.nn.norm import BatchNorm2d as BatchNorm2d
from tinygrad_cl.nn.norm import GroupNorm as GroupNorm
from tinygrad_cl.nn.norm import LayerNorm as LayerNorm
from tinygrad_cl.nn.pool import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from tinygrad_cl.nn.pool import AvgPool1d as AvgPool1d
from tinygrad_cl.nn.pool import AvgPool2d as AvgPool2d
from tinygrad_cl.nn.pool import MaxPool1d as MaxPool1d
from tinygrad_cl.nn.pool import MaxPool2d as MaxPool2d
from tinygrad_cl.tensor import Parameter as Parameter

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "PReLU",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "utils",
]
