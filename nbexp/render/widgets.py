"""Widgets as they stood when the notebook was saved: as plain HTML, and to be moved in a frame.

The plain HTML, of the values that they had, is all there is without their own library, in print,
and for widgets of which the library has none. Widgets that only show something stay so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

from nbexp.render.markdown import sanitize_html

_STATE = "application/vnd.jupyter.widget-state+json"
_MODEL = "IPY_MODEL_"
_MOST = 500  # widgets in one view
_DEEPEST = 20

_BOXES = {"HBoxModel": "nb-row", "VBoxModel": "nb-column", "BoxModel": "nb-row",
          "GridBoxModel": "nb-row", "AccordionModel": "nb-column", "TabModel": "nb-column",
          "StackModel": "nb-column"}  # fmt: skip
_CHOICES = {"DropdownModel", "SelectModel", "RadioButtonsModel", "ToggleButtonsModel",
            "SelectionSliderModel", "SelectMultipleModel", "SelectionRangeSliderModel"}  # fmt: skip
_HTML = {"HTMLModel", "HTMLMathModel"}
_PROGRESS = {"FloatProgressModel", "IntProgressModel"}
_CHECKS = {"CheckboxModel", "ToggleButtonModel", "ValidModel"}
_STILL = {*_HTML, *_PROGRESS, "LabelModel", "OutputModel", "HBoxModel", "VBoxModel", "BoxModel",
          "GridBoxModel"}  # fmt: skip
_LINKS = {"LinkModel", "DirectionalLinkModel"}
# What the library holds, with the versions that are saved in the same way.
_BUNDLED = {"@jupyter-widgets/base": "2.", "@jupyter-widgets/controls": "2.",
            "@jupyter-widgets/output": "1."}  # fmt: skip
_OF_THE_PAGE = re.compile(r"""<iframe|\s(?:src|href)="(?!data:|https?:|#)""")


class Widgets:
    """The widgets of a notebook.

    Args:
        metadata: What a notebook keeps in ``metadata.widgets``.
        outputs: Renders the outputs that an ``Output`` widget holds.
    """

    def __init__(self, metadata: Any, outputs: Callable[[Any], str]) -> None:
        kept = metadata.get(_STATE) if isinstance(metadata, Mapping) else None
        state = kept.get("state") if isinstance(kept, Mapping) else None
        self._models: Mapping[str, Any] = state if isinstance(state, Mapping) else {}
        self._outputs = outputs
        self._shown: dict[str, str] = {}  # what the ``Output`` widgets hold
        self._left = 0

    def render(self, model: Any) -> str | None:
        """Return a widget as HTML, or None where its state was not saved or is of no known kind."""
        self._left = _MOST
        shown = self._widget(model, 0)
        return f'<div class="nb-widget">{shown}</div>' if shown else None

    def view(self, model: Any) -> Mapping[str, Any] | None:
        """Return what a frame needs to show a widget that `render` was called for before.

        Returns:
            The id of its ``model``, and the ``state`` of all that it consists of; None where there
            is nothing to move in it, or a part of it would be missing in a frame.
        """
        state: dict[str, Any] = {name: self._models.get(name) for name in self._reached(model)}
        if not all(map(_is_bundled, state.values())):
            return None
        names = {str(kept.get("model_name")) for kept in state.values()}
        if {name for name in names if not name.endswith(("LayoutModel", "StyleModel"))} <= _STILL:
            return None
        for name in state.keys() & self._shown.keys():
            if _OF_THE_PAGE.search(self._shown[name]):
                return None
            outputs = {**state[name]["state"], "outputs": [self._shown[name]]}
            state[name] = {**state[name], "state": outputs}
        return {"model": model, "state": state}

    def _reached(self, model: Any) -> list[str]:
        """Return the ids of a widget, of all that it refers to, and of what links these."""
        reached = _closure(self._models, [model])
        for name, kept in self._models.items():
            ends = _references(kept)
            if isinstance(kept, Mapping) and kept.get("model_name") in _LINKS and ends:
                reached += [name] if set(ends) <= set(reached) else []
        return reached

    def _widget(self, model: Any, depth: int) -> str:
        self._left -= 1
        kept = self._models.get(model) if isinstance(model, str) else None
        if not isinstance(kept, Mapping) or depth > _DEEPEST or self._left < 0:
            return ""
        name, state = str(kept.get("model_name")), kept.get("state")
        if not isinstance(state, Mapping):
            return ""
        if name in _BOXES:
            children = "".join(self._children(state, depth))
            return f'<div class="{_BOXES[name]}">{children}</div>' if children else ""
        if name == "OutputModel":
            self._shown[model] = self._outputs(state.get("outputs"))
            return self._shown[model]
        return _control(name, state)

    def _children(self, state: Mapping[str, Any], depth: int) -> Iterator[str]:
        children = state.get("children")
        titles = state.get("titles")
        for number, child in enumerate(children if isinstance(children, list) else ()):
            shown = self._widget(str(child).removeprefix(_MODEL), depth + 1)
            if shown and isinstance(titles, list | tuple) and number < len(titles):
                yield f'<div class="nb-widget-title">{escape(str(titles[number]))}</div>'
            yield shown


def _closure(models: Mapping[str, Any], start: list[Any]) -> list[str]:
    reached: dict[str, None] = {}
    waiting = list(start)
    while waiting and len(reached) < _MOST * 4:
        name = waiting.pop()
        if isinstance(name, str) and name not in reached:
            reached[name] = None
            waiting += _references(models.get(name))
    return list(reached)


def _references(value: Any, depth: int = 0) -> list[str]:
    """Return the ids of the widgets that a value refers to, in lists and tables too."""
    if isinstance(value, str):
        return [value.removeprefix(_MODEL)] if value.startswith(_MODEL) else []
    items = value.values() if isinstance(value, Mapping) else value
    if depth > _DEEPEST or not isinstance(value, Mapping | list):
        return []
    return [name for item in items for name in _references(item, depth + 1)]


def _is_bundled(kept: Any) -> bool:
    """Whether the library can show a widget; it must have been saved whole, too."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("state"), Mapping):
        return False
    version = _BUNDLED.get(str(kept.get("model_module")))
    return bool(version) and str(kept.get("model_module_version")).startswith(str(version))


def _control(name: str, state: Mapping[str, Any]) -> str:
    label = _label(state)
    value = state.get("value")
    if name in _HTML:
        return f"<div>{label}{sanitize_html(str(value or ''))}</div>"
    if name in _PROGRESS:
        return _progress(label, state)
    if name in _CHECKS:
        sign, words = ("☑", "on") if value else ("☐", "off")
        return f'<div>{label}<span role="img" aria-label="{words}">{sign}</span></div>'
    if name in _CHOICES:
        return f"<div>{label}{_value(_chosen(state))}</div>"
    if name == "ButtonModel":
        return f'<div class="nb-button">{label}</div>' if label else ""
    if name == "LabelModel":
        return f"<div>{escape(str(value or ''))}</div>"
    if isinstance(value, str | int | float | list) and not isinstance(value, bool):
        return f"<div>{label}{_value(value)}</div>"
    return ""


def _progress(label: str, state: Mapping[str, Any]) -> str:
    numbers = [state.get(key, default) for key, default in (("value", 0), ("min", 0), ("max", 100))]
    if not all(isinstance(number, int | float) for number in numbers):
        return ""
    value, least, most = numbers
    share = min(max((value - least) / ((most - least) or 1), 0), 1)
    return f'<div>{label}<progress max="1" value="{share:.4g}">{share:.0%}</progress></div>'


def _label(state: Mapping[str, Any]) -> str:
    text = state.get("description")
    return f'<span class="nb-label">{escape(str(text))}</span> ' if text else ""


def _chosen(state: Mapping[str, Any]) -> Any:
    labels, index = state.get("_options_labels"), state.get("index")
    if not isinstance(labels, list | tuple):
        return state.get("value", "")
    chosen = index if isinstance(index, list) else [index]
    return [labels[at] for at in chosen if isinstance(at, int) and 0 <= at < len(labels)]


def _value(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    return f"<code>{escape(', '.join(str(item)[:500] for item in items[:50]))}</code>"
