from __future__ import annotations

from typing import Any

import pytest

from nbexp.pipeline.links import Gather, follow, is_link, parse_link

Parsed = tuple[str, Gather | None, str | None, tuple[str | int, ...]]

LINKS: dict[str, Parsed] = {
    "@train.model": ("train", None, "model", ()),
    "@train-2.val_acc": ("train-2", None, "val_acc", ()),
    "@train.out.key[0]": ("train", None, "out", ("key", 0)),
    "@train.out[0][-1].key": ("train", None, "out", (0, -1, "key")),
    "@train.params.lr": ("train", None, "params", ("lr",)),
    "@train.params.optimizer.lr": ("train", None, "params", ("optimizer", "lr")),
    "@train.notebook": ("train", None, "notebook", ()),
    "@train[*].model": ("train", Gather.KEPT, "model", ()),
    "@train[all].model.key": ("train", Gather.ALL, "model", ("key",)),
    "@train[all]": ("train", Gather.ALL, None, ()),
    "@train[*]": ("train", Gather.KEPT, None, ()),
    '@train."my scrap"': ("train", None, "my scrap", ()),
    '@train.out."a.b"[2]': ("train", None, "out", ("a.b", 2)),
    "@params.epochs": ("params", None, "epochs", ()),
}


@pytest.mark.parametrize("text", LINKS)
def test_link_is_read(text: str) -> None:
    link = parse_link(text)
    assert link is not None
    assert (link.stage, link.gather, link.name, link.path) == LINKS[text]
    assert link.text == text


@pytest.mark.parametrize(
    "text",
    ["@", "@train", "@train.", "@.model", "@train[0].model", "@train[].model", "@train[all]model",
     "@train[all][0]", "@train.model[x]", "@train.model[0.5]", "@train.model[]", "@train model",
     "@train.model ", "@ train.model", "@train..model", "@1.model", '@train."', "@[all].x"],
)  # fmt: skip
def test_malformed_link_is_none(text: str) -> None:
    assert is_link(text)
    assert parse_link(text) is None


@pytest.mark.parametrize("value", ["@@x", "", "x@y", 1, None, ["@a.b"]])
def test_other_values_are_no_links(value: Any) -> None:
    assert not is_link(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [((), {"a": [1, 2]}), (("a",), [1, 2]), (("a", 0), 1), (("a", -1), 2)],
)
def test_path_leads_into_a_value(path: tuple[str | int, ...], value: Any) -> None:
    assert follow({"a": [1, 2]}, path) == value


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("b",), "no 'b' in the value: its keys are a"),
        (("a", 2), "no 2 in the value.a: it has 2 items"),
        (("a", "x"), "no 'x' in the value.a: it has 2 items"),
        (("a", 0, "x"), r"no 'x' in the value.a\[0\]: it is 1"),
    ],
)
def test_path_that_leads_nowhere_says_where_it_ends(
    path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(LookupError, match=message):
        follow({"a": [1, 2]}, path)


def test_index_does_not_cut_text() -> None:
    with pytest.raises(LookupError, match="it is 'abc'"):
        follow("abc", (0,))
