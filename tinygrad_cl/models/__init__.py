"""Ready nets, untrained, by class or by name.

Their parameters have the names that they would have in PyTorch, those of AlexNet and ResNet18 are
torchvision's and those of GPT nanoGPT's, so that weights carry over.

The rooms: registry.py (`get`, `names`, `options`), base.py (`Net`), mlp.py, convolutional.py,
alexnet.py, resnet.py, gpt.py.
"""

from __future__ import annotations

from tinygrad_cl.models.alexnet import AlexNet as AlexNet
from tinygrad_cl.models.base import Net as Net
from tinygrad_cl.models.convolutional import VGG as VGG
from tinygrad_cl.models.convolutional import AlexNetReduced as AlexNetReduced
from tinygrad_cl.models.convolutional import ConvNet as ConvNet
from tinygrad_cl.models.convolutional import LeNet5 as LeNet5
from tinygrad_cl.models.gpt import GPT as GPT
from tinygrad_cl.models.gpt import next_token_loss as next_token_loss
from tinygrad_cl.models.mlp import MLP as MLP
from tinygrad_cl.models.registry import get as get
from tinygrad_cl.models.registry import names as names
from tinygrad_cl.models.registry import options as options
from tinygrad_cl.models.resnet import ResNet18 as ResNet18

__all__ = [
    "GPT",
    "MLP",
    "VGG",
    "AlexNet",
    "AlexNetReduced",
    "ConvNet",
    "LeNet5",
    "Net",
    "ResNet18",
    "get",
    "names",
    "next_token_loss",
    "options",
]
