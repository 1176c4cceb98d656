from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest

from nbexp.render.ansi import plain, settle, to_html
from nbexp.render.markdown import Anchors, prose, sanitize_html
from nbexp.render.mathml import to_mathml
from nbexp.render.sanitize import needs_sandbox

FORBIDDEN = {"script", "style", "svg", "iframe", "form", "input", "base", "meta", "link", "mglyph"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name: value or "" for name, value in attrs}


def test_markdown_is_githubs() -> None:
    html = prose("- [x] done\n- [ ] not\n\n|a|b|\n|-|-:|\n|1|2|\n\n~~gone~~ www.example.org").html
    assert 'aria-label="done">☑' in html
    assert 'aria-label="to do">☐' in html
    assert '<th style="text-align:right">b</th>' in html
    assert "<s>gone</s>" in html
    assert 'href="http://www.example.org" rel="noopener noreferrer" target="_blank"' in html


def test_fenced_code_is_highlighted() -> None:
    assert '<span class="k">def</span>' in prose("```python\ndef f(): ...\n```").html
    assert "a &lt; b" in prose("```nonsense\na < b\n```").html


def test_wide_tables_scroll_by_themselves() -> None:
    html = prose("|a|\n|-|\n|1|").html
    assert html.startswith('<div class="nb-scroll" role="group"')
    assert html.rstrip().endswith("</table></div>")


def test_headings_have_anchors_that_are_unique_and_apart_from_the_pages() -> None:
    anchors = Anchors()
    first = prose("# Results & *plots*\n## Results & plots").placed(anchors)
    second = prose("# Results & *plots*").placed(anchors)
    assert [heading.text for heading in first.headings] == ["Results & plots"] * 2
    given = [heading.anchor for heading in first.headings + second.headings]
    assert given == ["nb-results-plots", "nb-results-plots--2", "nb-results-plots--3"]
    assert all(f'id="{anchor}"' in first.html + second.html for anchor in given)
    assert "\0" not in first.html


def test_headings_stand_under_those_of_the_page() -> None:
    assert prose("# a\n###### b").html.startswith('<h3 class="nb-h1"')
    assert '<h6 class="nb-h6"' in prose("# a\n###### b").html


def test_links_within_a_notebook_lead_to_its_anchors() -> None:
    assert 'href="#nb-the-results"' in prose("[see](#The-Results)").html
    assert '<a id="nb-here">' in prose('<a name="here"></a>').html


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[data](data.csv)", '<a class="nb-inert" title="data.csv">data</a>'),
        ("[up](../x?a=1&b=2)", 'title="../x?a=1&amp;b=2"'),
        ("[run](javascript:alert(1))", "<p>[run](javascript:alert(1))</p>"),
        ("<a href='javascript:alert(1)'>run</a>", "<a>run</a>"),
        ("<a href='vbscript:x'>run</a>", "<a>run</a>"),
        (
            "<a href='data:text/html,x'>page</a>",
            '<a class="nb-inert" title="data:text/html,x">page</a>',
        ),
        ("<a href='data:text/csv,a%2Cb'>csv</a>", '<a href="data:text/csv,a%2Cb" download>'),
    ],
)
def test_links_lead_to_the_web_or_nowhere(source: str, shown: str) -> None:
    assert shown in prose(source).html


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            "![a plot](https://x.org/p.png)",
            '<a class="nb-absent" href="https://x.org/p.png" rel="noopener noreferrer" '
            'target="_blank">a plot (https://x.org/p.png)</a>',
        ),
        ("![a plot](p.png)", '<span class="nb-absent">a plot (p.png)</span>'),
        (
            "[![b](https://x.org/b.svg)](https://x.org)",
            '<span class="nb-absent">b (https://x.org/b.svg)</span></a>',
        ),
        ("![p](data:image/png;base64,AAAA)", '<img class="nb-picture" src="data:image/png;base64,'),
        (
            "<img alt=p src='data:text/html;base64,AAAA'>",
            '<span class="nb-absent">p (data:text/html',
        ),
        ("![p](attachment:gone.png)", '<span class="nb-absent">p (attachment:gone.png)</span>'),
    ],
)
def test_images_are_shown_only_where_nothing_is_loaded(source: str, shown: str) -> None:
    assert shown in prose(source).html


def test_attached_images_are_shown() -> None:
    html = prose("![p](attachment:a%20b.png)", {"a b.png": "data:image/png;base64,AAAA"}).html
    assert 'src="data:image/png;base64,AAAA" alt="p"' in html


@pytest.mark.parametrize(
    "source",
    [
        "<script>x</script>",
        "<img src=x onerror=x>",
        "<p onclick=x style='position:fixed'>x</p>",
        "<iframe src=//x></iframe>",
        "<svg onload=x></svg>",
        "<style>*{display:none}</style>",
        "<math><mtext><table><mglyph><style><img src=x onerror=x>",
        "<form action=//x><input name=x></form>",
        "<base href=//x><meta http-equiv=refresh content=0><link rel=prefetch href=//x>",
        "<p style='background:url(//x)'>x</p>",
        "<p style='width:99999px'>x</p>",
        "<p style='margin-top:-500px'>x</p>",
        "<div class='nb-cell page-header' id='main'>x</div>",
        "$\\text{</math><img src=x onerror=x>}$",
        "$\\href{javascript:x}{y}\\style{position:fixed}{y}\\class{nb-cell}{y}\\rule{99em}{999em}$",
    ],
)
@pytest.mark.parametrize("way", [lambda source: prose(source).html, sanitize_html])
def test_nothing_runs_loads_or_covers(source, way) -> None:
    found = Tags()
    found.feed(way(source))
    assert not found.names & FORBIDDEN
    assert not any(name.startswith("on") for name in found.attributes)
    values = " ".join(value for name, value in found.attributes.items() if name != "title")
    for word in ("//x", "nb-cell", "position", "javascript", "999", "-500"):
        assert word not in values
    assert found.attributes.get("id", "nb-").startswith("nb-")


def test_tags_within_attributes_do_not_break_out() -> None:
    html = prose("<h1 title='<img src=' lang='\">'>a</h1><a title='<h2>' href='#x'>b</a>").html
    assert html.startswith('<h3 class="nb-h1"')
    assert "<img" not in html
    assert "<h2" not in html


@pytest.mark.parametrize(
    ("source", "is_so"),
    [
        ("<table class='dataframe'><tr><td>1</td></tr></table>", False),
        ("<style scoped>\n .dataframe tbody tr th {}\n</style><table></table>", False),
        ("<style>#T_1 {color: red}</style><table id='T_1'></table>", True),
        ("<p>on the = way</p>", False),
        ("<p onclick='x'>y</p>", True),
        ("<svg></svg>", True),
        ("<my-element></my-element>", True),
    ],
)
def test_html_that_cleaning_would_change_is_known(source: str, is_so: bool) -> None:
    assert needs_sandbox(source) is is_so


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{a}{b}",
        r"\begin{align} a &= b \\ c &= d \end{align}",
        r"\begin{aligned} a &= b \end{aligned}",
        r"\begin{equation} x \label{eq:x} \end{equation}",
        r"\begin{cases} a & b \\ c & d \end{cases}",
        r"\text{a < b & c}",
        r"\hat{y} = \operatorname{softmax}(\mathbf{W} x)",
    ],
)
def test_formulas_become_mathml(latex: str) -> None:
    markup = to_mathml(latex, display=True)
    assert markup.startswith('<math display="block">')
    assert "\\" not in markup


def test_equations_are_not_numbered() -> None:
    assert "(1)" not in to_mathml(r"\begin{align} a &= b \\ c &= d \end{align}")


@pytest.mark.parametrize(
    "latex",
    [
        r"\newcommand{\a}{\b\b}\a",
        r"\def\a{x}\a",
        r"\unheard{x}",
        r"\frac{",
        "{" * 500,
        r"\sqrt{" * 300 + "}" * 300,
        "x^" * 3_000,
    ],
)
def test_formula_that_is_not_read_shows_its_source(latex: str) -> None:
    started = time.perf_counter()
    assert to_mathml(latex).startswith('<code class="nb-math-error">')
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b\n", "a &lt; b\n"),
        ("\x1b[31mred\x1b[0m plain", '<span class="nb-f1">red</span> plain'),
        ("\x1b[1;92mok", '<span class="nb-bold nb-f10">ok</span>'),
        ("\x1b[38;5;196mx", '<span class="nb-fx" style="--f:#ff0000">x</span>'),
        ("\x1b[48;2;1;2;300mx", '<span class="nb-bx" style="--b:#0102ff">x</span>'),
        ("  0%|   |\r 50%|#  |\r100%|###|\n", "100%|###|\n"),
        ("long line\rshort", "shortline"),
        ("abc\b\bX", "aXc"),
        ("one\ntwo\x1b[A\x1b[2K\rthree", "three\ntwo"),
        ("gone\x1b[2K\rhere", "here"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07\x1b[?25l", "link"),
        ("cut \x1b[", "cut ["),
    ],
)
def test_text_is_shown_as_a_terminal_does(text: str, html: str) -> None:
    assert to_html(text) == html


def test_progress_is_settled_before_it_is_measured() -> None:
    bar = "\r".join(f"{percent:3}%" for percent in range(100_000)) + "\ndone"
    assert len(settle(bar)) < 500
    assert to_html(settle(bar)).endswith("99999%\ndone")
    assert settle("a\r\nb\r\n") == "a\nb\n"


def test_plain_text_has_no_codes() -> None:
    assert plain("\x1b[1;31mNameError\x1b[0m: x\x07") == "NameError: x"


@pytest.mark.parametrize(
    "bomb",
    [
        "\x1b[400Cx\n" * 30_000,
        "x" * 100_000 + "\x1b[1K" * 30_000,
        "\x1b[999999999B\x1b[999999999Cx" * 10_000,
        "\x1b[31mx\x1b[32my" * 20_000,
        "\x1b[" + "1;" * 120_000 + "m",
        "\x1b]" * 120_000,
    ],
)
def test_escape_codes_neither_slow_it_down_nor_blow_it_up(bomb: str) -> None:
    started = time.perf_counter()
    html = to_html(bomb)
    assert time.perf_counter() - started < 5
    assert len(html) < 20 * len(bomb)
