"""Augmentations: what they do to known images, their random numbers, and what they refuse."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cl as tg
from tinygrad_cl.data import (
    Augmentation,
    ColorJitter,
    ColorShift,
    Compose,
    DataLoader,
    GaussianBlur,
    GaussianNoise,
    ImageDataset,
    Inputs,
    Normalize,
    RandomApply,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    TensorDataset,
)
from tinygrad_cl.errors import DataError, ShapeError

MAKERS: dict[str, Any] = {
    "flip": lambda **o: RandomHorizontalFlip(**o),
    "vertical": lambda **o: RandomVerticalFlip(p=0.3, **o),
    "crop": lambda **o: RandomCrop((7, 5), (2, 3), **o),
    "rotate": lambda **o: RandomRotation(40, **o),
    "nearest": lambda **o: RandomRotation((10, 50), 0, "nearest", **o),
    "blur": lambda **o: GaussianBlur(5, **o),
    "jitter": lambda **o: ColorJitter(0.4, (0.5, 1.5), 0.7, **o),
    "shift": lambda **o: ColorShift(0.2, **o),
    "noise": lambda **o: GaussianNoise(0.05, 0.1, **o),
}


def images(count: int = 16, dtype: Any = np.float32) -> np.ndarray:
    made = np.random.default_rng(0).random((count, 3, 9, 8))
    return (made * 255).astype(dtype) if dtype == np.uint8 else made.astype(dtype)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint8])
@pytest.mark.parametrize("kind", MAKERS)
def test_dtype_shape_and_source_are_kept(kind: str, dtype: Any) -> None:
    x = images(dtype=dtype)
    before = x.copy()
    y = MAKERS[kind](generator=rng())(x)
    assert y.dtype == dtype
    assert y.shape == ((16, 3, 7, 5) if kind == "crop" else x.shape)
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(x, y)
    assert y.max() <= (255 if dtype == np.uint8 else 1.001)
    assert y.min() >= 0
    changed = (y != (x[:, :, :7, :5] if kind == "crop" else x)).reshape(16, -1).any(1)
    assert changed.any()


@pytest.mark.parametrize("kind", MAKERS)
def test_layouts_agree_and_single_images_are_batches_of_one(kind: str) -> None:
    x = images()
    first = MAKERS[kind](generator=rng())(x)
    last = MAKERS[kind](generator=rng(), layout="NHWC")(x.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), first)
    one = MAKERS[kind](generator=rng())(x[:1])
    np.testing.assert_array_equal(MAKERS[kind](generator=rng())(x[0]), one[0])


@pytest.mark.parametrize("kind", MAKERS)
def test_seeds(kind: str) -> None:
    x = images()
    make = MAKERS[kind]
    twice = make(generator=rng())
    one, two = twice(x), twice(x)
    np.testing.assert_array_equal(make(generator=rng())(x), one)
    assert not np.array_equal(one, two)
    library = [make(generator=tg.Generator(3))(x) for _ in range(2)]
    np.testing.assert_array_equal(*library)
    drawn = []
    for _ in range(2):
        tg.manual_seed(4)
        drawn.append(make()(x))
    np.testing.assert_array_equal(*drawn)
    assert type(pickle.loads(pickle.dumps(make()))) is type(twice)


def test_flips() -> None:
    x = images(2000)
    for kind, dim in ((RandomHorizontalFlip, 3), (RandomVerticalFlip, 2)):
        y = kind(0.3, generator=rng())(x)
        same = (y == x).all((1, 2, 3))
        mirrored = (y == np.flip(x, dim)).all((1, 2, 3))
        assert (same ^ mirrored).all()
        assert mirrored.mean() == pytest.approx(0.3, abs=0.04)
        np.testing.assert_array_equal(kind(0)(x), x)
        np.testing.assert_array_equal(kind(1)(kind(1)(x)), x)


def test_crops_come_from_every_place() -> None:
    x = np.arange(1, 82, dtype=np.float32).reshape(1, 1, 9, 9).repeat(3000, 0)
    y = RandomCrop(7, padding=1, generator=rng())(x)
    padded = np.pad(x[0, 0], 1)
    places = {padded[r : r + 7, c : c + 7].tobytes() for r in range(5) for c in range(5)}
    assert {image.tobytes() for image in y[:, 0]} == places
    filled = RandomCrop(9, padding=9, fill=5.0, generator=rng())(x[:50])
    assert 5.0 in filled
    assert 0 not in filled
    reflected = RandomCrop(9, padding=2, padding_mode="reflect", generator=rng())(x[:50])
    assert reflected.min() >= 1
    whole = RandomCrop((9, 9))(x[:3])
    np.testing.assert_array_equal(whole, x[:3])


@pytest.mark.parametrize("shape", [(6, 6), (5, 5), (4, 7)])
def test_quarter_turns_are_exact(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).random((3, 2, *shape)).astype(np.float32)
    for turn, quarters in ((180, 2), (90, 1), (-90, 3), (360, 0)):
        if quarters % 2 and shape[0] != shape[1]:
            continue
        for interpolation in ("bilinear", "nearest"):
            y = RandomRotation((turn, turn), interpolation=interpolation)(x)
            np.testing.assert_allclose(y, np.rot90(x, quarters, (2, 3)), atol=1e-5)


def test_rotation_against_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is the judge of rotations")
    x = images(1, np.float64)
    y = RandomRotation((30, 30))(x)
    judge = ndimage.rotate(x, 30, (2, 3), reshape=False, order=1, mode="grid-constant")
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(y[inside], judge[inside], atol=1e-5)
    assert (RandomRotation((45, 45), fill=0.5)(np.ones((1, 20, 20)))[0, 0, :3] == 0.5).all()


def test_blur_against_scipy_and_its_sum() -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is the judge of blurs")
    x = images(4, np.float64)
    y = GaussianBlur(5, 0.8)(x)
    judge = ndimage.gaussian_filter(x, (0, 0, 0.8, 0.8), mode="mirror", radius=(0, 0, 2, 2))
    np.testing.assert_allclose(y, judge, atol=1e-6)
    flat = np.full((2, 1, 3, 3), 0.25, np.float32)
    np.testing.assert_allclose(GaussianBlur(9, (0.1, 3.0))(flat), flat, rtol=1e-6)
    many = GaussianBlur(5, (0.1, 3.0), generator=rng())(images(1).repeat(5, 0))
    assert len({image.tobytes() for image in many}) == 5


def test_colors() -> None:
    x = images()
    np.testing.assert_allclose(ColorJitter()(x), x, atol=1e-6)
    dark = ColorJitter(brightness=(0.5, 0.5))(x)
    np.testing.assert_allclose(dark, x / 2, atol=1e-6)
    gray = ColorJitter(saturation=(0, 0))(x)
    np.testing.assert_allclose(gray[:, 0], gray[:, 2], atol=1e-6)
    np.testing.assert_allclose(gray[:, 0], np.tensordot(x, [0.299, 0.587, 0.114], (1, 0)), 1e-5)
    flat = ColorJitter(contrast=(0, 0))(x)
    assert np.ptp(flat, (1, 2, 3)).max() < 1e-6
    one = x[:, :1]
    np.testing.assert_array_equal(ColorJitter(saturation=(0, 0))(one), one)
    moved = ColorShift(0.1, generator=rng())(x * 0.5 + 0.2) - (x * 0.5 + 0.2)
    per_channel = moved.reshape(16, 3, -1)
    assert np.ptp(per_channel, 2).max() < 1e-6
    assert np.abs(per_channel).max() <= 0.1 + 1e-6
    assert len(np.unique(per_channel[:, :, 0].round(6))) == 48
    bright = ColorShift(0.5, generator=rng())(images(dtype=np.uint8))
    assert bright.dtype == np.uint8


def test_noise_has_its_moments() -> None:
    flat = np.full((8, 3, 40, 40), 0.5)
    moved = GaussianNoise(0.1, 0.2, clip=False, generator=rng())(flat) - flat
    assert moved.mean() == pytest.approx(0.1, abs=0.005)
    assert moved.std() == pytest.approx(0.2, abs=0.005)
    np.testing.assert_array_equal(GaussianNoise(0, 0)(flat), flat)
    levels = GaussianNoise(0, 0.1, generator=rng())(np.full((4, 1, 50, 50), 128, np.uint8))
    assert levels.astype(float).std() == pytest.approx(25.5, abs=1)


def test_normalize() -> None:
    x = images()
    y = Normalize((0.1, 0.2, 0.3), (1, 2, 4))(x)
    np.testing.assert_allclose(y[:, 2], (x[:, 2] - 0.3) / 4, atol=1e-6)
    from_bytes = Normalize(0.5, 0.5)(np.full((1, 3, 2, 2), 255, np.uint8))
    assert from_bytes.dtype == np.float32
    np.testing.assert_allclose(from_bytes, 1, rtol=1e-6)
    last = Normalize((0.1, 0.2, 0.3), 1, layout="NHWC")(x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(last[..., 1], x[:, 1] - 0.2, atol=1e-6)


def test_compose_apply_and_inputs() -> None:
    x = images()
    change = Compose([RandomHorizontalFlip(1), RandomVerticalFlip(1)])
    np.testing.assert_array_equal(change(x), x[..., ::-1, ::-1])
    assert RandomApply([change], 0)(x) is x
    np.testing.assert_array_equal(RandomApply([change], 1)(x), change(x))
    drawn = [RandomApply([change], 0.5, rng(seed))(x) is x for seed in range(40)]
    assert 5 < sum(drawn) < 35
    assert Inputs(change)([x, 1])[1] == 1
    np.testing.assert_array_equal(Inputs(change)(x), change(x))


def test_in_a_loader_the_workers_do_not_matter() -> None:
    x = images(20)
    change = Compose([RandomCrop((9, 8), 2), RandomHorizontalFlip(), GaussianNoise()])
    seen = []
    for options in ({}, {"num_workers": 3}):
        for data, transform in (
            (TensorDataset(x, np.arange(20)), Inputs(change)),
            (ImageDataset(images(20, np.uint8), np.zeros(20, int), "a", change), None),
        ):
            made = DataLoader(data, 8, True, seed=2, transform=transform, device="numpy", **options)
            seen.append([[a.tolist() for a, _ in made] for _ in range(2)])
    assert seen[0] == seen[2]
    assert seen[1] == seen[3]
    assert seen[0][0] != seen[0][1]


def test_image_dataset_transforms_single_images() -> None:
    dataset = ImageDataset(images(3, np.uint8), np.zeros(3, int), "a", RandomHorizontalFlip(1))
    plain = ImageDataset(images(3, np.uint8), np.zeros(3, int), "a")
    np.testing.assert_array_equal(dataset[1][0], plain[1][0][..., ::-1])
    np.testing.assert_array_equal(dataset.get_batch(np.array([1]))[0][0], dataset[1][0])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: RandomHorizontalFlip(1.5), DataError),
        (lambda: RandomHorizontalFlip(layout="HWC"), DataError),  # type: ignore[arg-type]
        (lambda: RandomHorizontalFlip(generator=3), DataError),  # type: ignore[arg-type]
        (lambda: RandomCrop(0), DataError),
        (lambda: RandomCrop((3, 3, 3)), DataError),  # type: ignore[arg-type]
        (lambda: RandomCrop(3, padding=-1), DataError),
        (lambda: RandomCrop(3, padding_mode="wrap"), DataError),
        (lambda: RandomRotation((5, 1)), DataError),
        (lambda: RandomRotation(np.nan), DataError),
        (lambda: RandomRotation(5, 0, "cubic"), DataError),  # type: ignore[arg-type]
        (lambda: GaussianBlur(4), DataError),
        (lambda: GaussianBlur(3, 0.0), DataError),
        (lambda: ColorJitter(-1), DataError),
        (lambda: ColorJitter(contrast=(-0.5, 1)), DataError),
        (lambda: ColorShift(-0.1), DataError),
        (lambda: GaussianNoise(0, -1), DataError),
        (lambda: Normalize(0, 0), DataError),
        (lambda: Normalize(0, [[1.0]]), DataError),  # type: ignore[list-item]
        (lambda: RandomApply([], 2), DataError),
        (lambda: RandomCrop(20)(images()), ShapeError),
        (lambda: RandomHorizontalFlip()(np.zeros(3)), ShapeError),
        (lambda: RandomHorizontalFlip()(np.zeros((3, 3, 3), int)), DataError),
        (lambda: ColorJitter(1)(np.zeros((2, 2, 3, 3))), ShapeError),
        (lambda: Normalize((1, 2), 1)(images()), ShapeError),
    ],
)
def test_refusals(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@given(
    st.sampled_from(sorted(MAKERS)),
    st.integers(0, 3),
    st.sampled_from([1, 3]),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_any_shape(kind: str, count: int, channels: int, height: int, width: int) -> None:
    x = np.ones((count, channels, height, width), np.float32)
    change: Augmentation = MAKERS[kind](generator=rng())
    if kind == "crop" and (height + 6 < 7 or width + 4 < 5):
        return
    y = change(x)
    assert y.shape == ((count, channels, 7, 5) if kind == "crop" else x.shape)
    assert np.isfinite(y).all()
