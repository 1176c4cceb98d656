"""A local, read-only server: folders of notebooks, and runs while they go."""

from nbexp.server.handlers import handlers
from nbexp.server.serving import PORT, Options, serve
from nbexp.server.stores import LocalStore, Store, open_store
from nbexp.server.view import View

__all__ = ["PORT", "LocalStore", "Options", "Store", "View", "handlers", "open_store", "serve"]
