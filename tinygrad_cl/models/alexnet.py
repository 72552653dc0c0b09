"""`AlexNet`, with the names of torchvision's."""

from __future__ import annotations

from collections import OrderedDict

from tinygrad_cl.models.base import Net, counts, reached
from tinygrad_cl.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential


class AlexNet(Net):
    """AlexNet in one column (Krizhevsky 2014), for images of any size from 63x63 on.

    With 224x224 images, 1000 classes and dropout it takes over the weights of torchvision's AlexNet
    by name. (Torchvision averages larger images down in front of the dense layers; here these grow
    with the image, so that 127x127 images need a smaller net.)

    Args:
        num_classes: size of the output.
        in_channels: of the images.
        input_size: their height and width, such as 224 or 127.
        hidden: features of the two dense layers.
        dropout: rate in front of the dense layers.

    Raises:
        ArgumentError: for images that are too small.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.models.AlexNet(10, input_size=127, hidden=64)
        >>> net.eval()(tg.zeros(2, 3, 127, 127)).shape
        (2, 10)
        >>> net.classifier[1]
        Linear(in_features=2304, out_features=64, bias=True)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        input_size: int = 224,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        op = "AlexNet"
        counts(op, num_classes=num_classes, in_channels=in_channels, input_size=input_size)
        counts(op, hidden=hidden)
        left = (input_size - 7) // 4 + 1  # of the first convolution
        for _ in range(3):
            left = (left - 3) // 2 + 1  # of each pool
        features = 256 * reached(op, left, 63, input_size) ** 2
        classifier = Sequential(
            *(Dropout(dropout), Linear(features, hidden), ReLU(inplace=True)),
            *(Dropout(dropout), Linear(hidden, hidden), ReLU(inplace=True)),
            Linear(hidden, num_classes),
        )
        layers = OrderedDict[str, Module](features=_features(in_channels))
        layers |= {"flatten": Flatten(), "classifier": classifier}
        super().__init__(layers)
        self.input_shape = (in_channels, input_size, input_size)


def _features(in_channels: int) -> Sequential:
    return Sequential(
        *(Conv2d(in_channels, 64, 11, 4, 2), ReLU(inplace=True), MaxPool2d(3, 2)),
        *(Conv2d(64, 192, 5, padding=2), ReLU(inplace=True), MaxPool2d(3, 2)),
        *(Conv2d(192, 384, 3, padding=1), ReLU(inplace=True)),
        *(Conv2d(384, 256, 3, padding=1), ReLU(inplace=True)),
        *(Conv2d(256, 256, 3, padding=1), ReLU(inplace=True), MaxPool2d(3, 2)),
    )
