"""Everything that can go wrong, and who can do something about it.

DatelineError
├── ConfigurationError              the operator must change a setting
│   ├── ModelFileError              a model file is missing or has the wrong digest
│   └── PortTakenError              the server's address is in use, or may not be used
├── RecordError                     the data folder cannot be used as it is
│   ├── RecordBusyError             another process writes it; wait or use the API (exit 75)
│   ├── RecordDamagedError          the ledger is damaged or missing; restore it (exit 78)
│   ├── RecordMismatchError         made by another encoder or a newer Dateline
│   └── StorageError                no room on the disk, or no right to write
├── DocumentGoneError               a document was deleted while an answer cited it; ask again
├── IndexUnavailableError           an index did not answer in time; retry later
├── IngestError                     one source could not become passages
│   └── FetchError                  a URL could not be fetched, or may not be
├── QuestionError                   the question cannot be taken as it is
├── KeyReusedError                  an Idempotency-Key came again with something else
├── NotFoundError                   no such document, answer, job or run
├── AnswerWithdrawnError            a document that an answer cites was deleted since
└── ChatModelError                  the chat model cannot be used; answers are extractive
    └── MalformedReplyError         the model broke the output contract
"""

from typing import ClassVar


class DatelineError(Exception):
    """Base of all expected failures.

    Attributes:
        code: Stable machine-readable name, used in API errors and reports.
        retryable: Whether the same request may succeed later without a change.
        hint: What the person who sees it can do; empty when the message says it.
        exit_code: What the command line exits with.
    """

    code: ClassVar[str] = "dateline_error"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(DatelineError):
    """The operator must change a setting."""

    code = "configuration_error"
    exit_code = 2


class ModelFileError(ConfigurationError):
    """A model file is missing, incomplete or not the registered one."""

    code = "model_file_error"
    exit_code = 1


class PortTakenError(ConfigurationError):
    """The server's address is in use by another program, or may not be used."""

    code = "port_taken"
    exit_code = 1


class RecordError(DatelineError):
    """The data folder cannot be used as it is."""

    code = "record_error"


class RecordBusyError(RecordError):
    """Another process holds the data folder's writer lock."""

    code = "record_busy"
    retryable = True
    exit_code = 75  # EX_TEMPFAIL in sysexits.h


class RecordDamagedError(RecordError):
    """The ledger is damaged, or missing beside indexes that were built from one."""

    code = "record_damaged"
    exit_code = 78  # EX_CONFIG in sysexits.h


class RecordMismatchError(RecordError):
    """The record was made by another encoder or a newer schema."""

    code = "record_mismatch"
    exit_code = 78


class StorageError(RecordError):
    """The disk is full, or the data folder may not be written."""

    code = "insufficient_storage"
    retryable = True


class IndexUnavailableError(DatelineError):
    """An index failed or missed its deadline."""

    code = "index_unavailable"
    retryable = True


class DocumentGoneError(DatelineError):
    """A document that an answer was made from was deleted before the answer was complete."""

    code = "document_gone"
    retryable = True


class IngestError(DatelineError):
    """One source could not become passages; `reason` is stable, the message is for people."""

    code = "ingest_error"

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class FetchError(IngestError):
    """A URL could not be fetched, or may not be."""

    code = "fetch_error"


class KeyReusedError(DatelineError):
    """An idempotency key stands for another request already."""

    code = "idempotency_key_reused"


class QuestionError(DatelineError):
    """The question is empty, too long, or not text; `param` names the field at fault."""

    code = "invalid_question"
    exit_code = 2

    def __init__(self, message: str, *, param: str = "question", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.param = param


class NotFoundError(DatelineError):
    """No such document, answer, job or run."""

    code = "not_found"


class AnswerWithdrawnError(DatelineError):
    """A stored answer cites a document that was deleted since."""

    code = "answer_withdrawn"


class ChatModelError(DatelineError):
    """The chat model is missing, slow, refusing or failing; the caller answers extractively."""

    code = "model_unavailable"
    retryable = True


class MalformedReplyError(ChatModelError):
    """The model broke the output contract; carries the raw reply."""

    code = "malformed_reply"

    def __init__(self, message: str, *, reply: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reply = reply
