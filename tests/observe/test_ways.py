"""The ways in which a notebook reaches data and code: each is seen, and a change of each told."""

from __future__ import annotations

import pytest
from observed_project import Project, make

# Code that makes a file, code that reads it, the file, and code that changes it.
WAYS = {
    "open": ("", "open('../data/a.csv').read()", "data/a.csv", ""),
    "open in binary": ("", "open(b'../data/a.csv', 'rb').read()", "data/a.csv", ""),
    "pathlib": ("", "__import__('pathlib').Path('../data/a.csv').read_text()", "data/a.csv", ""),
    "os.open": ("", "import os; os.read(os.open('../data/a.csv', os.O_RDONLY), 9)", "data/a.csv",
                ""),
    "after chdir": ("", "import os; os.chdir('../data'); open('a.csv').read()", "data/a.csv", ""),
    "absolute": ("", "import os; open(os.path.abspath('../data/a.csv')).read()", "data/a.csv", ""),
    "io.open_code": ("", "import io; io.open_code(__import__('os').path.abspath('../data/a.csv'))",
                     "data/a.csv", ""),
    "pandas": ("", "import pandas; pandas.read_csv('../data/a.csv')", "data/a.csv", ""),
    "numpy memmap": ("open('data/m', 'wb').write(bytes(16))",
                     "import numpy; numpy.memmap('../data/m', mode='r')", "data/m", ""),
    "numpy load": ("import numpy; numpy.save('data/m.npy', numpy.zeros(3))",
                   "import numpy; numpy.load('../data/m.npy', mmap_mode='r')", "data/m.npy", ""),
    "parquet": ("import pandas; pandas.DataFrame({'x': [1]}).to_parquet('data/t.parquet')",
                "import pyarrow.parquet as pq; pq.read_table('../data/t.parquet')",
                "data/t.parquet", ""),
    "parquet file": ("import pandas; pandas.DataFrame({'x': [1]}).to_parquet('data/t.parquet')",
                     "from pyarrow.parquet import ParquetFile; ParquetFile('../data/t.parquet')",
                     "data/t.parquet", ""),
    "pandas parquet": ("import pandas; pandas.DataFrame({'x': [1]}).to_parquet('data/t.parquet')",
                       "import pandas; pandas.read_parquet('../data/t.parquet')",
                       "data/t.parquet", ""),
    "arrow dataset": ("import pandas, os; os.mkdir('data/d'); "
                      "pandas.DataFrame({'x': [1]}).to_parquet('data/d/1.parquet')",
                      "import pyarrow.dataset as ds; ds.dataset('../data/d').to_table()",
                      "data/d", "open('data/d/2.parquet', 'wb')"),
    "arrow memory map": ("", "import pyarrow; pyarrow.memory_map('../data/a.csv').read()",
                         "data/a.csv", ""),
    "arrow file": ("", "import pyarrow; pyarrow.OSFile('../data/a.csv').read()", "data/a.csv", ""),
    "sqlite": ("import sqlite3; c = sqlite3.connect('data/x.db'); c.execute('create table t(a)'); "
               "c.commit()",
               "import sqlite3; sqlite3.connect('../data/x.db').execute('select * from t')",
               "data/x.db",
               "import sqlite3; c = sqlite3.connect('data/x.db'); "
               "c.execute('insert into t values (1)'); c.commit()"),
    "sqlite uri": ("import sqlite3; c = sqlite3.connect('data/x.db'); "
                   "c.execute('create table t(a)')",
                   "import sqlite3; sqlite3.connect('file:../data/x.db?mode=ro', uri=True)",
                   "data/x.db", ""),
    "torch": ("import torch; torch.save(1, 'data/t.pt')",
              "import torch; torch.load('../data/t.pt')", "data/t.pt", ""),
    "torch mmap": ("import torch; torch.save(torch.zeros(3), 'data/t.pt')",
                   "import torch; torch.load('../data/t.pt', mmap=True)", "data/t.pt", ""),
    "safetensors": ("import torch; from safetensors.torch import save_file; "
                    "save_file({'x': torch.zeros(1)}, 'data/t.safetensors')",
                    "from safetensors.torch import load_file; load_file('../data/t.safetensors')",
                    "data/t.safetensors", ""),
    "safetensors opened": ("import torch; from safetensors.torch import save_file; "
                           "save_file({'x': torch.zeros(1)}, 'data/t.safetensors')",
                           "from safetensors import safe_open; "
                           "safe_open('../data/t.safetensors', 'np')", "data/t.safetensors", ""),
    "zipfile": ("import zipfile; zipfile.ZipFile('data/z.zip', 'w').writestr('a', 'b')",
                "import zipfile; zipfile.ZipFile('../data/z.zip').namelist()", "data/z.zip", ""),
    "PIL": ("from PIL import Image; Image.new('L', (2, 2)).save('data/i.png')",
            "from PIL import Image; Image.open('../data/i.png').load()", "data/i.png", ""),
    "joblib": ("import joblib; joblib.dump(1, 'data/j')", "import joblib; joblib.load('../data/j')",
               "data/j", ""),
    "import": ("", "import sys; sys.path.append('../src'); import lib", "src/lib.py", ""),
    "import again": ("import sys; sys.path.append('src'); import lib",  # a compiled file is there
                     "import sys; sys.path.append('../src'); import lib", "src/lib.py", ""),
    "import_module": ("", "import sys, importlib; sys.path.append('../src'); "
                      "importlib.import_module('l' + 'ib')", "src/lib.py", ""),
    "exec": ("", "exec(open('../src/lib.py').read())", "src/lib.py", ""),
    "runpy": ("", "import runpy; runpy.run_path('../src/lib.py')", "src/lib.py", ""),
    "importlib.resources": ("import os; os.mkdir('src/pkg'); open('src/pkg/__init__.py', 'w'); "
                            "open('src/pkg/d.txt', 'w').write('1')",
                            "import sys; sys.path.append('../src'); "
                            "import importlib.resources as r;"
                            "r.files('pkg').joinpath('d.txt').read_text()", "src/pkg/d.txt", ""),
    "python child": ("", "import subprocess, sys; "
                     "subprocess.run([sys.executable, '-c', 'open(\"../data/a.csv\").read()'])",
                     "data/a.csv", ""),
    "script of a child": ("", "import subprocess, sys; "
                          "subprocess.run([sys.executable, '../src/lib.py'])", "src/lib.py", ""),
    "child of a child": ("", "import subprocess, sys; subprocess.run(['bash', '-c', "
                         "sys.executable + ' ../src/lib.py'])", "src/lib.py", ""),
    "os.system": ("", "import os; os.system('cat ../data/a.csv')", "data/a.csv", ""),
    "shell": ("", "import subprocess; subprocess.run('cat ../data/a.csv | wc', shell=True)",
              "data/a.csv", ""),
    "fork": ("", "import os\nif (p := os.fork()) == 0:\n    open('../data/a.csv').read()\n"
             "    os._exit(0)\nos.waitpid(p, 0)", "data/a.csv", ""),
    "multiprocessing": ("", "import multiprocessing as m\ndef f(p): open(p).read()\n"
                        "if __name__ == '__main__':\n"
                        "    with m.get_context('spawn').Pool(1) as p:\n"
                        "        p.map(f, ['../data/a.csv'])", "data/a.csv", ""),
    "thread": ("", "import threading; t = threading.Thread(target=lambda: open('../data/a.csv'));"
               "t.start(); t.join()", "data/a.csv", ""),
    "symbolic link": ("import os; os.symlink('a.csv', 'data/link')", "open('../data/link').read()",
                      "data/link", "import os; os.remove('data/link'); "
                      "os.symlink('b.txt', 'data/link')"),
    "listed": ("", "import os; os.listdir('../data')", "data", "open('data/new', 'w')"),
    "scanned": ("", "import os; list(os.scandir('../data'))", "data", "open('data/new', 'w')"),
    "walked": ("", "import os; list(os.walk('../data'))", "data", "open('data/new', 'w')"),
    "iterdir": ("", "import pathlib; list(pathlib.Path('../data').iterdir())", "data",
                "open('data/new', 'w')"),
    "glob": ("", "import glob; glob.glob('../data/*.csv')", "data/*.csv",
             "open('data/n.csv', 'w')"),
    "pathlib glob": ("", "import pathlib; list(pathlib.Path('../data').glob('*.csv'))",
                     "data/*.csv", "open('data/n.csv', 'w')"),
    "rglob": ("", "import pathlib; list(pathlib.Path('../data').rglob('*.csv'))", "data/**/*.csv",
              "import os; os.mkdir('data/d'); open('data/d/n.csv', 'w')"),
    "looked for in vain": ("", "import os; os.path.exists('../data/new')", "data/new",
                           "open('data/new', 'w')"),
    "pathlib looked": ("", "import pathlib; pathlib.Path('../data/new').is_file()", "data/new",
                       "open('data/new', 'w')"),
    "looked for and found": ("", "import os; os.path.isfile('../data/a.csv')", "data/a.csv",
                             "import os; os.remove('data/a.csv')"),
    "measured": ("", "import os; os.path.getsize('../data/a.csv')", "data/a.csv", ""),
    "not there when opened": ("", "try: open('../data/new')\nexcept OSError: pass", "data/new",
                              "open('data/new', 'w')"),
    "imported in vain": ("", "try: import new\nexcept ImportError: pass", "nbs/new.py",
                         "open('nbs/new.py', 'w')"),
    "shadowed": ("", "import sys; sys.path.append('../src'); import lib", "nbs/lib.py",
                 "open('nbs/lib.py', 'w')"),
    "renamed": ("", "import shutil; shutil.copy('../data/a.csv', 'own')", "data/a.csv", ""),
    "read after it was appended to": ("", "open('../data/a.csv', 'a').close(); "
                                      "open('../data/a.csv').read()", "data/a.csv", ""),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_way_is_seen_and_its_change_is_told(project: Project, way: str) -> None:
    before, code, path, change = WAYS[way]
    make(before, project.root)
    record = project.run(code)
    assert project.changes(record) == []
    make(change or f"open({path!r}, 'ab').write(b'2')", project.root)
    told = project.changes(record)
    assert [each for each in told if path in each], (told, record["inputs"])
