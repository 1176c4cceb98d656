"""What a notebook writes itself is no input of it, but what was there before is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from observed_project import Project, make

from nbexp.observe.check import Check

# What it does, what is done afterwards, and whether a result of before still counts.
CASES = {
    "written": ("open('out', 'w').write('1')", "open('nbs/out', 'w').write('2')", True),
    "written and read": ("open('out', 'w').write('1'); open('out').read()",
                         "open('nbs/out', 'w').write('2')", True),
    "written and gone": ("open('out', 'w').write('1'); open('out').read()",
                         "import os; os.remove('nbs/out')", True),
    "kept for the next time": ("import os\nif not os.path.exists('out'): open('out', 'w')\n"
                               "open('out').read()", "", True),
    "kept, and then changed": ("import os\nif not os.path.exists('out'): open('out', 'w')\n"
                               "open('out').read()", "open('nbs/out', 'w').write('2')", False),
    "kept, and then deleted": ("import os\nif not os.path.exists('out'): open('out', 'w')\n"
                               "open('out').read()", "import os; os.remove('nbs/out')", True),
    "counted up": ("n = int(open('../data/n').read()); open('../data/n', 'w').write(str(n + 1))",
                   "", True),
    "counted up, and changed": ("n = int(open('../data/n').read()); "
                                "open('../data/n', 'w').write(str(n + 1))",
                                "open('data/n', 'w').write('7')", False),
    "read and deleted": ("import os; open('../data/n').read(); os.remove('../data/n')", "", True),
    "moved away": ("import os; os.replace('../data/n', 'own'); open('own').read()", "", True),
    "written by a child": ("import subprocess, sys; subprocess.run([sys.executable, '-c', "
                           "'open(\"out\", \"w\").write(\"1\")']); open('out').read()",
                           "open('nbs/out', 'w').write('2')", True),
    "made in a listed folder": ("import os; os.listdir('.'); open('out', 'w')", "", True),
    "another in a listed folder": ("import os; os.listdir('.'); open('out', 'w')",
                                   "open('nbs/more', 'w')", False),
    "a folder of its own": ("import os; os.makedirs('o', exist_ok=True); open('o/x', 'w'); "
                            "os.listdir('o')", "open('nbs/o/y', 'w')", True),
    "a folder that was there": ("import os; os.makedirs('../data', exist_ok=True); "
                                "os.listdir('../data')", "open('data/more', 'w')", False),
    "made only if it is new": ("try: open('../data/n', 'x').write('1')\n"
                               "except FileExistsError: pass\nopen('../data/n').read()",
                               "open('data/n', 'w').write('7')", False),
    "compiled modules": ("import sys; sys.path.append('../src'); import lib",
                         "import sys; sys.path.append('src'); import lib", True),
    "touched": ("open('../data/n').read()", "import os; os.utime('data/n', (1, 1))", True),
    "written anew as it was": ("open('../data/n').read()", "open('data/n', 'w').write('1')", True),
    "changed and set back in time": (
        "open('../data/n').read()",
        "import os; s = os.stat('data/n'); open('data/n', 'r+').write('8'); "
        "os.utime('data/n', ns=(s.st_atime_ns, s.st_mtime_ns))", False),
    "linked to its own": ("import os; os.symlink('../data/n', 'link'); open('link').read()",
                          "open('data/n', 'w').write('7')", False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_it_writes_itself_is_no_input(project: Project, case: str) -> None:
    code, change, is_same = CASES[case]
    (project.root / "data" / "n").write_text("1")
    record = project.run(code)
    make(change, project.root)
    told = project.changes(record)
    assert (not told) == is_same, (told, record["inputs"])


def test_written_files_are_told_as_far_as_they_are_still_there(project: Project) -> None:
    record = project.run("import os\nopen('a', 'w'); open('b', 'w'); os.remove('b'); os.mkdir('c')")
    assert record["written"] == ["nbs/a"]


def test_file_that_changes_while_the_notebook_runs_is_not_trusted(project: Project) -> None:
    code = """
        import subprocess, sys
        open('../data/a.csv').read()
        subprocess.run([sys.executable, '-S', '-c', 'open("../data/a.csv", "a").write("3")'],
                       env={})
    """
    record = project.run(code)
    assert project.changes(record) == ["file data/a.csv changed while the notebook ran"]


@pytest.mark.parametrize("is_moved_along", [True, False])
def test_moved_project_finds_what_it_used(project: Project, is_moved_along: bool) -> None:
    beside = project.root.parent / "beside.txt"
    beside.write_text("1")
    record = project.run("open('../data/a.csv').read(); open('../../beside.txt').read()")
    new = project.root.parent / ("new" if is_moved_along else "deep/new")
    new.parent.mkdir(exist_ok=True)
    project.root.rename(new)
    check = Check(new, os.environ, project.files)
    assert list(check.changes(record)) == []
    (new / "data" / "a.csv").write_text("other")
    beside.write_text("2")
    check = Check(new, os.environ, project.files)
    assert set(check.changes(record)) == {
        "the content of file data/a.csv changed",
        f"the content of file {beside} changed",
    }


def test_copied_project_reads_what_lies_beside_itself(project: Project, tmp_path: Path) -> None:
    (project.root.parent / "beside.txt").write_text("1")
    record = project.run("open('../../beside.txt').read()")
    (tmp_path / "copy").mkdir()
    project.root.rename(tmp_path / "copy" / "project")
    (tmp_path / "copy" / "beside.txt").write_text("2")
    check = Check(tmp_path / "copy" / "project", os.environ, project.files)
    assert not check.is_same(record)


def test_manifest_of_a_variant_is_no_input_but_another_one_is(project: Project) -> None:
    places = ("runs/r-1/variants/train-1", "data/variants/red", "runs/of/variants/another")
    for place in places:
        (project.root / place).mkdir(parents=True)
        (project.root / place / "manifest.json").write_text("{}")
    (project.root / places[0] / "variant.json").write_text("{}")
    recorded = project.run("; ".join(f"open('../{p}/manifest.json').read()" for p in places))
    found = [name for name in recorded["inputs"] if "manifest" in name]
    assert sorted(found) == sorted(f"{place}/manifest.json" for place in places[1:])
    # As a version before recorded it.
    recorded["inputs"]["runs/r-1/variants/train-1/manifest.json"] = {"kind": "file", "size": 9}
    assert project.changes(recorded) == []
