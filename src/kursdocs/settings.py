"""The only reader of the environment. Everything wrong is reported at once, by variable name.

Variables are named ``KURSDOCS_…``; every secret may also be given as ``KURSDOCS_…_FILE``, the path
of a file that holds it.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "KURSDOCS_"
PUSH_PREFIX = "KURSDOCS_PUSH_"
# What a bearer token may consist of (RFC 6750).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
_ADDRESS = re.compile(r"[^@\s<>,;]{1,64}@[A-Za-z0-9.-]{1,190}")
_WITH_PASSWORD = ("database_url", "keys_url")


class SettingsError(Exception):
    """Some settings are missing or wrong; the message has one line for each."""


class Settings(BaseSettings):
    """The settings of one installation; frozen."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: str = Field(
        description="The database: `sqlite:///PATH` (one process) or `postgresql://…`."
    )
    keys_url: str = Field(
        description="The key store: another SQLite file or PostgreSQL database than DATABASE_URL."
    )
    store_url: str = Field(
        description="The object store: `folder:PATH` or `s3://HOST:PORT/BUCKET?tls=on`."
    )
    s3_access_key: str = Field(default="", description="Access key, when STORE_URL is `s3://`.")
    s3_secret_key: SecretStr = Field(
        default=SecretStr(""), description="Secret key, when STORE_URL is `s3://`."
    )
    master_key_file: Path = Field(
        description="File with the master keys, one `ID:BASE64` a line, the active one first."
    )
    log_key_file: Path | None = Field(
        default=None,
        description="File with the key that signs the log; `kursdocs audit key FILE` makes one.",
    )
    public_url: str = Field(
        description="The address people type, `https://…` without a path; `http` on loopback only."
    )
    oidc_issuer: str = Field(description="Issuer of the municipality's OpenID provider.")
    oidc_client_id: str = Field(description="Client id of kursdocs at the provider.")
    oidc_client_secret: SecretStr = Field(description="Client secret of kursdocs.")
    oidc_audience: str = Field(
        default="urn:kursdocs:api", description="Audience that API access tokens must carry."
    )
    oidc_token_types: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("at+jwt",),
        description="Accepted `typ` of access tokens, by comma; add `JWT` for Keycloak and others.",
    )
    claims: Path | None = Field(
        default=None, description="Mapping file (TOML) from claims to agency and role."
    )
    smtp_url: str = Field(
        description="Where mail goes: `smtp://[USER@]HOST:PORT?tls=on` or `folder:PATH`."
    )
    smtp_password: SecretStr = Field(
        default=SecretStr(""), description="Password, when SMTP_URL names a user."
    )
    mail_from: str = Field(description="Sender address of all mails.")
    operator_mail: str = Field(
        default="",
        description="Who is told what is wrong with the installation; else its coordinators are.",
    )
    bounces_url: str = Field(
        default="",
        description="Mailbox of MAIL_FROM, for what comes back: `imap://USER@HOST:PORT/INBOX?tls=on`.",
    )
    bounces_password: SecretStr = Field(
        default=SecretStr(""), description="Password of the mailbox in BOUNCES_URL."
    )
    clamd: str = Field(
        description="Malware scanner: `unix:PATH`, `HOST:PORT`, or `off` by explicit choice."
    )
    catalogue: Path | None = Field(
        default=None, description="The municipality's own catalogue instead of the shipped one."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses of reverse proxies whose headers count, by comma."
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer token for `/metrics`, 16 characters or more; without it there is none.",
    )
    demo: bool = Field(default=False, description="Demo: own sign-in provider; loopback only.")

    @field_validator("oidc_token_types", "trusted_proxies", mode="before")
    @classmethod
    def _by_comma(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("keys_url")
    @classmethod
    def _keys_url(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("database_url"):
            raise ValueError("must be another database than KURSDOCS_DATABASE_URL")
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        return _checked_address(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            ip_network(proxy)
        return value

    @field_validator("metrics_token")
    @classmethod
    def _metrics_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and not _TOKEN.fullmatch(token):
            raise ValueError("must be 16 or more letters, digits or any of . _ ~ + / = -")
        return value

    @field_validator("mail_from")
    @classmethod
    def _mail_from(cls, value: str) -> str:
        if not _ADDRESS.fullmatch(value):
            raise ValueError("must be one plain address, like kursdocs@town.example")
        return value

    @field_validator("operator_mail")
    @classmethod
    def _operator_mail(cls, value: str) -> str:
        return cls._mail_from(value) if value else ""

    @field_validator("demo")
    @classmethod
    def _demo(cls, value: bool, info: ValidationInfo) -> bool:
        address = urlsplit(info.data.get("public_url", ""))
        if value and address.hostname and not is_loopback(address.hostname):
            raise ValueError(
                "anybody can sign in as anybody in the demo: KURSDOCS_PUBLIC_URL must be loopback"
            )
        return value

    @property
    def is_https(self) -> bool:
        """Whether browsers reach kursdocs over TLS."""
        return self.public_url.startswith("https://")


class PushSettings(BaseSettings):
    """What ``kursdocs push`` needs to reach somebody else's kursdocs; frozen."""

    model_config = SettingsConfigDict(env_prefix=PUSH_PREFIX, frozen=True, extra="forbid")

    server: str = Field(description="Address of the kursdocs server, `https://kursdocs.example`.")
    issuer: str = Field(description="Issuer of the OpenID provider that knows the program.")
    client_id: str = Field(description="Client id of the program (its service account).")
    client_secret: SecretStr = Field(description="Client secret of the program.")
    scope: str = Field(default="", description="Scope to ask for, where the provider wants one.")
    ca_file: Path | None = Field(
        default=None,
        description="Certificate authority of the server (PEM), beside the usual ones.",
    )
    ledger: Path = Field(
        default_factory=lambda: state_folder() / "pushed.jsonl",
        description="List of what was sent. Default: `kursdocs/pushed.jsonl` in the state folder.",
    )

    @field_validator("server", "issuer")
    @classmethod
    def _safe_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be an address like https://kursdocs.example")
        if parts.query or parts.fragment:
            raise ValueError("must have no query")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must be https, unless it is the loopback address")
        _ = parts.port  # raises ValueError when it is none
        return value

    @field_validator("client_id", "client_secret")
    @classmethod
    def _not_empty(cls, value: str | SecretStr) -> str | SecretStr:
        if not len(value):
            raise ValueError("is empty")
        return value


def state_folder() -> Path:
    """Where programs of this person keep what must survive: XDG's state folder, or its default."""
    chosen = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".local" / "state") / "kursdocs"


def is_loopback(host: str) -> bool:
    """Whether the host name is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def variable(field: str, prefix: str = PREFIX) -> str:
    """The environment variable of a setting."""
    return prefix + field.upper()


def secret_fields(kind: type[BaseSettings] = Settings) -> list[str]:
    """The settings that may also be given as a file: secrets, and URLs that hold a password."""
    return [
        name
        for name, field in kind.model_fields.items()
        if field.annotation is SecretStr or name in _WITH_PASSWORD
    ]


def load(**fallback: Any) -> Settings:
    """Settings from the environment; where it is silent, ``fallback`` counts.

    Raises :class:`SettingsError` that names every missing, wrong or unknown variable.
    """
    silent = {n: v for n, v in fallback.items() if variable(n) not in os.environ}
    return _load(Settings, PREFIX, silent)


def load_push(**given: Any) -> PushSettings:
    """The client's settings: what is ``given`` and not ``None`` counts, else the environment.

    Raises :class:`SettingsError` like :func:`load`; the server's settings need not be there.
    """
    said = {n: v for n, v in given.items() if v is not None}
    return _load(PushSettings, PUSH_PREFIX, said)


def load_public_url() -> str:
    """The address people type, for what needs no other setting; empty where it is not set.

    Raises :class:`SettingsError` for one that :func:`load` would not take.
    """
    try:
        typed = os.environ.get(variable("public_url"), "")
        return _checked_address(typed) if typed else ""
    except ValueError as error:
        raise SettingsError(f"{variable('public_url')}: {error}") from None


def _checked_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an address like https://kursdocs.example")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must have no path: kursdocs is served at the root of its host")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must be https, unless it is the loopback address")
    _ = parts.port  # raises ValueError when it is none
    return f"{parts.scheme}://{parts.netloc.lower()}"


_AnySettings = TypeVar("_AnySettings", Settings, PushSettings)


def _load(kind: type[_AnySettings], prefix: str, given: Mapping[str, Any]) -> _AnySettings:
    problems = _unknown(os.environ, prefix)
    secrets = _from_files(kind, prefix, os.environ, problems)
    try:
        settings = kind(**{**given, **secrets})
    except ValidationError as error:
        for mistake in error.errors(include_url=False, include_input=False):
            name = variable(str(mistake["loc"][0]), prefix)
            reason = "is missing" if mistake["type"] == "missing" else mistake["msg"]
            problems.append(f"{name}: {reason.removeprefix('Value error, ')}")
        raise SettingsError("\n".join(problems)) from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown(environ: Mapping[str, str], prefix: str) -> list[str]:
    known = {
        name
        for kind, start in ((Settings, PREFIX), (PushSettings, PUSH_PREFIX))
        for field in kind.model_fields
        for name in (variable(field, start), *_file_variable(kind, field, start))
    }
    return [
        f"{name}: is not a setting of kursdocs"
        for name in sorted(environ)
        if name.startswith(prefix) and name not in known
    ]


def _file_variable(kind: type[BaseSettings], field: str, prefix: str) -> list[str]:
    return [variable(field, prefix) + "_FILE"] if field in secret_fields(kind) else []


def _from_files(
    kind: type[BaseSettings], prefix: str, environ: Mapping[str, str], problems: list[str]
) -> dict[str, str]:
    secrets = {}
    for field in secret_fields(kind):
        name = variable(field, prefix) + "_FILE"
        if name not in environ:
            continue
        if variable(field, prefix) in environ:
            problems.append(f"{name}: is given twice, also as {variable(field, prefix)}")
            continue
        try:
            secrets[field] = Path(environ[name]).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            problems.append(f"{name}: cannot be read ({reason})")
    return secrets
