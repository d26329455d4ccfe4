"""What is sent to the record over HTTP, until it has become documents."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, a text or an address that waits to be read.

    Attributes:
        name: Display name, which also hints at the format; never used as a path.
        uri: Identity of the document: what comes later under the same one is its next version. Empty for an address.
        url: Address to fetch, in place of `content`.
        content: The bytes; `None` for an address.
        media_type: What the sender declared; a hint, since content decides.
        title: As the sender says, like the rest; stronger than what the document says.
    """

    name: str
    uri: str = ""
    url: str | None = None
    content: bytes | None = None
    media_type: str | None = None
    title: str | None = None
    publisher: str | None = None
    published: date | None = None
    place: str | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        if (self.url is None) == (self.content is None):
            raise ValueError("An upload has either an address or content")
        if self.content is not None and not self.uri:
            raise ValueError("Content needs the URI of its document")
