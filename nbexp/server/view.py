"""What the server shows, as pages: folders, notebooks, what a search found, runs."""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbexp import __version__
from nbexp.errors import UsageError
from nbexp.formats import read_notebook
from nbexp.render import LIBRARIES, RenderedNotebook, library_source, render_notebook
from nbexp.reports.pages import POLICY, Pages, asset, library_script
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.variant_folder import NOTEBOOK, RUNS, VARIANTS
from nbexp.server.boards import Boards, is_installed
from nbexp.server.contents import Catalogue
from nbexp.server.findings import grouped
from nbexp.server.runs import Histories, LiveRun
from nbexp.server.searching import Query, search
from nbexp.server.stores import Store, StoreEntry
from nbexp.wording import time_text

_MOST_HITS = 200
_NEWEST_RUNS = 10  # shown of a project
_NOTEBOOKS_KEPT = 4  # rendered, in memory

# The pages' own policy, but that they may ask this server, by scripts and by its search form.
SERVER_POLICY = (
    POLICY.replace(" file:", "")
    .replace("connect-src 'none'", "connect-src 'self'")
    .replace("form-action 'none'", "form-action 'self'")
)


@dataclass(frozen=True)
class Crumb:
    """A folder on the way to a page.

    Attributes:
        name: What it is called.
        url: Its page; empty for the page itself.
    """

    name: str
    url: str


class View:
    """What is shown of a store; its methods may be called by many threads.

    Args:
        store: Where the notebooks are.
        base_url: What all addresses begin with, such as ``/nbexp``; without a slash at the end.
        has_boards: Whether to offer TensorBoard, which listens on this machine's loopback alone.
    """

    def __init__(self, store: Store, base_url: str = "", *, has_boards: bool = True) -> None:
        self.store = store
        self.base_url = base_url.rstrip("/")
        self.boards = Boards() if has_boards and is_installed() else None
        self._folder = tempfile.TemporaryDirectory(prefix="nbexp-view-")
        self._attachments = Path(self._folder.name)
        self._catalogue = Catalogue(store)
        self._runs: dict[str, LiveRun] = {}
        self._histories = Histories()
        self._rendered: OrderedDict[StoreEntry, RenderedNotebook] = OrderedDict()
        self._lock = threading.Lock()
        told = {"version": __version__, "policy": SERVER_POLICY, "base": self.base_url}
        self._pages = Pages(told)

    def close(self) -> None:
        """End what was started, and remove what was written."""
        if self.boards:
            self.boards.close()
        self._folder.cleanup()

    def browse(self, path: str) -> str:
        """Return the page of a folder.

        Raises:
            KeyError: There is no such folder.
        """
        self._need(path, is_folder=True)
        found = sorted(self.store.list(path), key=lambda entry: _in_order(entry.name))
        folders = [each for each in found if each.is_folder]
        runs = [(each, run.summary()) for each in folders if (run := self._run_at(each.path))]
        are_runs = {entry for entry, _ in runs}
        newest, count = ([], 0) if runs else self._newest_runs(path)
        return self._page(
            "browse.html",
            path,
            newest_runs=newest,
            runs_count=count,
            folders=[each for each in folders if each not in are_runs],
            runs=sorted(runs, key=lambda pair: pair[1]["order"], reverse=True),
            notebooks=[each for each in found if each.is_notebook],
            files=[each for each in found if not each.is_folder and not each.is_notebook],
            hits=None,
            query="",
        )

    def search(self, path: str, text: str) -> str:
        """Return the page of what was found in a folder and beneath.

        Raises:
            KeyError: There is no such folder.
        """
        self._need(path, is_folder=True)
        notebooks = self.store.notebooks(path)
        hits = search(Query.read(text), notebooks, self._catalogue)
        found = list(islice(hits, _MOST_HITS + 1))
        return self._page(
            "browse.html",
            path,
            hits=found[:_MOST_HITS],
            groups=grouped(found[:_MOST_HITS], path, self.run),
            has_more=len(found) > _MOST_HITS,
            query=text,
        )

    def notebook(self, path: str) -> str:
        """Return the page of a notebook.

        Raises:
            KeyError: There is no such notebook.
            UsageError: It can't be read.
        """
        entry = self._need(path)
        rendered = self._notebook(entry)
        libraries = [f"lib-{name}.js" for name in sorted(rendered.libraries & LIBRARIES.keys())]
        return self._page("notebook.html", path, entry=entry, notebook=rendered, scripts=libraries)

    def url(self, entry: StoreEntry) -> str:
        """Return the address of what is in the store: its page, or the file itself."""
        if entry.is_folder:
            is_run = self._run_at(entry.path) is not None
            return (
                self._at("run", entry.path, "/index.html")
                if is_run
                else self._folder_at(entry.path)
            )
        if not entry.is_notebook:
            return self._at("raw", entry.path)
        folder, _, file = entry.path.rpartition("/")
        above, _, variants = folder.rpartition("/")[0].rpartition("/")
        if file == NOTEBOOK and variants == VARIANTS and (run := self._run_at(above)):
            name = folder.rpartition("/")[2]
            if name in run.history().variants:
                return self._at("run", above, f"/variants/{quote(name)}.html")
        return self._at("notebook", entry.path)

    def run(self, path: str) -> tuple[LiveRun, str, str]:
        """Return a run, its own path, and what follows it in a path.

        Raises:
            KeyError: There is no run.
        """
        parts = path.split("/") if path else []
        for count in range(len(parts) + 1):
            own = "/".join(parts[:count])
            if run := self._run_at(own):
                return run, own, "/".join(parts[count:])
        raise KeyError(path)

    def run_page(self, path: str) -> str:
        """Return a page of a run, or data of one.

        Raises:
            KeyError: There is no such page.
        """
        run, own, page = self.run(path)
        kind, _, file = page.rpartition("/")
        if kind != "console":
            return run.render(page)
        variant = run.history().variants[file.removesuffix(".html")]
        return self._page("log.html", f"{own}/{variant.name}".lstrip("/"), variant=variant)

    def run_data(self, path: str, query: Callable[[str], str]) -> Mapping[str, Any]:
        """Return how far a run is, or what one of its variants printed.

        Args:
            path: The run's, followed by ``live.json`` or ``console/NAME.json``.
            query: Returns an argument of the request, or an empty text.

        Raises:
            KeyError: There is no such run or variant.
        """
        run, _, page = self.run(path)
        if page == "live.json":
            return run.progress(query("variant"))
        name = page.removeprefix("console/").removesuffix(".json")
        offset = query("offset")
        return run.console(name, int(offset) if offset.isdecimal() else None)

    def board(self, path: str) -> str:
        """Return the address of a run's TensorBoard, which is started if need be.

        Raises:
            KeyError: There is no such run, or no TensorBoard.
            NbexpError: It did not start.
        """
        run, _, _ = self.run(path)
        if self.boards is None:
            raise KeyError(path)
        return self.boards.address(run.folder.tensorboard)

    def attachment(self, path: str) -> bytes:
        """Return a big output of a notebook.

        Raises:
            KeyError: There is none.
        """
        file = (self._attachments / path).resolve()
        if not file.is_relative_to(self._attachments.resolve()) or not file.is_file():
            raise KeyError(path)
        return file.read_bytes()

    def run_attachment(self, path: str) -> bytes:
        """Return a big output of a variant's notebook.

        Raises:
            KeyError: There is none.
        """
        run, _, page = self.run(path)
        return self.attachment(f"{run.attachments.name}/{page}")

    def asset(self, name: str) -> str:
        """Return a style sheet, a script, or a library for the frames of outputs.

        Raises:
            KeyError: There is none of this name.
        """
        library = name.removeprefix("lib-").removesuffix(".js")
        if name == f"lib-{library}.js" and library in LIBRARIES:
            source = library_source(library)
            return library_script(library, source) if source else ""
        if "/" in name or not name.endswith((".css", ".js")):
            raise KeyError(name)
        with suppress(OSError):
            return asset(name)
        raise KeyError(name)

    def _newest_runs(self, path: str) -> tuple[list[tuple[StoreEntry, dict[str, Any]]], int]:
        """Return the newest runs of the project in a folder, and how many there are."""
        place = f"{path}/{RUNS}".lstrip("/")
        folder = self.store.local(place)
        runs = list_runs(folder) if folder else []
        entries = (self.store.stat(f"{place}/{each.id}") for each in runs[: -_NEWEST_RUNS - 1 : -1])
        found = [
            (entry, run.summary())
            for entry in entries
            if entry and (run := self._run_at(entry.path))
        ]
        return found, len(runs)

    def _page(self, template: str, path: str, **values: Any) -> str:
        return self._pages.render(
            template,
            **values,
            crumbs=self._crumbs(path),
            folder=path,
            root=f"{self.base_url}/",
            now=time.time(),
            title=path.rpartition("/")[2] or self.store.title,
            url=self.url,
            changed=lambda entry: time_text(entry.changed)[:16],
        )

    def _crumbs(self, path: str) -> Sequence[Crumb]:
        parts = path.split("/") if path else []
        above = ["/".join(parts[:count]) for count in range(len(parts))]
        names = [self.store.title, *parts]
        urls = [*(self.url(StoreEntry(each, True)) for each in above), ""]
        return [Crumb(name, url) for name, url in zip(names, urls, strict=True)]

    def _need(self, path: str, *, is_folder: bool = False) -> StoreEntry:
        entry = self.store.stat(path)
        if entry is None or entry.is_folder is not is_folder:
            raise KeyError(path)
        return entry

    def _run_at(self, path: str) -> LiveRun | None:
        """Return the run in a folder, if it is one; always the same."""
        folder = self.store.local(path)
        try:
            if folder is None or not RunFolder(folder).exists:
                return None
        except PermissionError:  # who can't look into it sees a folder
            return None
        with self._lock:
            if path not in self._runs:
                attachments = self._attachments / f"run-{_short_hash(path)}"
                attachments.mkdir(parents=True, exist_ok=True)
                shared = self._shared(path, folder)
                self._runs[path] = LiveRun(
                    folder, attachments, shared, self._histories, has_neighbours=bool(path)
                )
            return self._runs[path]

    def _shared(self, path: str, folder: Path) -> dict[str, Any]:
        above = path.rpartition("/")[0]
        live = {
            "up": self._folder_at(above),
            "name": above.rpartition("/")[2] or self.store.title,
            "has_board": self.boards is not None and RunFolder(folder).tensorboard.is_dir(),
        }
        return {"policy": SERVER_POLICY, "live": live}

    def _at(self, kind: str, path: str, end: str = "") -> str:
        return f"{self.base_url}/{kind}{f'/{quote(path)}' if path else ''}{end}"

    def _folder_at(self, path: str) -> str:
        return self._at("browse", path, "/")

    def _notebook(self, entry: StoreEntry) -> RenderedNotebook:
        with self._lock:
            if entry in self._rendered:
                return self._rendered[entry]
        try:
            content = read_notebook(self.store.read(entry.path), is_executed=False)
        except OSError:
            raise
        except Exception as error:  # half a file, or no notebook at all
            raise UsageError(f"{entry.path} can't be read as a notebook: {error}") from error
        name = f"notebook-{_short_hash(repr(entry))}"
        attachments_url = f"{self.base_url}/aside/{name}"
        rendered = render_notebook(
            content,
            attachments=self._attachments / name,
            attachments_url=attachments_url,
            whole_url=self._at("raw", entry.path),
        )
        with self._lock:
            self._rendered[entry] = rendered
            while len(self._rendered) > _NOTEBOOKS_KEPT:
                self._rendered.popitem(last=False)
        return rendered


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _in_order(name: str) -> list[tuple[bool, int, str]]:
    """Return a key by which ``fold-9`` comes before ``fold-10``."""
    parts = re.split(r"(\d+)", name.lower())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
