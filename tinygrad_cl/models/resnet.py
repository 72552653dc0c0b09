"""`ResNet18` for small images, with the names of torchvision's."""

from __future__ import annotations

from collections import OrderedDict

from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.models.base import Shape, counts
from tinygrad_cl.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    Module,
    ReLU,
    Sequential,
    init,
)
from tinygrad_cl.tensor import Tensor


class BasicBlock(Module):
    """Two 3x3 convolutions with batch norm, added to their input (He et al. 2016).

    Args:
        before: channels of the input.
        after: channels of the output.
        stride: of the first convolution; the input is brought to the output's shape by a 1x1
            convolution where they differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.models.resnet import BasicBlock
        >>> BasicBlock(4, 8, stride=2)(tg.zeros(2, 4, 6, 6)).shape
        (2, 8, 3, 3)
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = BatchNorm2d(after)
        self.relu = ReLU(inplace=True)
        self.conv2 = Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(after)
        self.downsample: Module = Identity()
        if stride != 1 or before != after:
            self.downsample = Sequential(
                Conv2d(before, after, 1, stride, bias=False), BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, after, height / stride, width / stride) of (N, before, height, width)."""
        inner: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        result: Tensor = self.relu(inner + self.downsample(x))
        return result


class ResNet18(Module):
    """ResNet-18 in its form for CIFAR: a 3x3 first convolution without stride, and no first pool.

    Parameters have torchvision's names. Convolutions start from Kaiming's normal values.

    Args:
        num_classes: size of the output.
        in_channels: of the images.
        width: filters of the first blocks; those of later ones are 2, 4 and 8 times as many.

    Attributes:
        input_shape: of one sample, (in_channels, 32, 32); other sizes are taken, too.
        input_dtype: of the input.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.models.ResNet18(width=4)
        >>> net(tg.zeros(2, 3, 8, 8)).shape
        (2, 10)
    """

    input_dtype: DType = float32

    def __init__(self, num_classes: int = 10, in_channels: int = 3, width: int = 64) -> None:
        counts("ResNet18", num_classes=num_classes, in_channels=in_channels, width=width)
        super().__init__()
        self.conv1 = Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = BatchNorm2d(width)
        self.relu = ReLU(inplace=True)
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        self.layer4 = _stage(4 * width, 8 * width, 2)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.flatten = Flatten()
        self.fc = Linear(8 * width, num_classes)
        self.input_shape: Shape = (in_channels, 32, 32)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Returns the classes' logits, (N, num_classes), of images (N, in_channels, H, W)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return logits


def _stage(before: int, after: int, stride: int) -> Sequential:
    blocks = OrderedDict[str, Module]()
    blocks["0"] = BasicBlock(before, after, stride)
    blocks["1"] = BasicBlock(after, after)
    return Sequential(blocks)
