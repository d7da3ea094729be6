"""The server as this program reaches it: a token by client credentials, then the JSON API.

Raises :class:`Refused` for what the server does not take, and :class:`Unreachable` for everything
after which going on makes no sense. Never logs, and never puts a secret, a token or a name into an
error.
"""

import random
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2

from kursdocs.push.papers import File, Paper

ATTEMPTS_MAX = 8
ATTEMPTS_AFTER_500_MAX = 3
BACKOFF_SECONDS_MAX = 30.0
RETRY_AFTER_SECONDS_MAX = 300.0
# Storing and scanning a large file takes its time; the line itself must move.
_TIMEOUT = httpx2.Timeout(connect=10, read=180, write=60, pool=10)
_ANSWER_BYTES_MAX = 8 * 1024 * 1024
_WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EXTENSIONS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


class Unreachable(Exception):
    """The server, or the sign-in provider, cannot be used; the message says why, and what to do."""


@dataclass(eq=False)
class Refused(Exception):
    """The server does not take this paper: its own words, also for each field."""

    problem_code: str
    sentence: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Access:
    """Where the server is, and who comes."""

    server: str
    issuer: str
    client_id: str
    client_secret: str
    scope: str = ""
    ca_file: Path | None = None


Moved = Callable[[float], None]
"""Told how much of a file has left, from 0 to 1."""
Waits = Callable[[str, float], None]
"""Told why the next try has to wait, and how many seconds. It waits."""


class Server:
    """An open connection. ``waits`` is called before each new try, and does the waiting."""

    def __init__(self, client: httpx2.Client, access: Access, waits: Waits) -> None:
        """Use :func:`open_server`."""
        self._client = client
        self._access = access
        self._waits = waits
        self._token = ""

    def read(self, path: str) -> Any:
        """The answer to a GET of the API. Raises :class:`Unreachable`."""
        answer = self._persist(lambda: self._call("GET", path))
        if answer.status_code != 200:
            raise Unreachable(self._unusable(answer))
        return _json(answer)

    def send(self, paper: Paper, file: File, moved: Moved) -> Mapping[str, Any]:
        """Send a paper; the document as the server stored it, now or under the same key before.

        Raises :class:`Refused` and :class:`Unreachable`.
        """
        name = f"paper.{_EXTENSIONS[file.media_type]}"

        def attempt() -> httpx2.Response:
            moved(0.0)
            return self._call(
                "POST",
                "/documents",
                headers={"Idempotency-Key": paper.key},
                data=dict(paper.form),
                files={"file": (name, file.data, file.media_type)},
                moved=moved,
            )

        answer = self._persist(attempt)
        if answer.status_code == 201:
            return _document(answer)
        if answer.status_code in (401, 403) or not 400 <= answer.status_code < 500:
            raise Unreachable(self._unusable(answer))
        raise _refused(answer)

    def _persist(self, attempt: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Try until there is an answer that will not change by waiting."""
        for number in range(1, ATTEMPTS_MAX + 1):
            is_last = number == ATTEMPTS_MAX
            try:
                answer = attempt()
            except httpx2.TransportError as error:
                if is_last or _is_certificate(error):
                    raise Unreachable(self._broken(error)) from error
                self._waits(f"the line broke ({_cause(error)})", _backoff(number))
                continue
            is_hopeless = answer.status_code == 500 and number >= ATTEMPTS_AFTER_500_MAX
            if is_last or is_hopeless or not _is_worth_another_try(answer):
                return answer
            self._waits(_words(answer), _retry_after(answer) or _backoff(number))
        raise AssertionError("the last attempt returns or raises")

    def _call(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """One call; with a token that is no longer good, once more with a new one."""
        if not self._token:
            self._token = self._new_token()
        answer = self._request(method, path, **content)
        if answer.status_code == 401:
            self._token = self._new_token()
            answer = self._request(method, path, **content)
        return answer

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        moved: Moved | None = None,
        **content: Any,
    ) -> httpx2.Response:
        request = self._client.build_request(
            method,
            f"{self._access.server.rstrip('/')}/api/v1{path}",
            headers={**(headers or {}), "Authorization": f"Bearer {self._token}"},
            **content,
        )
        if moved is not None and isinstance(request.stream, httpx2.SyncByteStream):
            length = int(request.headers["Content-Length"])
            request.stream = _Counted(request.stream, length, moved)
        return self._client.send(request)

    def _new_token(self) -> str:
        """An access token by client credentials (RFC 6749, 4.4), from the discovered endpoint."""
        access = self._access
        issuer = access.issuer.rstrip("/")
        found = self._client.get(f"{issuer}/.well-known/openid-configuration")
        if found.status_code >= 500:
            return self._none_at(found)
        metadata = _json(found) if found.status_code == 200 else {}
        endpoint = metadata.get("token_endpoint") if isinstance(metadata, dict) else None
        if not isinstance(endpoint, str) or metadata.get("issuer", "").rstrip("/") != issuer:
            raise Unreachable(f"{access.issuer} is no OpenID provider; mend the issuer")
        if not _is_safe(endpoint):
            raise Unreachable("the sign-in provider takes secrets without https; nothing was sent")
        form = {"grant_type": "client_credentials", "scope": access.scope}
        answer = self._client.post(
            endpoint,
            data={name: value for name, value in form.items() if value},
            # RFC 6749, 2.3.1: both are form-encoded before they go into the header.
            auth=(quote_plus(access.client_id), quote_plus(access.client_secret)),
        )
        if answer.status_code >= 500:
            return self._none_at(answer)
        told = _json(answer) if answer.status_code in (200, 400, 401) else {}
        token = told.get("access_token") if isinstance(told, dict) else None
        if isinstance(token, str) and token.isascii() and token:
            return token
        reason = str(told.get("error", answer.status_code) if isinstance(told, dict) else "")[:60]
        raise Unreachable(
            f"the sign-in provider {access.issuer} does not let '{access.client_id}' in ({reason});"
            " check client id and secret"
        )

    def _none_at(self, answer: httpx2.Response) -> str:
        """The provider is down for now: the same as a broken line, worth another try."""
        raise httpx2.RemoteProtocolError(
            f"the sign-in provider answers {answer.status_code}", request=answer.request
        )

    def _unusable(self, answer: httpx2.Response) -> str:
        if not _is_problem(answer):
            return (
                f"{self._access.server} does not answer as kursdocs does"
                f" (status {answer.status_code}); check the address of the server"
            )
        return f"{self._access.server}: {_words(answer)}"

    def _broken(self, error: httpx2.TransportError) -> str:
        host = urlsplit(str(error.request.url)).netloc
        if _is_certificate(error):
            return (
                f"the certificate of {host} is not trusted ({_cause(error)}). If it was issued by"
                " an authority of your own, name its certificate with --ca-file"
            )
        return f"{host} cannot be reached ({_cause(error)})"


class _Counted(httpx2.SyncByteStream):
    """A body that tells how much of it has left."""

    def __init__(self, body: httpx2.SyncByteStream, length: int, moved: Moved) -> None:
        self._body = body
        self._length = length
        self._moved = moved

    def __iter__(self) -> Iterator[bytes]:
        left = 0
        for chunk in self._body:
            # Small pieces, so that the bar moves on a slow line.
            for start in range(0, len(chunk), 64 * 1024):
                piece = chunk[start : start + 64 * 1024]
                yield piece
                left += len(piece)
                self._moved(left / self._length)

    def close(self) -> None:
        self._body.close()


@contextmanager
def open_server(access: Access, waits: Waits) -> Iterator[Server]:
    """A server to talk to; raises :class:`Unreachable` when the authority's file is none."""
    hosts = [urlsplit(url).hostname for url in (access.server, access.issuer)]
    with httpx2.Client(
        timeout=_TIMEOUT,
        verify=_tls(access),
        headers={"Accept": "application/json", "Accept-Language": "en"},
        # Proxies of the house are for what lies outside of this machine.
        trust_env=not all(host in _LOOPBACK for host in hosts),
    ) as client:
        yield Server(client, access, waits)


def _tls(access: Access) -> ssl.SSLContext:
    if access.server.startswith("http://") and access.issuer.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading authorities takes a while
    context = ssl.create_default_context()
    if access.ca_file is not None:
        try:
            context.load_verify_locations(access.ca_file)
        except OSError as error:
            raise Unreachable(
                f"{access.ca_file} is no certificate file: {error.strerror or 'not PEM'}"
            ) from error
    return context


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _is_worth_another_try(answer: httpx2.Response) -> bool:
    if answer.status_code == 409:
        return "Retry-After" in answer.headers  # the same sending is being stored right now
    return answer.status_code in _WORTH_ANOTHER_TRY


def _retry_after(answer: httpx2.Response) -> float:
    """Seconds the server asks for; 0 when it names none (or a date, which nobody here sends)."""
    said = answer.headers.get("Retry-After", "")
    return min(float(said), RETRY_AFTER_SECONDS_MAX) if said.isascii() and said.isdigit() else 0.0


def _backoff(number: int) -> float:
    """Twice as long each time; not at the same moment as everybody else."""
    return min(2.0 ** (number - 1), BACKOFF_SECONDS_MAX) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing


def _is_certificate(error: Exception) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _chain(error))


def _cause(error: Exception) -> str:
    """The last reason below an error, in the system's words."""
    for one in reversed(list(_chain(error))):
        if isinstance(one, ssl.SSLCertVerificationError):
            return str(one.verify_message)
        if isinstance(one, OSError) and one.strerror:
            return one.strerror.lower()
    return str(error) or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json() if len(answer.content) <= _ANSWER_BYTES_MAX else None
    except ValueError:
        return None


def _is_problem(answer: httpx2.Response) -> bool:
    return answer.headers.get("Content-Type", "").startswith("application/problem+json")


def _words(answer: httpx2.Response) -> str:
    """The server's own sentence."""
    told = _json(answer) if _is_problem(answer) else None
    sentence = told.get("detail") if isinstance(told, dict) else None
    if not isinstance(sentence, str):
        return f"the server answers {answer.status_code}"
    reference = told.get("reference") if isinstance(told, dict) else None
    return f"{sentence} ({reference})" if isinstance(reference, str) and reference else sentence


def _document(answer: httpx2.Response) -> Mapping[str, Any]:
    document = _json(answer)
    wanted = ("id", "state", "received_sha256", "stored_at")
    if not isinstance(document, dict) or any(name not in document for name in wanted):
        raise Unreachable("the server's answer is not that of a kursdocs; nothing was noted")
    return document


def _refused(answer: httpx2.Response) -> Refused:
    told = _json(answer)
    if not _is_problem(answer) or not isinstance(told, dict):
        return Refused(f"http_{answer.status_code}", _words(answer), {})
    errors = told.get("errors", [])
    fields = {str(e.get("field", "")): str(e.get("detail", "")) for e in errors}
    return Refused(str(told.get("code", "")), _words(answer), fields)
