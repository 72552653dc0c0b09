"""Data sets, the loader that turns them into batches on a device, and readers of data files."""

from __future__ import annotations

from tinygrad_cl.data import datasets as datasets
from tinygrad_cl.data.collate import default_collate as default_collate
from tinygrad_cl.data.dataset import ConcatDataset as ConcatDataset
from tinygrad_cl.data.dataset import Dataset as Dataset
from tinygrad_cl.data.dataset import Subset as Subset
from tinygrad_cl.data.dataset import TensorDataset as TensorDataset
from tinygrad_cl.data.dataset import random_split as random_split
from tinygrad_cl.data.datasets import ImageDataset as ImageDataset
from tinygrad_cl.data.idx import read_idx as read_idx
from tinygrad_cl.data.idx import write_idx as write_idx
from tinygrad_cl.data.loader import DataLoader as DataLoader

__all__ = [
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "ImageDataset",
    "Subset",
    "TensorDataset",
    "datasets",
    "default_collate",
    "random_split",
    "read_idx",
    "write_idx",
]
