"""Record small values in the notebook itself, in scrapbook's format.

Each value becomes an output of the cell that scrapbook's reader and ours both read. JSON data
that would not survive the way into the notebook (NaN, infinity, large integers, a top-level None)
travels as a JSON text, which both readers parse.
"""

from __future__ import annotations

import base64
import io
import json
import math
import sys
from typing import Any

from nbexp.errors import GlueError
from nbexp.notebook.reader import DEEPEST, depth
from nbexp.scrapbook_format import ABOUT, VERSION, mime_of

# Beyond this size a list is no small value, and slows down everything that opens the notebook.
_MOST_ITEMS = 10_000
_MOST_BITS = 10_000  # Python reads no number of more than 4,300 digits
# JavaScript, which writes notebooks by hand, rounds integers from here on.
_LARGEST_INT = 2**53
# What a reader would take for a number that is not finite, as sb.glue leaves them.
_AMBIGUOUS = frozenset({"nan", "inf", "-inf"})

Bundle = dict[str, Any]


def glue(name: str, value: Any, *, display: Any = None) -> None:
    """Record a value under a name; glued again, the last value counts.

    Args:
        name: Name of the scrap, by which later stages link to it (``@stage.name``).
        value: A number, text, None, list or dict of these; numpy scalars, arrays and tensors of
            up to 10,000 items, and tuples, become numbers and lists, and keys of dicts become
            text, as in JSON. A DataFrame; or a figure or anything else with a rich display,
            which is recorded as it looks.
        display: Whether to show the value as well, or which MIME types of it (a list), or
            arguments for IPython's `format_display_data` (a dict), as in `scrapbook.glue`.

    Raises:
        GlueError: The value can't be glued.

    Example:
        >>> import nbexp
        >>> nbexp.glue("accuracy", 0.93)
        >>> nbexp.glue("confusion", [[48, 2], [5, 45]])
    """
    if not isinstance(name, str) or not name:
        raise GlueError(f"The name of a scrap must be a text, but is {name!r}.")
    _check_text(name, "the name of a scrap")
    encoded = _encode(name, value)
    bundle: Bundle = {}
    metadata: Bundle = {}
    if encoded is None or display:
        bundle, metadata = _rich(name, value, display, required=encoded is None)
    if encoded is not None:
        encoder, data = encoded
        payload = {"name": name, "data": data, "encoder": encoder, "version": VERSION}
        bundle[mime_of(encoder)] = payload
    is_shown = encoded is None or bool(display)
    metadata[ABOUT] = {"name": name, "data": encoded is not None, "display": is_shown}
    _publish(bundle, metadata)


def _publish(bundle: Bundle, metadata: Bundle) -> None:
    """Send an output to the notebook; outside of IPython there is nowhere to record it."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return
    from IPython.display import publish_display_data

    publish_display_data(bundle, metadata)


def _encode(name: str, value: Any) -> tuple[str, Any] | None:
    """Return the encoder and data of a value, or None where only its display can be kept."""
    if _is_frame(value):
        return "pandas", _parquet(name, value)
    try:
        plain = _plain(value, f"scrap {name!r}")
        if depth(plain) > DEEPEST:
            raise RecursionError  # noqa: TRY301 - the same to the user
    except GlueError:
        if _has_rich_display(value):
            return None
        raise
    except RecursionError:
        raise GlueError(
            f"scrap {name!r}: this {type(value).__name__} is nested too deeply, or holds itself. "
            "Glue the parts that matter."
        ) from None
    if isinstance(plain, str):
        return "text", plain
    # scrapbook's schema has no null.
    return "json", plain if plain is not None and _survives(plain) else json.dumps(plain)


def _plain(value: Any, where: str) -> Any:
    """Return a value as JSON data, or raise GlueError."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _check_text(str.__str__(value), where)  # the text itself, also of an Enum
    if isinstance(value, int):
        return _check_digits(int(value), where)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}, item {n}") for n, item in enumerate(value)]
    if isinstance(value, dict):
        return _plain_dict(value, where)
    numeric = _plain_numeric(value, where)
    if numeric is None:
        raise _refusal(value, where)
    return numeric


def _plain_dict(table: dict[Any, Any], where: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in table.items():
        text = _plain_key(key, where)
        if text in result:
            raise GlueError(
                f"{where}: two keys become the same text {text!r} in JSON. Rename one of them."
            )
        result[text] = _plain(item, f"{where}, key {key!r}")
    return result


def _plain_key(key: Any, where: str) -> str:
    plain = _plain(key, f"{where}, a key")
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list | dict):
        raise GlueError(
            f"{where}: a key of type {type(key).__name__} has no place in JSON. "
            "Use texts or numbers as keys."
        )
    return json.dumps(plain)


def _plain_numeric(value: Any, where: str) -> Any:
    """Return a numpy or torch value as numbers and lists, or None where it is neither."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        _check_size(value.numel(), where)
        return _plain(value.detach().cpu().tolist(), where)
    if numpy is not None and isinstance(value, numpy.ndarray):
        _check_size(value.size, where)
        return _plain(value.tolist(), where)
    if numpy is None or not isinstance(value, numpy.generic):
        return None
    if isinstance(value, numpy.floating):
        return float(value)  # item() of a long double returns itself
    if isinstance(value, numpy.bool_ | numpy.integer):
        return value.item()
    return None


def _check_text(text: str, where: str) -> str:
    """Return a text that UTF-8 can hold, as files and messages need it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise GlueError(
            f"{where}: the text {text!r} holds {text[error.start]!r}, half of a character, which "
            "UTF-8 can't hold; often it is the name of a file whose bytes are no UTF-8. Glue "
            "text.encode(errors='replace').decode(), or repr(text)."
        ) from None
    return text


def _check_digits(number: int, where: str) -> int:
    if number.bit_length() > _MOST_BITS:
        raise GlueError(
            f"{where}: a whole number of {number.bit_length():,} bits is too large for a notebook. "
            "Glue float(value) or hex(value), or save it: nbexp.save(name, hex(value))."
        )
    return number


def _check_size(count: int, where: str) -> None:
    if count > _MOST_ITEMS:
        raise GlueError(
            f"{where}: {count:,} items are too many for a notebook (up to {_MOST_ITEMS:,} are "
            "glued). Save it as an artifact: nbexp.save(name, value)."
        )


def _refusal(value: Any, where: str) -> GlueError:
    remedy = "Save it as an artifact: nbexp.save(name, value)"
    if isinstance(value, set | frozenset):
        remedy = "Make it a list first: sorted(value)"
    elif type(value).__module__ in ("datetime", "pathlib", "uuid", "decimal", "fractions"):
        remedy = "Glue str(value) or float(value)"
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return GlueError(f"{where}: a value of type {kind} can't be glued. {remedy}.")


def _survives(value: Any) -> bool:
    """Return whether JSON data comes back the same after its way through messages and files."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) < _LARGEST_INT
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return value not in _AMBIGUOUS
    if isinstance(value, dict):
        return all(map(_survives, value.values()))
    return all(_survives(item) for item in value)


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _parquet(name: str, frame: Any) -> str:
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow")
    except Exception as error:
        raise GlueError(
            f"scrap {name!r}: this DataFrame does not fit into parquet: {error}. Give its columns "
            "text as names and one type each, or glue frame.to_dict('list')."
        ) from error
    return base64.b64encode(buffer.getvalue()).decode()


def _has_rich_display(value: Any) -> bool:
    if _is_figure(value):
        return True
    if "IPython" not in sys.modules:
        return False
    bundle, _ = _format(value, {"exclude": ["text/plain"]})  # one that fails would be shown
    return bool(bundle.keys() - {"text/plain"})


def _is_figure(value: Any) -> bool:
    matplotlib = sys.modules.get("matplotlib.figure")
    return matplotlib is not None and isinstance(value, matplotlib.Figure)


def _rich(name: str, value: Any, display: Any, *, required: bool) -> tuple[Bundle, Bundle]:
    options: dict[str, Any] = {}
    if isinstance(display, list | tuple):
        options = {"include": display}
    elif isinstance(display, dict):
        options = display
    bundle, metadata = _format(value, options)
    if _is_figure(value) and not bundle.keys() - {"text/plain"} and not options:
        bundle["image/png"] = _png(value)
    if required and not bundle:
        raise GlueError(
            f"scrap {name!r}: this {type(value).__name__} has no display as {display!r}. "
            "Leave out `display` to record all that it has."
        )
    return bundle, metadata


def _format(value: Any, options: dict[str, Any]) -> tuple[Bundle, Bundle]:
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return {"text/plain": repr(value)}, {}
    bundle, metadata = ipython.get_ipython().display_formatter.format(value, **options)
    return dict(bundle), dict(metadata)


def _png(figure: Any) -> str:
    """Draw a figure that IPython was not told about, such as one made without pyplot."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()
