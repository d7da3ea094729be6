"""Files that exist wholly or not at all, also after the power failed.

Knows nothing of objects or keys. Entry points: ``create_file``, ``replace_file``; ``sync_folder``
makes the names in a folder durable.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path


def create_file(final: Path, data: bytes, temporary: Path) -> None:
    """Make ``final`` with ``data``, durable when this returns; it is never seen half written.

    ``temporary`` must not exist yet and lies on the same file system. Only the owner may read
    the file. Raises :class:`FileExistsError` when ``final`` is taken, which stays untouched, and
    any other :class:`OSError` as it comes; then ``final`` may or may not have become durable.
    """
    try:
        _write_through(temporary, data)
        # A link and not a rename: a rename would silently replace what has that name already.
        os.link(temporary, final)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    sync_folder(final.parent)


def replace_file(final: Path, data: bytes, temporary: Path) -> None:
    """Put ``data`` in the place of the file ``final``, durable when this returns.

    Who has it open goes on reading the old file. Owner and mode stay. ``temporary`` must not exist
    yet and lies in the same folder. Raises :class:`OSError` as it comes; unless it is the last
    step that failed, ``final`` is as it was.
    """
    before = os.stat(final)
    try:
        _write_through(temporary, data)
        _give_to(temporary, before)
        temporary.rename(final)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    sync_folder(final.parent)


def check_writable(folder: Path) -> None:
    """Raise ``OSError`` unless files could be made in the folder, or the folder itself could.

    Makes nothing.
    """
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def sync_folder(folder: Path) -> None:
    """Make creations and removals in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_through(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _give_to(path: Path, like: os.stat_result) -> None:
    """The same owner and mode; the owner only where it differs, which only root may do."""
    mine = os.stat(path)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        os.chown(path, like.st_uid, like.st_gid)
    os.chmod(path, stat.S_IMODE(like.st_mode))
