"""Save and load artifacts from a notebook, in a run or by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nbexp.runs.variant_folder import VariantFolder

_BY_HAND = "nbexp-artifacts"


def save(name: str, value: Any, *, pickle: bool = False) -> str:
    """Save a value as an artifact, in place of an older one of the same name.

    In a run it goes into the variant's folder, and later stages can link to it as
    ``@stage.name``. By hand it goes to ``./nbexp-artifacts/NAME``.

    Args:
        name: Letters, digits, ``_``, ``-`` and ``.``, which may not come first.
        value: A DataFrame or Series, numpy array or scalar, torch tensor or module (its weights),
            JSON data also with tuples, arrays and tensors among it, a str, bytes, or a
            `pathlib.Path` of a file or folder to copy.
        pickle: Whether a value of any other type may be pickled.

    Returns:
        The reference to give to `load`: the path of the artifact's folder.

    Raises:
        ArtifactError: The name or value can't be kept.

    Example:
        >>> import nbexp
        >>> reference = nbexp.save("scores", {"train": [0.8, 0.9], "test": [0.7, 0.8]})
        >>> nbexp.load(reference)
        {'train': [0.8, 0.9], 'test': [0.7, 0.8]}
    """
    from nbexp import artifacts

    run = os.environ.get("NBEXP_FOLDER")
    parent = VariantFolder(Path(run)).artifacts if run else Path.cwd() / _BY_HAND
    path = artifacts.save(parent, name, value, pickle=pickle).path
    if not run:
        _say_where_once()
    return str(path)


def load(ref: str | Path, *, into: Any = None, pickle: bool = False) -> Any:
    """Load an artifact.

    Args:
        ref: What `save` returned, or the value of a parameter linked to an artifact.
        into: A `torch.nn.Module` to load saved weights into; it is returned.
        pickle: Whether a pickle may be loaded. It can run any code: say so only for artifacts
            of your own.

    Returns:
        The value; for a module the state dict, unless `into` is given; for a saved file or
        folder the path of its copy.

    Raises:
        ArtifactError: There is no complete artifact, or it can't be loaded this way.

    Example:
        >>> import nbexp, numpy
        >>> nbexp.load(nbexp.save("weights", numpy.eye(2)))
        array([[1., 0.],
               [0., 1.]])
    """
    from nbexp import artifacts

    return artifacts.load(ref, into=into, pickle=pickle)


_said: list[bool] = []


def _say_where_once() -> None:
    if not _said:
        _said.append(True)
        print(f"nbexp: not in a run, so artifacts are saved to ./{_BY_HAND}")
