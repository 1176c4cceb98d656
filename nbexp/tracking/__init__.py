"""Tracking of runs in MLflow."""

from nbexp.tracking.mlflow import MlflowTracker, tracking_uri

__all__ = ["MlflowTracker", "tracking_uri"]
