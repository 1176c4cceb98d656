"""``python -m nbexp``: the same as the command ``nbexp``."""

from nbexp.cli import main

main()
