"""Writes the tables of the reference page anew: ``python -m nbexp.pipeline.tables PAGE``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nbexp.pipeline.tables import TABLES


def written(page: str) -> str:
    """Return the text of a page with its tables of keys as they are now.

    A table stands below the comment ``<!-- keys of HEADER -->``.
    """
    for table in TABLES:
        mark = f"<!-- keys of {table.header} -->\n"
        rows = "".join(f"{row}\n" for row in table.rows())
        page = re.sub(rf"{re.escape(mark)}(\|.*\n)*", lambda _: mark + rows, page)  # noqa: B023
    return page


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text()))
