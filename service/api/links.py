"""Links to sources as they leave a server: into their collection, and signed where it asks for keys.

A reader who follows a citation has a browser and no key. The signature opens the one document that was cited.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit

from service.keys import MAIN

_URL: Final = "url"
_API: Final = "/v1/"
_SOURCES: Final = "/sources/"
_DIGITS: Final = 32  # 128 bits.
RUN_PARAMETERS: Final = (("run", "sig"), ("base", "base_sig"))
"""Names of the parameters that name a run, each with that of its signature."""
(_RUN, _RUN_SIGNATURE), _ = RUN_PARAMETERS


@dataclass(frozen=True, slots=True)
class Links:
    """How one collection's links to sources are written.

    Attributes:
        collection: Whose sources they are.
        secret: Gives what they are signed with; nothing where no keys are asked for.
    """

    collection: str = MAIN
    secret: Callable[[], bytes] = bytes

    def shown(self, body: Any) -> Any:
        """Return JSON values with every `url` that leads to a source as it must be here."""
        secret = self.secret()
        return body if self.collection == MAIN and not secret else self._shown(body, secret)

    def url(self, url: str) -> str:
        """Return a path of this server as it must be here; nothing is changed of other addresses."""
        return self._url(url, self.secret())

    def run_url(self, run: str) -> str:
        """Return where the report on a run of the evaluation is."""
        secret = self.secret()
        signed = {_RUN_SIGNATURE: run_signature_of(secret, run)} if secret else {}
        return f"/v1/runs/report?{urlencode({_RUN: run, **signed})}"

    def _shown(self, body: Any, secret: bytes) -> Any:
        match body:
            case Mapping():
                return {
                    name: self._url(value, secret)
                    if name == _URL and isinstance(value, str)
                    else self._shown(value, secret)
                    for name, value in body.items()
                }
            case list() | tuple():
                return [self._shown(one, secret) for one in body]
            case _:
                return body

    def _url(self, url: str, secret: bytes) -> str:
        if url.startswith(_API):
            return prefix_of(self.collection) + url.removeprefix("/v1" if self.collection != MAIN else "")
        if not url.startswith(_SOURCES):
            return url
        parts = urlsplit(url)
        query = parts.query
        if secret:
            signature = signature_of(secret, self.collection, unquote(parts.path.removeprefix(_SOURCES)))
            query = "&".join(filter(None, (query, f"sig={signature}")))
        return parts._replace(path=prefix_of(self.collection) + parts.path, query=query).geturl()


def prefix_of(collection: str) -> str:
    """Return what stands before the paths of a collection."""
    return "" if collection == MAIN else f"/v1/collections/{collection}"


def signature_of(secret: bytes, collection: str, document_id: str) -> str:
    """Return what opens every version of one document to whoever has it."""
    return _signature_of(secret, f"{collection}\n{document_id}")


def run_signature_of(secret: bytes, run: str) -> str:
    """Return what opens the report on a run to whoever has it; no collection has this name."""
    return _signature_of(secret, f"/runs\n{run}")


def _signature_of(secret: bytes, named: str) -> str:
    return hmac.new(secret, named.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:_DIGITS]
