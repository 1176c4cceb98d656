"""What a kernel can tell of itself after an import; this file is run in the kernels compared.

Everything told is made of JSON's types. Places in memory are left out.
"""

from __future__ import annotations

import atexit
import gc
import json
import locale
import logging
import os
import random
import re
import signal
import sys
import threading
import warnings
import weakref
from pathlib import Path
from types import FunctionType, MethodType, ModuleType

DEEP = 3
MANY = 50  # entries of one table
LONG = 400  # characters of one text
OWN = ("__main__", "__mp_main__", "nbexp")
# Of a kernel's own objects, it is told which they are.
KERNEL = ("ipykernel", "IPython", "zmq", "tornado", "jupyter_client", "asyncio")
PLACE = re.compile(r"\b0x[0-9a-fA-F]{6,}|\b[1-9][0-9]{13,14}\b")

KEY = re.compile(PLACE.pattern + r"|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}")


def simple(value, deep=DEEP, seen=()):
    """Return what can be compared of a value, or None where nothing can be."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | Path):
        text = PLACE.sub("PLACE", repr(value))
        return text if len(text) < LONG else f"{text[:LONG]} {hash(text)}"
    if isinstance(value, FunctionType | MethodType | type):
        name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
        return PLACE.sub("PLACE", name)
    if isinstance(value, ModuleType | logging.Logger | logging.Manager | threading.Thread):
        return type(value).__name__
    if str(type(value).__module__).startswith(KERNEL):
        names = [name for name in ("stdout", "stderr") if value is getattr(sys, name)]
        return f"{type(value).__name__} {''.join(names)}"
    if deep == 0 or id(value) in seen:
        return type(value).__name__
    seen = (*seen, id(value))
    if isinstance(value, dict):
        items = sorted((KEY.sub("", repr(key)[:LONG]), at) for at, key in enumerate(value))
        values = list(value.values())
        more = {"…": len(value)} if len(value) > MANY else {}
        return more | {
            text: simple(values[at], deep - 1, seen)
            for text, at in items[:MANY]
            if text != "'__builtins__'"
        }
    if isinstance(value, list | tuple):
        return [simple(each, deep - 1, seen) for each in list(value)[:MANY]]
    if isinstance(value, set | frozenset):
        return sorted(str(simple(each, deep - 1, seen)) for each in value)[:MANY]
    return {"type": type(value).__name__} | fields(value, deep, seen)


def fields(value, deep, seen):
    """Return the attributes that lie in an object itself."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    return {
        str(name): simple(each, deep - 1, seen)
        for name, each in list(own.items())[:MANY]
        if name not in ("__weakref__", "__dict__")
    }


def tables(before):
    """Return the values that lie in modules and in their classes, by the modules' names."""
    return {
        name: dict(values_of(name, module))
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and not name.startswith(OWN) and name not in before
    }


def values_of(name, module):
    """Give the values that lie in a module and in its classes."""
    for key, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == name:
            for part, each in list(vars(value).items()):
                if isinstance(each, bool | int | float | str | list | dict | tuple):
                    yield f"{key}.{part}", simple(each)
        elif key not in ("__builtins__", "__warningregistry__", "__cached__"):
            yield key, simple(value)


def named(function):
    """Return a function's name."""
    name = getattr(function, "__qualname__", type(function).__name__)
    return f"{getattr(function, '__module__', '')}.{name}"


def stream_of(handler):
    """Return which stream a handler writes to."""
    stream = getattr(handler, "stream", None)
    names = ("stdout", "stderr", "__stdout__", "__stderr__")
    return next((name for name in names if stream is getattr(sys, name)), type(stream).__name__)


def logger(each):
    """Return how a logger is set."""
    handlers = [(type(h).__name__, h.level, stream_of(h)) for h in each.handlers]
    return [each.level, each.disabled, each.propagate, handlers, len(each.filters)]


def logs():
    """Return how loggers, handlers and warnings are set."""
    loggers = logging.root.manager.loggerDict
    found = {f"logger {n}": logger(e) for n, e in loggers.items() if isinstance(e, logging.Logger)}
    return found | {
        "logger": logger(logging.root),
        "handlers at the end": sorted(
            type(h()).__name__ for h in logging._handlerList if h() is not None
        ),
        "logging disabled": logging.root.manager.disable,
        "warning filters": [
            [f[0], f[1] and getattr(f[1], "pattern", str(f[1])), f[2].__name__, str(f[3]), f[4]]
            for f in warnings.filters
        ],
        "showwarning": named(warnings.showwarning),
    }


def hooks(shell):
    """Return what is registered with IPython and with Python."""
    formatters = {
        f"formatter {mime}": sorted(
            PLACE.sub("PLACE", str(key))
            for key in [*each.type_printers, *each.deferred_printers, *each.singleton_printers]
        )
        for mime, each in shell.display_formatter.formatters.items()
        if each.enabled
    }
    events = {f"event {n}": [named(f) for f in fs] for n, fs in shell.events.callbacks.items()}
    return {
        **formatters,
        **events,
        "magics": {k: sorted(v) for k, v in shell.magics_manager.magics.items()},
        "transformers": [named(f) for f in shell.input_transformers_post],
        "ast transformers": [named(f) for f in shell.ast_transformers],
        "exception handlers": str(shell.custom_exceptions),
        "comm targets": sorted(shell.kernel.comm_manager.targets),
        "names": sorted(shell.user_ns_hidden),
        "configuration": sorted(shell.config),
        "displayhook": named(sys.displayhook),
        "excepthook": named(sys.excepthook),
        "unraisablehook": named(sys.unraisablehook),
        "threading.excepthook": named(threading.excepthook),
        "exit functions": atexit._ncallbacks(),
        "finalizers": sum(f.atexit for f in list(weakref.finalize._registry)),
        "signals": {str(n): named(signal.getsignal(n)) for n in signal.valid_signals()},
        "importers": [named(each) for each in sys.meta_path],
        "streams": [named(type(s)) for s in (sys.stdin, sys.stdout, sys.stderr)],
        "names of streams": [s.name for s in (sys.__stdin__, sys.__stdout__, sys.__stderr__)],
    }


def place():
    """Return where the kernel runs."""
    return {
        "folder": os.getcwd(),  # noqa: PTH109 - a text
        "arguments": sys.argv,
        "command": [each.rpartition("/")[2] for each in sys.orig_argv],
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "encodings": [sys.getdefaultencoding(), locale.getpreferredencoding()],
        "path": sys.path,
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()],
        "collector": [gc.isenabled(), gc.get_threshold()],
        "threads": sorted(each.name.split("-")[0] for each in threading.enumerate()),
        "main thread": threading.main_thread().native_id == os.getpid(),
        "prompts": [getattr(sys, name, None) for name in ("ps1", "ps2", "ps3")],
        "modules of __main__": hasattr(sys.modules["__main__"], "__file__"),
    }


def draws():
    """Return numbers drawn at random, and numbers drawn from a seed."""
    found = {"random": random.random(), "bytes": os.urandom(4).hex()}
    random.seed(1)
    found["random, seeded"] = random.random()
    if numpy := sys.modules.get("numpy"):
        found["numpy"] = numpy.random.rand()
        found["numpy, new"] = numpy.random.default_rng().random()
        numpy.random.seed(1)
        found["numpy, seeded"] = numpy.random.rand()
    if (torch := sys.modules.get("torch")) and hasattr(torch, "rand"):
        found["torch"] = torch.rand(1).item()
        torch.manual_seed(1)
        found["torch, seeded"] = torch.rand(1).item()
    return found


def counts():
    """Return how many threads libraries would use."""
    found = {"processors": [os.cpu_count(), len(os.sched_getaffinity(0))]}
    if (torch := sys.modules.get("torch")) and hasattr(torch, "get_num_threads"):
        found["torch"] = [torch.get_num_threads(), torch.get_num_interop_threads()]
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return found
    return found | {each["prefix"]: each["num_threads"] for each in threadpool_info()}


def shown(expressions, shell):
    """Return what notebooks show of objects, by the code that makes them."""
    found = {}
    for code in expressions:
        *before, last = code.split("; ")
        names = {}
        exec("; ".join(before), names)
        value = eval(last, names)
        data, metadata = shell.display_formatter.format(value)
        text = {mime: PLACE.sub("PLACE", str(each)) for mime, each in data.items()}
        found[code] = [text, str(metadata), PLACE.sub("PLACE", str(value))]
    return found


def look(expressions, own, path):
    """Write all of it to a file; values are told of modules that aren't named in another one."""
    before = set(json.loads(Path(own).read_text()))
    shell = get_ipython()  # noqa: F821 - a kernel has it
    parts = {"draws": draws(), "hooks": hooks(shell), "logs": logs(), "place": place()}
    parts |= {"modules": sorted(sys.modules), "values": tables(before), "threads": counts()}
    Path(path).write_text(json.dumps(parts | {"shown": shown(expressions, shell)}, default=str))
