"""What a browser would act on in a page that is made of strangers' words."""

from html.parser import HTMLParser

HOSTILE = '</style><script>alert(1)</script><img src="http://evil.example/x" onerror=alert(2)>\ud800\x00'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "data", "action", "srcset"}]


def tags_of(html: str) -> list[str]:
    """Return the names of all start tags."""
    return _read(html).tags


def addresses_of(html: str) -> list[str]:
    """Return what could be loaded or gone to."""
    return _read(html).addresses


def _read(html: str) -> _Tags:
    found = _Tags()
    found.feed(html)
    return found
