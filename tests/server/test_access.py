"""Who is let in, and what can't be reached by whichever path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nbexp.server import LocalStore

TOKEN = "a-token"


@pytest.fixture
def guarded(serve, notebooks: Path):
    with serve(LocalStore(notebooks), token=TOKEN) as found:
        yield found


def test_without_a_token_every_path_is_refused_with_what_to_do(guarded) -> None:
    for path in ("/", "/browse/", "/raw/plain.ipynb", "/assets/report.css", "/none", "/?token=no"):
        answer = guarded.get(path)
        assert answer.status == 403
        assert "Open the address that nbexp view printed" in answer.text


def test_token_is_exchanged_for_a_cookie_and_leaves_the_address(guarded) -> None:
    answer = guarded.get(f"/search/?q=lr%3C1&token={TOKEN}")
    assert answer.status == 302
    assert answer.headers["Location"] == "/search/?q=lr%3C1"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert str(guarded.port) in cookie
    assert guarded.get("/browse/", Cookie=cookie.partition(";")[0]).status == 200
    assert guarded.get("/browse/", Cookie=f"nbexp-view-{guarded.port}=no").status == 403


def test_redirect_after_the_token_stays_on_the_server(guarded) -> None:
    answer = guarded.get(f"//evil.example/?token={TOKEN}")
    assert answer.headers["Location"] == "/evil.example/"


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:80", 200), ("localhost", 200), ("[::1]:1", 200), ("192.168.0.7:8899", 200),
     ("evil.example", 403), ("127.0.0.1.evil.example:80", 403), ("", 403)],
)  # fmt: skip
def test_requests_for_other_names_are_refused(served, host: str, status: int) -> None:
    assert served.get("/browse/", Host=host).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_allowed(served, method: str) -> None:
    assert served.get("/raw/plain.ipynb", method).status == 405


def test_head_has_the_headers_and_no_body(served) -> None:
    answer = served.get("/raw/plain.ipynb", "HEAD")
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) > 0
    assert answer.body == b""


@pytest.mark.parametrize(
    "path",
    ["/raw/../outside.txt", "/raw/a b/../../outside.txt", "/raw/..%2foutside.txt",
     "/raw/%2e%2e/outside.txt", "/raw//etc/passwd", "/raw/%2fetc%2fpasswd", "/raw/link.txt",
     "/raw/away/outside.txt", "/browse/away/", "/raw/.secret", "/raw/%2esecret", "/raw/to-secret",
     "/browse/.hidden/", "/notebook/.hidden/hidden.ipynb", "/raw/a%20b%2ffirst.ipynb",
     "/raw/plain.ipynb%00", "/raw/a\\b", "/raw/a b", "/browse/plain.ipynb", "/notebook/none.ipynb",
     "/aside/../plain.ipynb", "/aside/", "/assets/../pages/base.html", "/assets/base.html", "/run/",
     "/run/a b/index.html", "/elsewhere"],
)  # fmt: skip
def test_no_path_leads_out_of_the_root_or_to_what_is_hidden(served, path: str) -> None:
    answer = served.get(path.replace(" ", "%20"))
    assert answer.status == 404
    assert b"outside" not in answer.body


def test_listing_and_search_leave_out_what_is_hidden_or_outside(served) -> None:
    text = served.get("/browse/").text
    assert "plain.ipynb" in text
    for name in ("secret", "hidden", "link.txt", "away"):
        assert name not in text
    assert "hidden.ipynb" not in served.get("/search/?q=lr").text


@pytest.mark.parametrize("path", ["/browse/", "/raw/plain.ipynb", "/none", "/assets/report.js"])
def test_every_answer_has_the_headers(served, path: str) -> None:
    headers = served.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "file:" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/raw/page.html", "/raw/plain.ipynb", "/raw/data%20%3C1%3E.csv"])
def test_files_are_saved_and_never_shown(served, path: str) -> None:
    headers = served.get(path).headers
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert headers["Content-Type"] == "application/octet-stream"


def test_links_of_a_folder_lead_somewhere(served) -> None:
    text = served.get("/browse/").text
    links = set(re.findall(r'href="(/[^"]*)"', text))
    assert {"/browse/a%20b/", "/notebook/plain.ipynb", "/raw/data%20%3C1%3E.csv"} <= links
    for link in links - {"/notebook/broken.ipynb"}:
        assert served.get(link).status == 200, link
