"""What an `Accept` header asks for."""

import re
from typing import Final

JSON: Final = "application/json"
HTML: Final = "text/html"


def prefers(accept: str, wanted: str) -> bool:
    """Tell whether an `Accept` header names a media type, and before JSON; a wildcard names none."""
    weights = {JSON: 0.0, wanted: 0.0}
    for choice in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in choice.split(";"))
        if media_type in weights:
            stated = [weight for weight in map(_weight, parameters) if weight is not None]
            weights[media_type] = stated[0] if stated else 1.0
    return weights[wanted] > weights[JSON]


def _weight(parameter: str) -> float | None:
    stated = re.fullmatch(r"q=([01](?:\.[0-9]{0,3})?)", parameter)
    return float(stated[1]) if stated else None
