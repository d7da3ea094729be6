"""The outside world as the domain and its operations see it: protocols and plain values.

Adapters implement these and translate foreign errors into :class:`PortError` ones. Nothing here
opens, reads or sends anything.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from kursdocs.core.errors import Unavailable


class StoreUnavailable(Unavailable):
    """The object store did not answer, or answered with an error that is not ours."""

    def __init__(self) -> None:
        super().__init__("store_unavailable")


class KeysUnavailable(Unavailable):
    """The key store did not answer."""

    def __init__(self) -> None:
        super().__init__("keys_unavailable")


class SignInUnavailable(Unavailable):
    """The sign-in provider did not answer."""

    def __init__(self) -> None:
        super().__init__("sign_in_unavailable")


class Schema(StrEnum):
    """The database's schema as this version of the program sees it."""

    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"


@dataclass(frozen=True)
class Pool:
    """Connections to the database: in use now, open in all, and how many there may be."""

    in_use: int
    open: int
    limit: int


class DatabaseState(Protocol):
    """How the database is; transactions are handed out elsewhere."""

    def schema(self) -> Schema:
        """Whether the schema is ours; raises :class:`Unavailable` when nothing answers."""

    def missing_lock(self) -> str:
        """What lets us pass by row-level security, as a sentence; empty where it holds us.

        Also empty on SQLite, which has none. Raises :class:`Unavailable`.
        """

    def pool(self) -> Pool:
        """The connections of this process; asks nobody."""

    def empty_log(self) -> bool:
        """Leave nothing of what was deleted in a log of changes; ``False``: not now.

        Only SQLite has one, and another process may be reading from it. Raises
        :class:`Unavailable`.
        """


class ObjectMissing(Exception):
    """No object of that name."""


class KeyMissing(Exception):
    """No key for that document: never made, or destroyed."""


class Tampered(Exception):
    """Ciphertext or wrapped key does not belong to this document, or was altered."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing tells of it: its name, its size in bytes, its last change (UTC)."""

    name: str
    byte_size: int
    changed_at: datetime


class ObjectStore(Protocol):
    """Keeps sealed bytes under random names.

    ``put`` returns only when the bytes are durable and never overwrites. Every method raises
    :class:`StoreUnavailable` when the store does not answer in time.
    """

    def put(self, name: str, data: bytes) -> None:
        """Store ``data`` under ``name``; raises :class:`FileExistsError` if the name is taken."""

    def get(self, name: str) -> bytes:
        """The stored bytes; raises :class:`ObjectMissing`."""

    def delete(self, name: str) -> None:
        """Remove the object; silent when there is none."""

    def names(self) -> Sequence[str]:
        """All object names, for reconciliation and tests (the instance marker is left out)."""

    def entries(self) -> Sequence[StoredObject]:
        """What ``names`` tells, with size and time, in the order of the names."""

    def unfinished(self) -> Sequence[StoredObject]:
        """What began to be written and never became an object, or is being written now.

        Temporary files of a folder, multipart uploads of a bucket (of unknown size: 0). The names
        are those that ``clear_unfinished`` takes.
        """

    def clear_unfinished(self, names: Sequence[str]) -> None:
        """Remove these; silent about those already gone. Who still writes one of them fails."""

    def set_aside(self, name: str) -> str:
        """Move the object into the quarantine, where nothing but ``set_aside_names`` finds it.

        Returns its name there; nothing is ever overwritten. Raises :class:`ObjectMissing`.
        """

    def set_aside_names(self) -> Sequence[str]:
        """All names in the quarantine."""

    def claim(self, instance: UUID) -> None:
        """Mark the store as belonging to this installation.

        Raises :class:`ForeignInstance` when another installation's mark is there.
        """

    def claimed_by(self) -> UUID | None:
        """Whose mark is there, if any. Changes nothing; for a look before the first start.

        Raises :class:`ForeignInstance` when the mark is of nobody like us.
        """

    def check(self) -> None:
        """Raise :class:`StoreUnavailable` unless the store answers now."""


class ForeignInstance(Exception):
    """The store (or key store) belongs to another installation, or another master key."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """A document's key as a check sees it: when it was made (UTC), whether it can be unwrapped.

    ``had_row``: it was noted that a row needs it.
    """

    document_id: UUID
    made_at: datetime
    is_readable: bool
    had_row: bool = False


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """One page of rewrapping: keys done, keys that could not be read, where to go on.

    ``after`` is ``None`` when all were seen.
    """

    done: int
    failed: int
    after: UUID | None


@dataclass(frozen=True, slots=True)
class MasterState:
    """A master key: how many document keys it wraps, and where it is known.

    ``is_active``: it wraps new keys. ``is_here``: it stands in this process' file. ``is_retired``:
    it stands only there, so that its line may be deleted.
    """

    id: str
    keys: int
    is_active: bool
    is_here: bool
    is_retired: bool


class MasterKeyInUse(Exception):
    """It wraps document keys, or would wrap the next; says which, in a sentence."""


class KeyStore(Protocol):
    """One key per document, wrapped by the master key, in a database of its own.

    Every method raises :class:`KeysUnavailable` when the key store does not answer.
    """

    def create(self, document_id: UUID) -> bytes:
        """Make a fresh 256-bit key for the document and commit it; returns the plain key."""

    def prove(self, document_id: UUID, key: bytes) -> None:
        """Note that a row needs the key, if others can read it: it comes out as it was made.

        To be called when the row is committed, before anybody is told that something is stored.
        Raises :class:`KeyMissing`; :class:`KeysUnavailable` also when it does not come out.
        """

    def get(self, document_id: UUID) -> bytes:
        """The document's key; raises :class:`KeyMissing`."""

    def destroy(self, document_id: UUID, *, unless_needed: bool = False) -> None:
        """Forget the key for ever; silent when there is none.

        ``unless_needed``: not when it was noted that a row needs it, in the same step.
        """

    def made_between(
        self,
        start: datetime,
        end: datetime,
        *,
        after: UUID | None,
        limit: int,
        never_needed: bool = False,
    ) -> Sequence[UUID]:
        """Documents whose key was made in ``[start, end)``, by id from ``after`` on.

        ``never_needed``: only those of which it was never noted that a row needs them.
        """

    def note_needed(self, document_ids: Collection[UUID]) -> None:
        """Note that there are rows that need these keys; silent about keys that there are not."""

    def newest_needed(self, limit: int) -> Sequence[UUID]:
        """The newest keys of which it was noted that a row needs them."""

    def examine(self, after: UUID | None, limit: int) -> Sequence[KeyState]:
        """Every key, by document from ``after`` (not again) on, at most ``limit``; each is tried.

        Tells nothing of the keys themselves.
        """

    def rewrap(self, after: UUID | None, limit: int) -> Rewrapped:
        """Wrap up to ``limit`` keys, from ``after`` on, with the active master key.

        May be stopped and repeated at any time, beside others who make, read or destroy keys. When
        it raises at the end, all is wrapped, but the old wrapping may still be on the disk.
        """

    def masters(self) -> Sequence[MasterState]:
        """All master keys, the active one first."""

    def rotate(self) -> str:
        """Put a fresh master key first into the file; returns its id.

        Raises :class:`ForeignInstance`, :class:`ValueError` for a file that is wrong, and
        :class:`OSError` for one that cannot be replaced; then nothing has changed.
        """

    def retire(self, master_key_id: str) -> None:
        """Let nobody wrap with that master key any more; raises :class:`MasterKeyInUse`."""

    def claim(self, instance: UUID) -> None:
        """Bind the key store to this installation and this master key, or check that it is.

        Raises :class:`ForeignInstance`.
        """

    def claimed_by(self) -> UUID | None:
        """Which installation it is bound to, if any. Changes nothing."""

    def check(self) -> None:
        """Raise :class:`KeysUnavailable` unless the key store answers now."""


class Verdict(StrEnum):
    """What the malware scanner says. Only ``CLEAN`` lets a document go out."""

    CLEAN = "clean"
    INFECTED = "infected"
    UNSCANNABLE = "unscannable"


@dataclass(frozen=True)
class Signatures:
    """What the scanner knows malware by: a name that changes with them, and when they were made.

    ``version`` is empty when nobody scans; ``made_at`` is ``None`` when the scanner cannot tell.
    """

    version: str
    made_at: datetime | None = None


@dataclass(frozen=True)
class Scan:
    """A verdict, and the version of the signatures it was found with; empty when nobody knows."""

    verdict: Verdict
    signatures: str = ""


class Scanner(Protocol):
    """Looks for malware."""

    def scan(self, data: bytes) -> Scan:
        """The verdict on these bytes; never raises: whatever goes wrong is ``UNSCANNABLE``."""

    def signatures(self) -> Signatures:
        """What it scans with now; raises :class:`Unavailable` (``scanner_unavailable``)."""

    def check(self) -> None:
        """Raise :class:`Unavailable` (``scanner_unavailable``) unless the scanner answers now."""


@dataclass(frozen=True)
class Paper:
    """An accepted document: the PDF as it will be stored, and what is known of it."""

    pdf: bytes
    page_count: int
    is_signed: bool


@dataclass(frozen=True)
class PageChoice:
    """One page of a new PDF: taken from file ``file`` (from 0), there page ``page`` (from 1).

    ``turned`` is by how much it is turned clockwise: 0, 90, 180 or 270 degrees.
    """

    file: int
    page: int
    turned: int = 0


class Papers(Protocol):
    """Opens files of strangers, in a child process with limits on time and memory."""

    def accept(self, files: Sequence[bytes]) -> Paper:
        """Turn what was received into the PDF to be stored.

        One PDF is kept byte for byte. One or more JPEG or PNG images become one PDF, re-encoded
        from their pixels. Raises :class:`kursdocs.core.errors.Invalid` (field ``file``) with a
        code that says what is wrong: ``file_empty``, ``file_type``, ``file_encrypted``,
        ``file_damaged``, ``file_active``, ``file_too_many_pages``, ``file_too_big_inside``,
        ``files_mixed``.
        """

    def page_image(self, pdf: bytes, page: int, width: int) -> bytes:
        """Page ``page`` (from 1) as a PNG ``width`` pixels wide; raises ``NotFound``."""

    def arranged(self, pdfs: Sequence[bytes], pages: Sequence[PageChoice]) -> Paper:
        """These pages of accepted PDFs as a new one; nothing else of the files is in it.

        Filled form fields and notes become part of the page. Raises ``Invalid`` as ``accept``
        does, and with ``file_signed``: a signature covers the file as it is, so that nothing of
        it may be changed.
        """

    def lines(self, pdf: bytes) -> Sequence[Sequence[str]]:
        """The upright text of the first pages, line by line from the top, each cut at wide gaps.

        Empty where a paper is nothing but a picture. Raises ``Invalid``.
        """


@dataclass(frozen=True)
class Letter:
    """One mail, ready to go. Carries no personal data (rule 5)."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    written_at: datetime
    # Headers beside the usual ones; long values need spaces at which a line may end.
    headers: Mapping[str, str] = field(default_factory=dict)


class MailUndelivered(Exception):
    """The mail was not handed over.

    ``code`` says what its recipient's side objected to (RFC 3463, else RFC 5321); it is empty when
    the trouble lies with the mail server, its line or its settings.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


class MailRefused(MailUndelivered):
    """The server refused this mail for good; trying again is of no use."""


class MailUnavailable(MailUndelivered):
    """The mail could not be handed over now; try again later."""


class Mailer(Protocol):
    """Hands a mail over; returns only when the server has accepted it."""

    def send(self, letter: Letter) -> None:
        """Raises :class:`MailRefused` or :class:`MailUnavailable`."""

    def check(self) -> None:
        """Raise :class:`MailUnavailable` unless the server greets us now."""


class BouncesUnavailable(Unavailable):
    """The mailbox for returned mail cannot be read now; ``reason`` is for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__("bounces_unavailable", reason=reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code} ({self.reason})"


@dataclass(frozen=True)
class Bounce:
    """What came back of one of our mails.

    ``report`` is the reader's name for it, ``message_id`` that of our mail, ``status`` the code of
    RFC 3463 (``5.1.1``), of RFC 5321 (``550``) or empty. Unless ``is_final`` the mail is only
    delayed, was answered by a machine, or did arrive.
    """

    report: str
    message_id: str
    status: str
    is_final: bool


class BounceReader(Protocol):
    """Reads the mailbox to which undeliverable mail comes back.

    Nothing is lost by a crash: what was not ``done`` is fetched again. Every method raises
    :class:`BouncesUnavailable`.
    """

    def fetch(self) -> Sequence[Bounce]:
        """What is there about our mails, at most some hundred; changes nothing."""

    def done(self, bounces: Sequence[Bounce]) -> None:
        """Forget these, once they are written down; silent about those already gone."""

    def check(self) -> None:
        """Raise unless the mailbox can be opened now. Changes nothing."""


@dataclass(frozen=True)
class SignInStart:
    """Where to send the browser, and what must be remembered until it comes back."""

    url: str
    state: str
    nonce: str
    code_verifier: str


class LogVerifier(Protocol):
    """Tells signed statements about the log from others, by public keys alone."""

    def holds(self, note: str) -> bool:
        """Whether the note carries a valid signature of a key that is known here."""


class LogSigner(LogVerifier, Protocol):
    """Signs statements about the log (C2SP signed-note); only who does the duties has the key."""

    @property
    def name(self) -> str:
        """What the key, and with it the log, is called."""

    @property
    def verifier(self) -> str:
        """The public key that others check with: ``NAME+HASH+BASE64``."""

    def sign(self, text: str) -> str:
        """The signed note of a text that ends in a line break."""


SID_LENGTH_MAX = 255
_SECONDS_MAX = 2**33  # in the year 2242; what comes later is no time but an attempt to break things


@dataclass(frozen=True)
class Identity:
    """Who the sign-in provider says it is: checked claims of an id or access token."""

    issuer: str
    subject: str
    claims: Mapping[str, object] = field(default_factory=dict)
    id_token: str = ""
    client_id: str = ""

    @property
    def is_service(self) -> bool:
        """A token a program got for itself (client credentials), not on behalf of a person."""
        return bool(self.client_id) and self.subject == self.client_id

    @property
    def sid(self) -> str:
        """The provider's name of the session there; empty when it gives none we could keep."""
        sid = self.claims.get("sid")
        return sid if isinstance(sid, str) and len(sid) <= SID_LENGTH_MAX else ""

    @property
    def issued_at(self) -> datetime | None:
        """When the token was made, in whole seconds of the provider's clock, if it says so."""
        issued = self.claims.get("iat")
        if not isinstance(issued, int | float) or not 0 <= issued < _SECONDS_MAX:
            return None
        return datetime.fromtimestamp(int(issued), UTC)


@dataclass(frozen=True)
class ProviderSignOut:
    """What a checked logout token says: a session (``sid``), or all of a person, has ended there.

    At least one of ``sid`` and ``subject`` is given. ``issued_at`` is the provider's time.
    """

    issuer: str
    subject: str
    sid: str
    issued_at: datetime


class SignInRefused(Exception):
    """The provider or the token did not pass a check. ``reason`` is for the log, not for users."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignInProvider(Protocol):
    """The municipality's OpenID provider. The only asynchronous port: it is used by the shell.

    Every method raises :class:`SignInUnavailable` when the provider does not answer, and
    :class:`SignInRefused` when an answer or token fails a check.
    """

    async def begin(self, redirect_uri: str) -> SignInStart:
        """Start an authorization code flow with PKCE."""

    async def finish(
        self, query: Mapping[str, str], begun: SignInStart, redirect_uri: str
    ) -> Identity:
        """Exchange the code; check RFC 9207 ``iss`` and the id token with its nonce."""

    async def bearer(self, token: str) -> Identity:
        """Check an access token (RFC 9068): signature, issuer, audience, type, times."""

    async def signed_out(self, logout_token: str) -> ProviderSignOut:
        """Check a logout token of the provider's (OpenID Connect Back-Channel Logout)."""

    async def sign_out_url(self, id_token: str, return_to: str) -> str:
        """The provider's end-session address (RP-initiated logout), or ``return_to`` itself."""

    async def check(self) -> None:
        """Raise unless discovery answers and names the configured issuer."""

    async def close(self) -> None:
        """Give connections back."""
