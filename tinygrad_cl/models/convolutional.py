"""Small convolutional nets: `LeNet5`, `ConvNet`, `AlexNetReduced`, `VGG`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinygrad_cl.models.base import Net, counts, dropouts, reached, several
from tinygrad_cl.nn import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU


class LeNet5(Net):
    """LeNet-5 with ReLU and max pools (after LeCun et al. 1998): 6 and 16 filters, 120-84-10.

    Args:
        num_classes: size of the output.
        in_channels: of the images.
        input_size: their height and width.
        padding: of the first convolution; 2 makes 28x28 images what the paper's 32x32 are.

    Raises:
        ArgumentError: for images that are too small.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.models.LeNet5()(tg.zeros(2, 1, 28, 28)).shape
        (2, 10)
    """

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, input_size: int = 28, padding: int = 2
    ) -> None:
        counts("LeNet5", num_classes=num_classes, in_channels=in_channels, input_size=input_size)
        left = ((input_size + 2 * padding - 4) // 2 - 4) // 2
        left = reached("LeNet5", left, 16 - 2 * padding, input_size)
        super().__init__(
            *(Conv2d(in_channels, 6, 5, padding=padding), ReLU(), MaxPool2d(2)),
            *(Conv2d(6, 16, 5), ReLU(), MaxPool2d(2), Flatten()),
            *(Linear(16 * left * left, 120), ReLU(), Linear(120, 84), ReLU()),
            Linear(84, num_classes),
        )
        self.input_shape = (in_channels, input_size, input_size)


class ConvNet(Net):
    """A small net for digits: 3x3 convolutions, each with ReLU and a max pool, and a dense layer.

    Args:
        num_classes: size of the output.
        in_channels: of the images.
        channels: filters of the convolutions.
        hidden: features of the dense layer.
        input_size: height and width of the images.
        dropout: rate in front of the last layer.

    Raises:
        ArgumentError: for images that are too small.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.models.ConvNet()
        >>> net(tg.zeros(2, 1, 28, 28)).shape, sum(p.numel() for p in net.parameters())
        ((2, 10), 27562)
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        channels: Sequence[int] = (8, 16),
        hidden: int = 64,
        input_size: int = 28,
        dropout: float = 0.0,
    ) -> None:
        counts("ConvNet", num_classes=num_classes, in_channels=in_channels, hidden=hidden)
        channels = several("ConvNet", "channels", channels)
        left, least = input_size, 1
        for _ in channels:
            left, least = (left - 2) // 2, 2 * least + 2
        left = reached("ConvNet", left, least, input_size)
        layers: list[Module] = []
        for before, after in zip((in_channels, *channels), channels, strict=False):
            layers += [Conv2d(before, after, 3), ReLU(), MaxPool2d(2)]
        layers += [Flatten(), Linear(channels[-1] * left * left, hidden), ReLU()]
        super().__init__(*layers, *dropouts(dropout), Linear(hidden, num_classes))
        self.input_shape = (in_channels, input_size, input_size)


class AlexNetReduced(Net):
    """A small relative of AlexNet: 3x3 convolutions of 16, 32 and 64 filters, a dense layer of 128.

    Args:
        num_classes: size of the output.
        in_channels: of the images.
        input_size: their height and width.
        dropout: rate in front of the last layer.

    Raises:
        ArgumentError: for images that are too small.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.models.AlexNetReduced()(tg.zeros(2, 1, 28, 28)).shape
        (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        input_size: int = 28,
        dropout: float = 0.0,
    ) -> None:
        op = "AlexNetReduced"
        counts(op, num_classes=num_classes, in_channels=in_channels, input_size=input_size)
        left = reached(op, input_size // 8, 8, input_size)
        layers: list[Module] = []
        for before, after in ((in_channels, 16), (16, 32), (32, 64)):
            layers += [Conv2d(before, after, 3, padding=1), ReLU(), MaxPool2d(2)]
        layers += [Flatten(), Linear(64 * left * left, 128), ReLU()]
        super().__init__(*layers, *dropouts(dropout), Linear(128, num_classes))
        self.input_shape = (in_channels, input_size, input_size)


class VGG(Net):
    """Blocks of two 3x3 convolutions with batch norm, a max pool and dropout.

    After the nets of Simonyan and Zisserman (2014).

    Args:
        num_classes: size of the output.
        in_channels: of the images.
        channels: filters of the blocks.
        hidden: features of the dense layer.
        input_size: height and width of the images.
        dropout: rate after each block.

    Raises:
        ArgumentError: for images that are too small.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.models.VGG(channels=(8, 16)).eval()(tg.zeros(2, 3, 32, 32)).shape
        (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        channels: Sequence[int] = (32, 64, 128),
        hidden: int = 128,
        input_size: int = 32,
        dropout: float = 0.2,
    ) -> None:
        counts("VGG", num_classes=num_classes, in_channels=in_channels, hidden=hidden)
        channels = several("VGG", "channels", channels)
        least = 2 ** len(channels)
        left = reached("VGG", input_size // least, least, input_size)
        blocks = zip((in_channels, *channels), channels, strict=False)
        layers = [layer for sizes in blocks for layer in _vgg_block(*sizes, dropout)]
        layers += [Flatten(), Linear(channels[-1] * left * left, hidden), ReLU()]
        super().__init__(*layers, Linear(hidden, num_classes))
        self.input_shape = (in_channels, input_size, input_size)


def _vgg_block(before: int, after: int, dropout: float) -> Iterator[Module]:
    for channels in (before, after):
        yield from (Conv2d(channels, after, 3, padding=1), BatchNorm2d(after), ReLU())
    yield from (MaxPool2d(2), Dropout(dropout))
