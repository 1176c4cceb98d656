"""Typed save and load: one artifact is one folder, described by its ``artifact.json``."""

from nbexp.artifacts._folder import Artifact, load, read, save, scan

__all__ = ["Artifact", "load", "read", "save", "scan"]
