"""E-mail: the body's words; subject, sender and date are metadata, attachments are left out."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr

from domain.errors import IngestError
from ingest.cleaning import Cleaner, clean_line, decode
from ingest.dates import read_date
from ingest.formats import MEDIA_TYPES, Format
from ingest.headers import header_of
from ingest.parsed import Metadata, ParsedDocument, RawSource
from ingest.readers.html import text_of_fragment

# What the standard library raises on header fields and parts that break the rules of their RFCs.
_MALFORMED = (ValueError, IndexError, AttributeError, TypeError, LookupError)
_MAX_FIELD_CHARS = 4000


def read(source: RawSource) -> tuple[ParsedDocument, ...]:
    """Return the message's body as one document."""
    content = source.content
    if content.startswith(b"From "):  # The separator of a mailbox file.
        content = content.partition(b"\n")[2]
    message = BytesParser(policy=policy.default).parsebytes(content)
    body = _body(message, source)
    cleaner = Cleaner()
    text = cleaner.clean(_words(body))
    header = header_of(text)
    day = read_date(_field(message, "Date"))
    stated = Metadata(title=clean_line(_field(message, "Subject")), publisher=_sender(message), published=day.value)
    notes = [*cleaner.notes(), *_left_out(message), *([day.note] if day.note else []), *header.notes]
    return (
        ParsedDocument(
            text=text,
            metadata=stated.over(header.metadata),
            media_type=MEDIA_TYPES[Format.EML],
            notes=tuple(dict.fromkeys(notes)),
        ),
    )


def _body(message: EmailMessage, source: RawSource) -> EmailMessage:
    try:
        body = message.get_body(preferencelist=("plain", "html"))
    except _MALFORMED as error:
        raise IngestError(
            f"{source.name!r} is a damaged message: {error}", reason="damaged_file", hint="Export it again."
        ) from error
    if body is None:
        raise IngestError(
            f"{source.name!r} has no text, only attachments or other parts",
            reason="no_text",
            hint="Save its attachments and ingest them.",
        )
    return body  # type: ignore[return-value]  # typeshed names the wider class; with policy.default parts are of this one


def _words(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else str(part.get_payload()).encode("utf-8", "replace")
    if part.get_content_type() == "text/html":
        return text_of_fragment(decode(content, charset=part.get_content_charset()).text)
    return decode(content, charset=part.get_content_charset()).text


def _field(message: EmailMessage, name: str) -> str | None:
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), None)
    # Parsing takes time that grows with the square of the length; no true field is that long.
    if raw is None or len(str(raw)) > _MAX_FIELD_CHARS:
        return None
    try:
        return str(message[name])
    except _MALFORMED:
        return None


def _sender(message: EmailMessage) -> str | None:
    sender = _field(message, "From")
    if sender is None:
        return None
    name, address = parseaddr(sender)
    return clean_line(name) or clean_line(address)


def _left_out(message: EmailMessage) -> list[str]:
    try:
        times = sum(1 for _ in message.iter_attachments())
    except _MALFORMED:
        return []
    return [f"{times} attachment{'' if times == 1 else 's'} left out"] if times else []
