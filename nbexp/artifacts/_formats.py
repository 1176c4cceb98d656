"""Every format, in the order in which they are asked whether they accept a value."""

from __future__ import annotations

from nbexp.artifacts._array import Array
from nbexp.artifacts._base import Format
from nbexp.artifacts._data import Json, Module, Tree
from nbexp.artifacts._frame import Frame
from nbexp.artifacts._path import FileOrFolder
from nbexp.artifacts._pickle import Pickle
from nbexp.artifacts._text import Bytes, Text

PICKLE = Pickle()

FORMATS: tuple[Format, ...] = (
    Text(),
    Bytes(),
    FileOrFolder(),
    Frame(),
    Array(),
    Module(),
    Json(),
    Tree(),
)

BY_NAME = {each.name: each for each in (*FORMATS, PICKLE)}
