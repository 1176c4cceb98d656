"""A notebook that is observed does what it does by hand, and odd files do no harm."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from types import ModuleType

import pytest
from observed_project import Project, make

from nbexp.observe.calls import hear
from nbexp.observe.states import Files

SAME = {
    "signatures": """
        import inspect, os, pathlib
        assert str(inspect.signature(os.path.exists)) == '(path)'
        assert str(inspect.signature(os.path.getsize)) == '(filename)'
        assert not hasattr(os.path.isdir, '__wrapped__')
        assert list(inspect.signature(pathlib.Path.exists).parameters)[0] == 'self'
    """,
    "pickles": """
        import genericpath, os, pickle
        assert pickle.loads(pickle.dumps(os.path.exists)) is os.path.exists is genericpath.exists
        assert pickle.loads(pickle.dumps(os.path.getmtime)) is os.path.getmtime
    """,
    "processes": """
        import multiprocessing, os
        if __name__ == '__main__':
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                assert pool.map(os.path.exists, ['main.py', 'none']) == [True, False]
    """,
    "tracebacks": """
        import os, traceback
        for call in (lambda: os.environ['NONE'], lambda: os.path.getsize('none'),
                     lambda: os.environ[1], lambda: os.path.exists(1.5)):
            try:
                call()
            except Exception:
                text = traceback.format_exc()
                assert 'nbexp' not in text and text.count('File') <= 4, text
            else:
                raise AssertionError
    """,
    "warnings of readers": """
        import traceback, warnings
        from nbexp.observe.readers import _telling
        def load(path):
            warnings.warn('old', stacklevel=2)
            raise OSError(path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            try:
                _telling(load, lambda *_: None)('x')
            except OSError:
                assert 'nbexp' not in traceback.format_exc()
        assert caught[0].filename == __file__, caught[0].filename
    """,
    "subclasses of paths": """
        import pathlib
        class Own(type(pathlib.Path())):
            def exists(self, **kwargs):
                return super().exists(**kwargs)
        assert Own('main.py').exists() and not Own('none').is_file()
    """,
    "environment replaced": """
        import os
        real = os.environ
        os.environ = {'X': '1'}
        assert os.environ['X'] == '1' and os.getenv('NONE') is None and real.get('NONE') is None
    """,
    "environment cleared": "import os; os.environ.clear(); assert not os.environ.copy()",
    "folder deleted": """
        import os
        os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')
        assert not os.path.exists('x')
        os.environ.get('ASKED')
        os.chdir('/')
    """,
    "storm of forks": """
        import os
        for _ in range(50):
            if not (child := os.fork()):
                open('../data/a.csv').close(); os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    """,
    "threads": """
        import os, threading
        def work(n):
            for k in range(50):
                os.path.exists(f'{n}-{k}'); os.listdir('.')
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
    """,
    "hook of its own": """
        import sys
        heard = []
        sys.addaudithook(lambda event, args: heard.append(event))
        open('../data/a.csv').close()
        assert 'open' in heard
    """,
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_observed_code_does_what_it_does_unobserved(project: Project, case: str) -> None:
    record = project.run(SAME[case])
    assert project.changes(record) == []


def test_pipes_devices_and_loops_are_neither_read_nor_trusted_to_be_seen(project: Project) -> None:
    os.mkfifo(project.root / "data" / "pipe")
    (project.root / "data" / "loop").symlink_to("loop")
    code = """
        import os
        os.close(os.open('../data/pipe', os.O_RDONLY | os.O_NONBLOCK))
        open('/dev/null').read()
        assert os.path.exists('../data/pipe') and not os.path.exists('../data/loop')
        try: open('../data/loop')
        except OSError: pass
    """
    record = project.run(code)
    assert record["unseen"] == ["it reads data/pipe, a pipe or a device, which can't be checked"]
    assert record["inputs"]["data/pipe"] == {"kind": "other"}
    assert project.changes(record) == []
    make("import os; os.remove('data/pipe'); open('data/pipe', 'w')", project.root)
    assert project.changes(record) == ["the content of file data/pipe changed"]


@pytest.mark.parametrize("name", [b"line\nbreak", b"\xff\xfe", b"n" * 250, "ü 'q\" #%".encode()])
def test_files_of_any_name_count(project: Project, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(project.root / "data") + b"/" + name))
    path.write_text("1")
    record = project.run(f"open(b'../data/' + {name!r}).read()")
    assert project.changes(record) == []
    path.write_text("2")
    assert len(project.changes(record)) == 1


def test_time_that_a_test_freezes_is_not_taken_for_the_real_one(project: Project) -> None:
    code = """
        import sys, time
        real = time.time
        for module in list(sys.modules.values()):
            for name in dir(module):
                if getattr(module, name, None) is real:
                    setattr(module, name, lambda: 1.0)
        open('../data/a.csv').read()
    """
    assert project.changes(project.run(code)) == []


def test_function_whose_source_is_missing_tells_all_the_same() -> None:
    module = ModuleType("made")
    exec("def double(number):\n    return number * 2", vars(module))
    heard: list[int] = []
    hear(module, "double", heard.append)
    assert (module.double(2), heard) == (4, [2])
    assert str(inspect.signature(module.double)) == "(number)"


def test_what_is_imported_is_written_at_once_when_it_is_asked_for(project: Project) -> None:
    code = """
        import sys
        sys.path[:0] = ['../src', '../data']
        import json, csv, decimal
        from nbexp.observe import hook
        hook.flush()
    """
    seen = project.run(code)["inputs"]
    assert {f"{folder}/decimal.py" for folder in ("src", "data")} <= seen.keys()


def test_file_that_changes_within_a_tick_of_the_clock_is_read_again(tmp_path: Path) -> None:
    files, path = Files(), tmp_path / "file"
    digests = set()
    for text in "0123456789":
        path.write_text(text)
        digests.add(files.state(str(path))["digest"])
    assert len(digests) == 10
