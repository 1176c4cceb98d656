"""Tracking of runs in MLflow and TensorBoard."""

from nbexp.tracking.connection import tracking_uri
from nbexp.tracking.lazy import LazyTracker
from nbexp.tracking.mlflow import MlflowTracker
from nbexp.tracking.reports import is_tracked, log_report
from nbexp.tracking.tensorboard import TensorboardListener

__all__ = [
    "LazyTracker",
    "MlflowTracker",
    "TensorboardListener",
    "is_tracked",
    "log_report",
    "tracking_uri",
]
