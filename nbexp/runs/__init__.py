"""A run: its folder, what happened in it and what came of it, and requests to it while it goes."""
