"""What every command does first: settings, logging, and a record that is there."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.settings import Settings
    from retriever.wiring import Record

_OURS = ("domain", "prompts", "retriever", "ingest", "service", "eval", "cli")


def start(data_dir: Path | None, *, extractive: bool = False, serves: bool = False) -> "Settings":
    """Load the settings and direct the logs of this process to standard error.

    Args:
        data_dir: From the command line; the settings' own when `None`.
        extractive: Open no chat model, whatever the settings name.
        serves: Log in the format of the server's settings.

    Raises:
        ConfigurationError: If a setting is not valid.
    """
    from domain.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    text = not serves or settings.server.log_format == "text"
    _direct_logs(settings.log_level, as_text=text or (settings.server.log_format == "auto" and sys.stderr.isatty()))
    if extractive:
        chat = settings.chat.model_copy(update={"model": "extractive", "base_url": None})
        return settings.model_copy(update={"chat": chat})
    return settings


@contextmanager
def record_to_change(settings: "Settings") -> "Iterator[Record]":
    """Open a record that exists for writing; a mistyped folder must not become an empty record.

    Raises:
        RecordError: If there is none, or see `open_record`.
    """
    from domain.errors import RecordError
    from retriever.data_folder import DataFolder
    from retriever.wiring import open_record

    folder = DataFolder(settings.data_dir)
    if not folder.ledger.exists() and not folder.index_root.exists():
        raise RecordError(
            f"There is no record in {str(folder.root)!r}",
            hint="Make one with 'dateline ingest', or name another folder with --data-dir.",
        )
    with open_record(settings, access="write") as record:
        yield record


def _direct_logs(level: str, *, as_text: bool) -> None:
    from service.logs import JsonLines, TextLines

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextLines() if as_text else JsonLines())
    logging.basicConfig(handlers=[handler])
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    if level == "debug":
        return
    # The libraries' own messages and progress bars say nothing that a reader of answers can act on.
    logging.getLogger().setLevel(logging.ERROR)
    for variable, value in (("TRANSFORMERS_VERBOSITY", "error"), ("HF_HUB_DISABLE_PROGRESS_BARS", "1")):
        os.environ.setdefault(variable, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
