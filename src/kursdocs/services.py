"""The frozen bundle of ports that travels through the app. It opens and decides nothing."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from kursdocs.catalogue import Catalogue
from kursdocs.core.accounts import ClaimRule
from kursdocs.core.ports import (
    BounceReader,
    DatabaseState,
    KeyStore,
    LogSigner,
    Mailer,
    ObjectStore,
    Papers,
    Scanner,
    SignInProvider,
)
from kursdocs.settings import Settings


@dataclass(frozen=True)
class Services:
    """Everything a request, a duty or a command needs from outside.

    ``transaction`` opens one database transaction; ``clock`` tells the time in UTC.
    """

    settings: Settings
    catalogue: Catalogue
    claim_rules: Sequence[ClaimRule]
    transaction: Callable[[], AbstractContextManager[Session]]
    database: DatabaseState
    keys: KeyStore
    store: ObjectStore
    papers: Papers
    scanner: Scanner
    mailer: Mailer
    bounces: BounceReader
    provider: SignInProvider
    clock: Callable[[], datetime]
    # None where nobody signs the log in this process.
    log_signer: LogSigner | None = None
