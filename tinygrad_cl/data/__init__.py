"""Data sets, the loader that turns them into batches on a device, and readers of data files.

The rooms: dataset.py, combine.py (data sets); loader.py, sampler.py, sharing.py, fetching.py,
crew.py, threads.py, processes.py, position.py, randomness.py, collate.py (the loader); idx.py,
csvfile.py, cifar.py, arrayfile.py, folder.py (readers); datasets.py, images.py, sources.py,
download.py (ready data sets); normalize.py, augment.py, recolor.py (changes of the data).
"""

from __future__ import annotations

from tinygrad_cl.data import datasets as datasets
from tinygrad_cl.data import normalize as normalize
from tinygrad_cl.data.arrayfile import MemmapDataset as MemmapDataset
from tinygrad_cl.data.arrayfile import open_npy as open_npy
from tinygrad_cl.data.arrayfile import open_npz as open_npz
from tinygrad_cl.data.arrayfile import read_npz as read_npz
from tinygrad_cl.data.augment import Augmentation as Augmentation
from tinygrad_cl.data.augment import Compose as Compose
from tinygrad_cl.data.augment import Inputs as Inputs
from tinygrad_cl.data.augment import RandomApply as RandomApply
from tinygrad_cl.data.augment import RandomCrop as RandomCrop
from tinygrad_cl.data.augment import RandomHorizontalFlip as RandomHorizontalFlip
from tinygrad_cl.data.augment import RandomRotation as RandomRotation
from tinygrad_cl.data.augment import RandomVerticalFlip as RandomVerticalFlip
from tinygrad_cl.data.cifar import read_cifar10 as read_cifar10
from tinygrad_cl.data.cifar import read_cifar100 as read_cifar100
from tinygrad_cl.data.collate import default_collate as default_collate
from tinygrad_cl.data.collate import default_convert as default_convert
from tinygrad_cl.data.combine import ChainDataset as ChainDataset
from tinygrad_cl.data.combine import ConcatDataset as ConcatDataset
from tinygrad_cl.data.combine import StackDataset as StackDataset
from tinygrad_cl.data.combine import Subset as Subset
from tinygrad_cl.data.combine import random_split as random_split
from tinygrad_cl.data.csvfile import CSVDataset as CSVDataset
from tinygrad_cl.data.csvfile import Table as Table
from tinygrad_cl.data.csvfile import read_csv as read_csv
from tinygrad_cl.data.dataset import Dataset as Dataset
from tinygrad_cl.data.dataset import IterableDataset as IterableDataset
from tinygrad_cl.data.dataset import TensorDataset as TensorDataset
from tinygrad_cl.data.fetching import WorkerInfo as WorkerInfo
from tinygrad_cl.data.fetching import get_worker_info as get_worker_info
from tinygrad_cl.data.folder import ImageFolder as ImageFolder
from tinygrad_cl.data.folder import read_image as read_image
from tinygrad_cl.data.idx import read_idx as read_idx
from tinygrad_cl.data.idx import write_idx as write_idx
from tinygrad_cl.data.images import ImageDataset as ImageDataset
from tinygrad_cl.data.labels import one_hot as one_hot
from tinygrad_cl.data.loader import DataLoader as DataLoader
from tinygrad_cl.data.normalize import DecimalScaling as DecimalScaling
from tinygrad_cl.data.normalize import MinMax as MinMax
from tinygrad_cl.data.normalize import Normalizer as Normalizer
from tinygrad_cl.data.normalize import ZScore as ZScore
from tinygrad_cl.data.randomness import current_generator as current_generator
from tinygrad_cl.data.recolor import ColorJitter as ColorJitter
from tinygrad_cl.data.recolor import ColorShift as ColorShift
from tinygrad_cl.data.recolor import GaussianBlur as GaussianBlur
from tinygrad_cl.data.recolor import GaussianNoise as GaussianNoise
from tinygrad_cl.data.recolor import Normalize as Normalize
from tinygrad_cl.data.sampler import BatchSampler as BatchSampler
from tinygrad_cl.data.sampler import RandomSampler as RandomSampler
from tinygrad_cl.data.sampler import Sampler as Sampler
from tinygrad_cl.data.sampler import SequentialSampler as SequentialSampler
from tinygrad_cl.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from tinygrad_cl.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from tinygrad_cl.data.sharing import DistributedSampler as DistributedSampler
from tinygrad_cl.data.threads import Prefetch as Prefetch

__all__ = [
    "Augmentation",
    "BatchSampler",
    "CSVDataset",
    "ChainDataset",
    "ColorJitter",
    "ColorShift",
    "Compose",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DecimalScaling",
    "DistributedSampler",
    "GaussianBlur",
    "GaussianNoise",
    "ImageDataset",
    "ImageFolder",
    "Inputs",
    "IterableDataset",
    "MemmapDataset",
    "MinMax",
    "Normalize",
    "Normalizer",
    "Prefetch",
    "RandomApply",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomSampler",
    "RandomVerticalFlip",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "Table",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "ZScore",
    "current_generator",
    "datasets",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "normalize",
    "one_hot",
    "open_npy",
    "open_npz",
    "random_split",
    "read_cifar10",
    "read_cifar100",
    "read_csv",
    "read_idx",
    "read_image",
    "read_npz",
    "write_idx",
]
