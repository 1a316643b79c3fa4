"""What is learned, one file each: a loss, and the measure that tells how good a network is at it."""

from .classification import Classification as Classification
from .custom import CustomTask as CustomTask
from .examples import task_of as task_of
from .multi_label import MultiLabel as MultiLabel
from .pixels import PixelClassification as PixelClassification
from .regression import Regression as Regression
from .segmentation import Segmentation as Segmentation
from .task import Task as Task

__all__ = [
    "Classification",
    "CustomTask",
    "MultiLabel",
    "PixelClassification",
    "Regression",
    "Segmentation",
    "Task",
    "task_of",
]
