"""Kernels forked from a process that has their imports done, so that they start at once."""
