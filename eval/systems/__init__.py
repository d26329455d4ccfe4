"""Systems by name: ours, its parts alone, plain ones to hold it against, and any program or server."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from domain.answers import Mode
from domain.errors import ConfigurationError
from eval.systems.system import Surroundings, System

Opener = Callable[[str, str, Surroundings], System]
"""Name in the run file, what follows the colon, surroundings → system."""

_ALIAS: Final = re.compile(r"([A-Za-z0-9_.-]+)=(.+)", re.DOTALL)


def open_system(wanted: str, surroundings: Surroundings) -> System:
    """Open a system as it is named: `bm25`, `dateline:extractive`, `command:PROG args`, or `NAME=` before any of them.

    Raises:
        ConfigurationError: If there is no such system, or it cannot be set up.
    """
    alias = _ALIAS.fullmatch(wanted)
    name, described = (alias[1], alias[2]) if alias else (wanted, wanted)
    kind, _, argument = described.partition(":")
    opener = SYSTEMS.get(kind)
    if opener is None:
        raise ConfigurationError(f"There is no system {kind!r}", hint=f"Known are {', '.join(SYSTEMS)}.")
    return opener(name, argument.strip(), surroundings)


def open_systems(wanted: Sequence[str], surroundings: Surroundings) -> tuple[System, ...]:
    """Open systems in order.

    Raises:
        ConfigurationError: If two have one name, or one cannot be opened.
    """
    systems = tuple(open_system(one, surroundings) for one in wanted)
    names = [system.name for system in systems]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Two systems are called {twice!r}", hint="Give one another name: --system NAME=….")
    return systems


# Each opener imports its module when it is used: models and vector stores take seconds to import.


def _dateline(name: str, argument: str, surroundings: Surroundings) -> System:
    from eval.systems.dateline import DatelineSystem  # noqa: PLC0415  - see above

    modes = [mode.value for mode in Mode]
    if argument and argument not in modes:
        raise ConfigurationError(f"{argument!r} is not a mode of Dateline", hint=f"Use {', '.join(modes)}.")
    mode = Mode(argument) if argument else surroundings.mode
    return DatelineSystem(name=name, mode=mode, surroundings=surroundings)


def _ranking(kind: str) -> Opener:
    def opener(name: str, argument: str, surroundings: Surroundings) -> System:
        from eval.systems.rankings import RankingSystem  # noqa: PLC0415  - see above

        _demand_no_argument(kind, argument)
        return RankingSystem(name=name, kind=kind, records=surroundings.records)

    return opener


def _closed_book(name: str, argument: str, surroundings: Surroundings) -> System:
    from eval.systems.closed_book import ClosedBookSystem  # noqa: PLC0415  - see above

    _demand_no_argument("closed-book", argument)
    return ClosedBookSystem(name=name, settings=surroundings.settings)


def _plain_rag(name: str, argument: str, surroundings: Surroundings) -> System:
    from eval.systems.plain_rag import PlainRagSystem  # noqa: PLC0415  - see above

    _demand_no_argument("plain-rag", argument)
    return PlainRagSystem(name=name, settings=surroundings.settings, records=surroundings.records)


def _openai_compatible(name: str, argument: str, surroundings: Surroundings) -> System:
    from eval.systems.openai_compatible import OpenAiCompatibleSystem  # noqa: PLC0415  - see above

    settings = surroundings.settings
    return OpenAiCompatibleSystem(
        name=name, address=argument, timeout_s=settings.chat.timeout_s, key=settings.eval.peer_api_key
    )


def _command(name: str, argument: str, surroundings: Surroundings) -> System:
    from eval.systems.command import CommandSystem  # noqa: PLC0415  - see above

    return CommandSystem(
        name=name, command=argument, timeout_s=surroundings.settings.chat.timeout_s, records=surroundings.records
    )


def _demand_no_argument(kind: str, argument: str) -> None:
    if argument:
        raise ConfigurationError(f"The system {kind!r} takes nothing after its name", hint=f"Write --system {kind}.")


SYSTEMS: Final[Mapping[str, Opener]] = {
    "dateline": _dateline,
    "bm25": _ranking("bm25"),
    "dense": _ranking("dense"),
    "rrf": _ranking("rrf"),
    "fusion": _ranking("fusion"),
    "reader": _ranking("reader"),
    "closed-book": _closed_book,
    "plain-rag": _plain_rag,
    "openai-compatible": _openai_compatible,
    "command": _command,
}
