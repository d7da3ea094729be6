"""What can go wrong in the domain, without HTTP and without wording.

::

    KursdocsError
    ├── NotFound      unknown, or not for this actor: never told apart
    ├── Gone          was there for this actor; what is left is a record without content
    ├── Forbidden     known to the actor, but not theirs to do
    ├── Conflict      the state has moved on, or another attempt is running
    ├── Invalid       input that can be mended; names the field
    ├── TooLarge      more bytes than accepted
    └── Unavailable   a part we depend on does not answer; nothing was changed

Each error has a stable ``code``. The sentence for people is found by code in ``web.errors``.
"""

from collections.abc import Mapping


class KursdocsError(Exception):
    """Base of all errors that a user or a program is told about.

    ``code`` is stable and part of the API. ``details`` are values for the sentence (numbers,
    slugs, field names), never personal data.
    """

    def __init__(self, code: str, **details: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.details: Mapping[str, str | int] = details


class NotFound(KursdocsError):
    """Unknown or out of this actor's reach."""

    def __init__(self, code: str = "not_found", **details: str | int) -> None:
        super().__init__(code, **details)


class Gone(KursdocsError):
    """Its content has been erased; that it existed is no secret from this actor."""


class Forbidden(KursdocsError):
    """The actor lacks the permission."""


class Conflict(KursdocsError):
    """The state does not allow it (any more)."""


class Invalid(KursdocsError):
    """Input that the sender can mend; ``field`` is the name of the form field, or empty."""

    def __init__(self, code: str, field: str = "", **details: str | int) -> None:
        super().__init__(code, **details)
        self.field = field


class InvalidForm(KursdocsError):
    """Several mistakes of one form at once, so that nobody mends them one by one."""

    def __init__(self, mistakes: list[Invalid]) -> None:
        super().__init__("form_invalid")
        self.mistakes = mistakes


class TooLarge(Invalid):
    """More bytes than accepted."""


class Unavailable(KursdocsError):
    """A part we depend on does not answer (``database``, ``keys``, ``store``, ...)."""
