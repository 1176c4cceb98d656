"""The ways in which notebooks reach data and code, each with what it reaches and how that changes.

Each notebook ends with a `VALUE`, which is the number that was last written into what it reaches.
"""

from __future__ import annotations

import json
import pickle
import sqlite3
import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where what a notebook reaches lies.

    Attributes:
        folder: Folder of its template.
        project: Folder of the pipeline.
        outside: A folder that does not move with the project.
        environment: Environment variables of the runs.
    """

    folder: Path
    project: Path
    outside: Path
    environment: dict[str, str]


@dataclass(frozen=True)
class Way:
    """A way to reach data or code.

    Attributes:
        name: Its name, and that of its stage.
        source: The notebook's code.
        write: Writes a number, from 1, into what it reaches.
        word: What `nbexp why` is to name.
        needs: Packages that it needs.
        params: Parameters of its stage.
        starts: The number that stands there first.
    """

    name: str
    source: str
    write: Callable[[Place, int], object]
    word: str
    needs: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    starts: int = 1


def pth_file() -> Path:
    """Return the file by which a package is installed for editing, in this environment."""
    return Path(sysconfig.get_path("purelib")) / "nbexp-benchmark-reach.pth"


def _text(name: str, form: str = "{}") -> Callable[[Place, int], object]:
    """Return what writes a number into a file of the notebook's folder."""

    def write(place: Place, number: int) -> None:
        path = place.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(form.format(number))

    return write


def _files(place: Place, number: int) -> None:
    for each in range(number):
        _text(f"numbers/{each}.txt")(place, each)


def _variable(name: str, *, first: bool = True) -> Callable[[Place, int], object]:
    def write(place: Place, number: int) -> None:
        if first or number > 1:
            place.environment[name] = str(number)

    return write


def _later(name: str, form: str) -> Callable[[Place, int], object]:
    """Return what writes a file that is not there at first."""
    return lambda place, number: number > 1 and _text(name, form)(place, number)


def _link(place: Place, number: int) -> None:
    for each in range(1, 4):
        _text(f"target-{each}.txt")(place, each)
    link = place.folder / "link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(f"target-{number}.txt")


def _package(place: Place, number: int) -> None:
    folder = place.outside / "packages" / "reach_editable"
    folder.mkdir(parents=True, exist_ok=True)
    source = "import pathlib\nVALUE = pathlib.Path(__file__).with_name('table.txt').read_text()\n"
    (folder / "__init__.py").write_text(source)
    (folder / "table.txt").write_text(str(number))
    pth_file().write_text(f"{folder.parent}\n")


def _on_python_path(place: Place, number: int) -> None:
    folder = place.project / "lib"
    folder.mkdir(exist_ok=True)
    (folder / "reach_on_path.py").write_text(f"VALUE = {number}\n")
    place.environment["PYTHONPATH"] = str(folder)


def _child(place: Place, number: int) -> None:
    source = "import child_module\nprint(child_module.VALUE + int(open('zero.txt').read()))\n"
    (place.folder / "x.py").write_text(source)
    (place.folder / "zero.txt").write_text("0")
    (place.folder / "child_module.py").write_text(f"VALUE = {number}\n")


def _pickle(place: Place, number: int) -> None:
    (place.folder / "data.pkl").write_bytes(pickle.dumps(number))


def _joblib(place: Place, number: int) -> None:
    import joblib

    joblib.dump(number, place.folder / "data.joblib")


def _parquet(name: str) -> Callable[[Place, int], object]:
    def write(place: Place, number: int) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        (place.folder / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({"v": [number]}), place.folder / name)

    return write


def _arrow(place: Place, number: int) -> None:
    import pyarrow as pa

    table = pa.table({"v": [number]})
    with pa.ipc.new_file(str(place.folder / "data.arrow"), table.schema) as file:
        file.write_table(table)


def _hdf(place: Place, number: int) -> None:
    import h5py

    with h5py.File(place.folder / "data.h5", "w") as file:
        file["v"] = number


def _sqlite(place: Place, number: int) -> None:
    database = sqlite3.connect(place.folder / "data.db")
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS t (v)")
        database.execute("DELETE FROM t")
        database.execute("INSERT INTO t VALUES (?)", [number])
    database.close()


def _numpy(place: Place, number: int) -> None:
    import numpy as np

    array = np.full(10, number, dtype="int64")
    np.save(place.folder / "data.npy", array)
    array.tofile(place.folder / "data.raw")


def _torch(place: Place, number: int) -> None:
    import torch

    torch.save({"v": torch.tensor(number)}, place.folder / "data.pt")


def _safetensors(place: Place, number: int) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"v": torch.tensor([number])}, place.folder / "data.safetensors")


def _image(place: Place, number: int) -> None:
    from PIL import Image

    Image.new("L", (number, 1)).save(place.folder / "data.png")


def _zip(place: Place, number: int) -> None:
    with zipfile.ZipFile(place.folder / "data.zip", "w") as file:
        file.writestr("v.txt", str(number))


def _resource(place: Place, number: int) -> None:
    _text("reach_resources/__init__.py", "")(place, number)
    _text("reach_resources/table.txt")(place, number)


def _artifact(place: Place, number: int) -> None:
    from nbexp import artifacts

    artifacts.save(place.folder / "kept", "table", [number])


_CSV = "v\n{}\n"
_CODE = "VALUE = {}\n"
_READ = "import pathlib\nVALUE = pathlib.Path('data.txt').read_text()"
_SHELL = "VALUE = VALUE[-1]"
_EXTENSION = "def load_ipython_extension(shell):\n    shell.user_ns['VALUE'] = {}\n"
_CHILD = """\
import subprocess, sys
code = "print(open('data.txt').read())"
VALUE = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout"""
_POOL = """\
import multiprocessing, pathlib
with multiprocessing.get_context("fork").Pool(1) as pool:
    (VALUE,) = pool.map(pathlib.Path.read_text, [pathlib.Path("data.txt")])"""
_DATASET = """\
from pyarrow import dataset
VALUE = dataset.dataset("numbers", format="parquet").to_table()["v"][0]"""
_ARROW = """\
import pyarrow as pa
with pa.memory_map("data.arrow") as source:
    VALUE = pa.ipc.open_file(source).read_all()["v"][0]"""
_SQLITE = """\
import sqlite3
database = sqlite3.connect("data.db")
((VALUE,),) = database.execute("SELECT v FROM t").fetchall()
database.close()"""
_FAILS_FIRST = """\
try:
    import reach_later
    VALUE = reach_later.VALUE
except ImportError:
    VALUE = 1"""
_CONFIG = """\
import configparser
config = configparser.ConfigParser()
config.read("data.ini")
VALUE = config["a"]["v"]"""
_OS_OPEN = """\
import os
file = os.open("data.txt", os.O_RDONLY)
VALUE = os.read(file, 10).decode()
os.close(file)"""
_URL = """\
import pathlib
import pandas as pd
VALUE = pd.read_csv(pathlib.Path("data.csv").absolute().as_uri())["v"][0]"""
_SAFETENSORS = """\
from safetensors.torch import load_file
VALUE = load_file("data.safetensors")["v"][0].item()"""

WAYS = (
    Way("copy-one", _READ, _text("data.txt"), "data.txt", starts=11),
    Way("copy-two", _READ, _text("data.txt"), "data.txt", starts=12),
    Way("sys-path", "import sys\nsys.path.append('../src')\nimport reach_source\n"
        "VALUE = reach_source.VALUE", _text("../src/reach_source.py", _CODE), "reach_source"),
    Way("pythonpath", "import reach_on_path\nVALUE = reach_on_path.VALUE", _on_python_path,
        "reach_on_path"),
    Way("import-module", "import importlib\nname = 'computed'\n"
        "VALUE = importlib.import_module('reach_' + name).VALUE",
        _text("reach_computed.py", _CODE), "reach_computed"),
    Way("exec-open", "exec(open('code.py').read())", _text("code.py", _CODE), "code.py"),
    Way("runpy", "import runpy\nVALUE = runpy.run_path('code.py')['VALUE']",
        _text("code.py", _CODE), "code.py"),
    Way("bash", f"VALUE = !bash x.sh\n{_SHELL}", _text("x.sh", "echo {}\n"), "x.sh"),
    Way("cat", f"VALUE = !cat data.txt\n{_SHELL}", _text("data.txt"), "data.txt"),
    Way("magic-run", "%run code.py", _text("code.py", _CODE), "code.py"),
    Way("python-child", f"import sys\nVALUE = !{{sys.executable}} x.py\n{_SHELL}", _child,
        "child_module"),
    Way("subprocess", _CHILD, _text("data.txt"), "data.txt"),
    Way("multiprocessing", _POOL, _text("data.txt"), "data.txt"),
    Way("own-package", "import reach_editable\nVALUE = reach_editable.VALUE", _package,
        "table.txt"),
    Way("pandas", "import pandas as pd\nVALUE = pd.read_csv('data.csv')['v'][0]",
        _text("data.csv", _CSV), "data.csv", ("pandas",)),
    Way("url", _URL, _text("data.csv", _CSV), "data.csv", ("pandas",)),
    Way("parquet", "from pyarrow import parquet\n"
        "VALUE = parquet.read_table('data.parquet')['v'][0]",
        _parquet("data.parquet"), "data.parquet", ("pyarrow",)),
    Way("dataset", _DATASET, _parquet("numbers/part.parquet"), "numbers", ("pyarrow",)),
    Way("memory-map", _ARROW, _arrow, "data.arrow", ("pyarrow",)),
    Way("h5py", "import h5py\nwith h5py.File('data.h5') as file:\n    VALUE = int(file['v'][()])",
        _hdf, "data.h5", ("h5py",)),
    Way("sqlite", _SQLITE, _sqlite, "data.db"),
    Way("memmap", "import numpy as np\nVALUE = np.memmap('data.raw', dtype='int64', mode='r')[0]",
        _numpy, "data.raw", ("numpy",)),
    Way("mmap-mode", "import numpy as np\nVALUE = np.load('data.npy', mmap_mode='r')[0]",
        _numpy, "data.npy", ("numpy",)),
    Way("torch", "import torch\nVALUE = torch.load('data.pt')['v'].item()", _torch, "data.pt",
        ("torch",)),
    Way("torch-mmap", "import torch\nVALUE = torch.load('data.pt', mmap=True)['v'].item()", _torch,
        "data.pt", ("torch",)),
    Way("safetensors", _SAFETENSORS, _safetensors, "data.safetensors", ("safetensors", "torch")),
    Way("pickle", "import pickle\nVALUE = pickle.load(open('data.pkl', 'rb'))", _pickle,
        "data.pkl"),
    Way("joblib", "import joblib\nVALUE = joblib.load('data.joblib')", _joblib, "data.joblib",
        ("joblib",)),
    Way("binary", "VALUE = open('data.bin', 'rb').read().decode()", _text("data.bin"), "data.bin"),
    Way("os-open", _OS_OPEN, _text("data.txt"), "data.txt"),
    Way("listdir", "import os\nVALUE = len(os.listdir('numbers'))", _files, "numbers"),
    Way("glob", "import glob\nVALUE = len(glob.glob('numbers/*.txt'))", _files, "numbers"),
    Way("scandir", "import os\nVALUE = sum(1 for _ in os.scandir('numbers'))", _files, "numbers"),
    Way("exists", "import os\nVALUE = 2 if os.path.exists('flag') else 1", _later("flag", "{}"),
        "flag"),
    Way("import-later", _FAILS_FIRST, _later("reach_later.py", _CODE), "reach_later"),
    Way("environ", "import os\nVALUE = os.environ['REACH_ENVIRON']", _variable("REACH_ENVIRON"),
        "REACH_ENVIRON"),
    Way("getenv", "import os\nVALUE = os.getenv('REACH_GETENV', '1')",
        _variable("REACH_GETENV", first=False), "REACH_GETENV"),
    Way("configparser", _CONFIG, _text("data.ini", "[a]\nv = {}\n"), "data.ini"),
    Way("toml", "import tomllib\nVALUE = tomllib.load(open('data.toml', 'rb'))['v']",
        _text("data.toml", "v = {}\n"), "data.toml"),
    Way("yaml", "import yaml\nVALUE = yaml.safe_load(open('data.yaml'))['v']",
        _text("data.yaml", "v: {}\n"), "data.yaml", ("yaml",)),
    Way("json", "import json\nVALUE = json.load(open('data.json'))", _text("data.json"),
        "data.json"),
    Way("image", "from PIL import Image\nVALUE = Image.open('data.png').width", _image, "data.png",
        ("PIL",)),
    Way("zip", "import zipfile\nVALUE = zipfile.ZipFile('data.zip').read('v.txt').decode()", _zip,
        "data.zip"),
    Way("resources", "import importlib.resources\n"
        "VALUE = (importlib.resources.files('reach_resources') / 'table.txt').read_text()",
        _resource, "table.txt"),
    Way("linecache", "import linecache\nVALUE = linecache.getline('data.txt', 1)",
        _text("data.txt", "{}\n"), "data.txt"),
    Way("symlink", "VALUE = open('link.txt').read()", _link, "link.txt"),
    Way("parameter", "VALUE = open(path).read()", _text("data.txt"), "data.txt",
        params={"path": "data.txt"}),
    Way("load-ext", "%load_ext reach_extension", _text("reach_extension.py", _EXTENSION),
        "reach_extension"),
    Way("nbexp-load", "import nbexp\nVALUE = nbexp.load('kept/table')[0]", _artifact, "kept/table"),
)  # fmt: skip


def write_notebook(path: Path, way: Way) -> None:
    """Write the notebook of a way."""
    sources = [way.source, "import nbexp\nnbexp.glue('value', str(VALUE).strip())"]
    tags = [[], []]
    if way.params:
        sources.insert(0, "\n".join(f"{name} = None" for name in way.params))
        tags.insert(0, ["parameters"])
    cells = [
        {"cell_type": "code", "execution_count": None, "id": f"c{number}", "outputs": [],
         "metadata": {"tags": tags[number]}, "source": source}
        for number, source in enumerate(sources)
    ]  # fmt: skip
    spec = {"name": "python3", "display_name": "python3", "language": "python"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": spec},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook))
