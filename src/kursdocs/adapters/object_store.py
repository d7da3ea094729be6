"""The object store: a folder on this machine, or a bucket of any S3 server.

Keeps sealed bytes under random names and knows nothing of documents, keys or databases. The only
module that imports ``minio`` (pinned below 8, whose interface differs). Entry points in reading
order: :func:`open_store`, :class:`FolderStore`, :class:`MinioStore`.

A store is used after ``claim``, which prepares what is missing and leaves the installation's
mark. From then on nothing is prepared silently: what has gone (a disk no longer mounted, a
removed bucket) is :class:`StoreUnavailable`, never an empty store. An installation that
knows it has documents calls ``check`` before ``claim``: then a start prepares no empty one either.
"""

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import structlog
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Object, Upload
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError, MaxRetryError

from kursdocs.adapters import s3_lines, store_urls
from kursdocs.adapters.durable_files import check_writable, create_file, sync_folder
from kursdocs.core.ports import (
    ForeignInstance,
    ObjectMissing,
    ObjectStore,
    StoredObject,
    StoreUnavailable,
    Tampered,
)

OBJECT_BYTES_MAX = 33 * 1024 * 1024
"""The largest object: the largest document, sealed. One S3 request carries it."""

MARKER = "kursdocs-instance"
"""The name of the installation's mark, beside the objects."""

QUARANTINE = "quarantine"
"""The folder, or the prefix, of what was set aside."""

_NAME = re.compile(r"[0-9a-f]{32}")
_SET_ASIDE_NAME = re.compile(r"[0-9a-f]{32}(\.[0-9a-f]{16})?")
# What the file system says of one file and not of the whole: bad sectors or sums; or no file, not
# for us.
_ROTTEN = frozenset((errno.EIO, errno.EBADMSG, errno.EUCLEAN))
_OF_ONE_FILE = _ROTTEN | {errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM}
_SHARDS = tuple(f"{number:02x}" for number in range(256))

log = structlog.get_logger(__name__)


def open_store(url: str, access_key: str, secret_key: str) -> ObjectStore:
    """The store that ``url`` names; opens no connection and touches no file.

    ``folder:var/objects``, ``folder:/srv/objects`` or
    ``s3://host[:port]/bucket[?tls=on|off][&region=…]``; TLS is on unless it is switched off, the
    region is ``us-east-1`` unless given. The keys are for S3 alone. Raises :class:`ValueError`
    with a sentence that says what is wrong.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "folder":
        if not rest:
            raise ValueError("The store URL names no folder: write folder:/path or folder:path.")
        return FolderStore(Path(rest))
    if scheme == "s3":
        named = store_urls.bucket_of(url, has_keys=bool(access_key and secret_key))
        return MinioStore(
            named.endpoint,
            named.bucket,
            access_key,
            secret_key,
            tls=named.tls,
            region=named.region,
        )
    raise ValueError(
        "The store URL must start with folder: or s3:// "
        "(folder:/srv/objects, s3://host:9000/bucket?tls=on)."
    )


class FolderStore:
    """Objects as files under ``root``, in 256 folders by the first two characters of the name.

    Files are written whole in ``root/incoming``, synced, then linked to their name. What nobody
    can explain is set aside in ``root/quarantine``. The path is
    fixed at construction; a later change of the working directory does not move the store.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._incoming = self._root / "incoming"
        self._quarantine = self._root / QUARANTINE

    def put(self, name: str, data: bytes) -> None:
        """Store ``data``; raises :class:`FileExistsError` and :class:`ValueError`."""
        path = self._path(name)
        _checked_size(data)
        with _folder_errors("put", passing=FileExistsError):
            create_file(path, data, self._temporary(name))

    def get(self, name: str) -> bytes:
        """The stored bytes; raises :class:`ObjectMissing`, or :class:`Tampered` if too long.

        :class:`Tampered` also when this one file cannot be read although the store answers: a bad
        sector must not stop whoever goes through all objects.
        """
        path = self._path(name)
        with _folder_errors("get"):
            try:
                with path.open("rb") as file:
                    return _not_too_long(file.read(OBJECT_BYTES_MAX + 1))
            except FileNotFoundError as error:
                os.stat(path.parent)  # Without its folder the store is gone, not the object.
                raise ObjectMissing from error
            except OSError as error:
                if error.errno not in _OF_ONE_FILE:
                    raise
                (self._root / MARKER).read_bytes()
                os.listdir(path.parent)
                log.error("object unreadable", reason=errno.errorcode[error.errno])
                raise Tampered("the stored object cannot be read") from error

    def delete(self, name: str) -> None:
        """Remove the object and whatever a killed ``put`` left of it; silent if there is none."""
        path = self._path(name)
        with _folder_errors("delete"):
            # First what may still become the object: the link of a slow ``put`` then fails.
            for left in self._incoming.glob(f"{name}.*"):
                left.unlink(missing_ok=True)
            sync_folder(self._incoming)
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    def names(self) -> Sequence[str]:
        """All object names, in order."""
        with _folder_errors("names"):
            found = [
                name
                for shard in _SHARDS
                for name in os.listdir(self._root / shard)
                if _NAME.fullmatch(name) and name.startswith(shard)
            ]
        return sorted(found)

    def entries(self) -> Sequence[StoredObject]:
        """All objects in the order of their names."""
        with _folder_errors("entries"):
            found = [
                entry
                for shard in _SHARDS
                for entry in _files(self._root / shard)
                if _NAME.fullmatch(entry.name) and entry.name.startswith(shard)
            ]
        return sorted(found, key=_name_of)

    def unfinished(self) -> Sequence[StoredObject]:
        """The files of ``put`` calls that are under way, or were killed."""
        with _folder_errors("unfinished"):
            return sorted(_files(self._incoming), key=_name_of)

    def clear_unfinished(self, names: Sequence[str]) -> None:
        """Remove these files; the link of a ``put`` that still writes one then fails."""
        with _folder_errors("clear_unfinished"):
            for name in names:
                (self._incoming / Path(name).name).unlink(missing_ok=True)
            sync_folder(self._incoming)

    def set_aside(self, name: str) -> str:
        """Move the file into the quarantine; raises :class:`ObjectMissing`."""
        path = self._path(name)
        with _folder_errors("set_aside"):
            os.stat(path.parent)
            self._quarantine.mkdir(mode=0o700, exist_ok=True)
            kept = name
            try:
                try:
                    os.link(path, self._quarantine / kept)
                except FileExistsError:
                    kept = _further(name)
                    os.link(path, self._quarantine / kept)
            except FileNotFoundError as error:
                raise ObjectMissing from error
            sync_folder(self._quarantine)
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        return kept

    def set_aside_names(self) -> Sequence[str]:
        """All names in the quarantine; none before anything was set aside."""
        with _folder_errors("set_aside_names"):
            try:
                found = os.listdir(self._quarantine)
            except FileNotFoundError:
                os.stat(self._root / MARKER)
                return []
        return sorted(name for name in found if _SET_ASIDE_NAME.fullmatch(name))

    def claim(self, instance: UUID) -> None:
        """Prepare the folders and leave the mark; raises :class:`ForeignInstance`."""
        with _folder_errors("claim"):
            self._prepare()
            marker = self._root / MARKER
            with contextlib.suppress(FileExistsError):
                create_file(marker, _marker_text(instance), self._temporary(MARKER))
            _compare_marker(marker.read_bytes(), instance)

    def claimed_by(self) -> UUID | None:
        """Whose mark is there; raises :class:`StoreUnavailable` where no store could be made."""
        with _folder_errors("claimed_by"):
            try:
                return _marked(self._root.joinpath(MARKER).read_bytes())
            except FileNotFoundError:
                check_writable(self._root)
                return None

    def check(self) -> None:
        """Raise :class:`StoreUnavailable` unless the mark of a claim is there now."""
        with _folder_errors("check"):
            os.stat(self._root / MARKER)
            os.listdir(self._incoming)

    def _prepare(self) -> None:
        """Make the folders that are missing, durably, closed to other users."""
        if not self._root.is_dir():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._root.parent)
        for folder in (self._incoming, *(self._root / shard for shard in _SHARDS)):
            folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._root)

    def _path(self, name: str) -> Path:
        return self._root / _checked_name(name)[:2] / name

    def _temporary(self, name: str) -> Path:
        return self._incoming / f"{name}.{secrets.token_hex(8)}"


class MinioStore:
    """Objects in one bucket of an S3 server that honours ``If-None-Match`` (``claim`` tries it).

    With ``tls`` off, requests are signed but bytes (sealed) and names travel in the open, and
    answers can be forged by whoever sits on the line: for a closed network only, by explicit
    setting. Certificates are checked against the system's authorities.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        *,
        tls: bool = True,
        region: str = "us-east-1",
    ) -> None:
        def client(read_seconds: float) -> Minio:
            return Minio(
                endpoint,
                access_key=access_key,
                secret_key=secret_key,
                secure=tls,
                region=region,  # Without it, every bucket costs one more request.
                http_client=s3_lines.pool(read_seconds),
            )

        self._client = client(read_seconds=20.0)
        self._probe = client(read_seconds=2.0)
        self._bucket = bucket

    def put(self, name: str, data: bytes) -> None:
        """Store ``data``; raises :class:`FileExistsError` and :class:`ValueError`."""
        _checked_name(name)
        _checked_size(data)
        with _s3_errors("put", passing=FileExistsError):
            self._create(name, data)

    def get(self, name: str) -> bytes:
        """The stored bytes; raises :class:`ObjectMissing`, or :class:`Tampered` if too long."""
        _checked_name(name)
        with _s3_errors("get"):
            return self._read(name)

    def delete(self, name: str) -> None:
        """Remove the object; silent when there is none."""
        _checked_name(name)
        with _s3_errors("delete"):
            self._client.remove_object(self._bucket, name)

    def names(self) -> Sequence[str]:
        """All object names, in order."""
        with _s3_errors("names"):
            listed = self._client.list_objects(self._bucket, recursive=True)
            found = [entry.object_name or "" for entry in listed]
        return sorted(name for name in found if _NAME.fullmatch(name))

    def entries(self) -> Sequence[StoredObject]:
        """All objects in the order of their names."""
        with _s3_errors("entries"):
            listed = self._client.list_objects(self._bucket, recursive=True)
            found = [_described(entry) for entry in listed if _is_ours(entry)]
        return sorted(found, key=_name_of)

    def unfinished(self) -> Sequence[StoredObject]:
        """Multipart uploads that nobody ended. ``put`` makes none, but other tools may."""
        found: list[StoredObject] = []
        key: str | None = None
        with _s3_errors("unfinished"):
            while True:
                # minio offers no public method for this list.
                page = self._client._list_multipart_uploads(self._bucket, key_marker=key)
                found += [_upload(one) for one in page.uploads]
                key = page.next_key_marker
                if not (page.is_truncated and key):
                    return sorted(found, key=_name_of)

    def clear_unfinished(self, names: Sequence[str]) -> None:
        """Abort these multipart uploads."""
        with _s3_errors("clear_unfinished"):
            for name in names:
                key, _, upload_id = name.rpartition("?")
                try:
                    self._client._abort_multipart_upload(self._bucket, key, upload_id)
                except S3Error as error:
                    if error.code != "NoSuchUpload":
                        raise

    def set_aside(self, name: str) -> str:
        """Copy the object under ``quarantine/``, then remove it; raises :class:`ObjectMissing`."""
        _checked_name(name)
        self.check()  # Of a bucket that has gone, the server says the same as of an object.
        with _s3_errors("set_aside"):
            kept = _further(name) if self._has(f"{QUARANTINE}/{name}") else name
            if not self._has(name):
                raise ObjectMissing
            source = CopySource(self._bucket, name)
            self._client.copy_object(self._bucket, f"{QUARANTINE}/{kept}", source)
            if not self._has(f"{QUARANTINE}/{kept}"):
                raise _unavailable("set_aside", "the server copied nothing")
            self._client.remove_object(self._bucket, name)
        return kept

    def set_aside_names(self) -> Sequence[str]:
        """All names in the quarantine."""
        prefix = f"{QUARANTINE}/"
        with _s3_errors("set_aside_names"):
            listed = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            found = [(entry.object_name or "").removeprefix(prefix) for entry in listed]
        return sorted(name for name in found if _SET_ASIDE_NAME.fullmatch(name))

    def claim(self, instance: UUID) -> None:
        """Make the bucket if it is missing and leave the mark; raises :class:`ForeignInstance`.

        Also tries whether the server really never overwrites; one that does is refused as
        :class:`StoreUnavailable`, with the reason in the log.
        """
        with _s3_errors("claim"):
            self._ensure_bucket()
            try:
                _compare_marker(self._read(MARKER), instance)
            except ObjectMissing:
                with contextlib.suppress(FileExistsError):
                    self._create(MARKER, _marker_text(instance))
                _compare_marker(self._read(MARKER), instance)
            self._refuse_a_server_that_overwrites(instance)

    def claimed_by(self) -> UUID | None:
        """Whose mark is there; nobody's, too, when there is no bucket yet."""
        with _s3_errors("claimed_by"):
            if not self._probe.bucket_exists(self._bucket):
                return None
            try:
                return _marked(self._read(MARKER, self._probe))
            except ObjectMissing:
                return None

    def check(self) -> None:
        """Raise :class:`StoreUnavailable` unless the server has the mark of a claim now.

        Gives up sooner than the other methods, because readiness must not wait.
        """
        with _s3_errors("check"):
            try:
                self._read(MARKER, self._probe)
            except ObjectMissing as error:
                raise _unavailable("check", "not claimed yet") from error

    def _create(self, name: str, data: bytes) -> None:
        """One PUT that the server refuses when the name is taken (412)."""
        # ``put_object`` knows no conditions (as metadata the header would be stored and ignored);
        # this is what it calls itself for one part, signature over the bytes included.
        headers: dict[str, str | list[str] | tuple[str]] = {
            "If-None-Match": "*",
            "Content-Type": "application/octet-stream",
        }
        try:
            self._client._put_object(self._bucket, name, data, headers)
        except S3Error as error:
            if error.code == "PreconditionFailed":
                raise FileExistsError(errno.EEXIST, "the object name is taken") from error
            raise

    def _read(self, name: str, client: Minio | None = None) -> bytes:
        try:
            response = (client or self._client).get_object(self._bucket, name)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise ObjectMissing from error
            raise
        try:
            return _not_too_long(s3_lines.read_all(response, OBJECT_BYTES_MAX + 1))
        finally:
            response.close()
            response.release_conn()

    def _has(self, key: str) -> bool:
        try:
            self._client.stat_object(self._bucket, key)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return False
            raise
        return True

    def _ensure_bucket(self) -> None:
        if self._client.bucket_exists(self._bucket):
            return
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            # Another process was faster. If it belongs to strangers, the next request fails.
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def _refuse_a_server_that_overwrites(self, instance: UUID) -> None:
        # Harmless where the server ignores the condition: the mark is replaced by itself.
        with contextlib.suppress(FileExistsError):
            self._create(MARKER, _marker_text(instance))
            raise _unavailable("claim", "the server ignores If-None-Match and would overwrite")


# --- Listings ------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[StoredObject]:
    """The files of a folder; one that vanishes meanwhile is none."""
    with os.scandir(folder) as listed:
        for file in listed:
            with contextlib.suppress(FileNotFoundError):
                yield _told_of(file)


def _told_of(file: os.DirEntry[str]) -> StoredObject:
    """What the file system says of it; when that is damaged, that it is empty and new."""
    try:
        told = file.stat(follow_symlinks=False)
    except OSError as error:
        if error.errno not in _ROTTEN:
            raise
        return StoredObject(file.name, 0, datetime.now(UTC))
    return StoredObject(file.name, told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))


def _is_ours(entry: Object) -> bool:
    return bool(_NAME.fullmatch(entry.object_name or ""))


def _described(entry: Object) -> StoredObject:
    return StoredObject(entry.object_name or "", entry.size or 0, _in_utc(entry.last_modified))


def _upload(one: Upload) -> StoredObject:
    return StoredObject(f"{one.object_name}?{one.upload_id}", 0, _in_utc(one.initiated_time))


def _in_utc(moment: datetime | None) -> datetime:
    """When the server says nothing: long ago, so that age never protects what it should not."""
    if moment is None:
        return datetime.fromtimestamp(0, UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _name_of(entry: StoredObject) -> str:
    return entry.name


def _further(name: str) -> str:
    """Another name for a second object of that name in the quarantine."""
    return f"{name}.{secrets.token_hex(8)}"


# --- What is wrong -------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder_errors(action: str, passing: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Turn whatever the file system says into the port's errors, except ``passing``."""
    try:
        yield
    except passing:
        raise
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise _unavailable(action, reason) from error


@contextlib.contextmanager
def _s3_errors(action: str, passing: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Turn the error families of minio, urllib3 and the parsers into the port's errors.

    ``ValueError`` is what minio raises for an answer it cannot make sense of.
    """
    try:
        yield
    except passing:
        raise
    except (MinioException, HTTPError, ElementTree.ParseError, ValueError, OSError) as error:
        raise _unavailable(action, _s3_reason(error)) from error


def _s3_reason(error: Exception) -> str:
    """The kind of error, never its text: that can hold names, addresses and parts of answers."""
    if isinstance(error, S3Error):
        return f"S3 {error.code}"
    if isinstance(error, MaxRetryError) and error.reason is not None:
        return type(error.reason).__name__
    return type(error).__name__


def _unavailable(action: str, reason: str) -> StoreUnavailable:
    log.warning("object store unavailable", action=action, reason=reason)
    return StoreUnavailable()


# --- Names, sizes and the mark -------------------------------------------------------------------


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("An object name is 32 hexadecimal digits in lower case.")
    return name


def _checked_size(data: bytes) -> None:
    if len(data) > OBJECT_BYTES_MAX:
        raise ValueError(f"An object has at most {OBJECT_BYTES_MAX} bytes.")


def _not_too_long(data: bytes) -> bytes:
    if len(data) > OBJECT_BYTES_MAX:
        raise Tampered("the stored object is longer than any that was put")
    return data


def _marker_text(instance: UUID) -> bytes:
    return f"{instance}\n".encode("ascii")


def _marked(found: bytes) -> UUID:
    try:
        return UUID(found.decode("ascii").strip())
    except ValueError:
        raise ForeignInstance("The object store carries a mark that is not ours.") from None


def _compare_marker(found: bytes, instance: UUID) -> None:
    if found != _marker_text(instance):
        raise ForeignInstance("The object store carries the mark of another installation.")
