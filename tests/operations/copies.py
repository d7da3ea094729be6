"""Copies of a whole installation for tests: where they lie, and empty places to put them into."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.operations.house import House, make_settings
from tests.servers import PostgresServer, S3Server

from kursdocs import bootstrap
from kursdocs.adapters.backup_folder import BackupFolder
from kursdocs.adapters.sealed_files import Identities, create_identity
from kursdocs.core.backups import Copies, Manifest
from kursdocs.operations import backing_up, restoring
from kursdocs.operations.backing_up import BackedUp, Means
from kursdocs.operations.restoring import Place, Restored
from kursdocs.settings import Settings


@dataclass
class Backups:
    """The copies of a house. ``new_place`` gives settings that name an empty place each time."""

    house: House
    folder: Path
    new_place: Callable[[], Settings]

    @classmethod
    def of(cls, house: House, folder: Path, new_place: Callable[[], Settings]) -> "Backups":
        """Recipients and their secret key lie beside the folder."""
        made = cls(house, folder / "copies", new_place)
        made.recipients.write_text(create_identity(made.identity) + "\n")
        return made

    @property
    def identity(self) -> Path:
        """The file with the secret key."""
        return self.folder.with_name("identity.txt")

    @property
    def recipients(self) -> Path:
        """The file with its recipient."""
        return self.folder.with_name("recipients.txt")

    @property
    def copies(self) -> BackupFolder:
        """The folder, opened anew."""
        return BackupFolder(self.folder)

    @property
    def opener(self) -> Identities:
        """What opens the copies."""
        return Identities.load(self.identity)

    def manifest(self) -> Manifest:
        """What the newest copy says of itself."""
        return restoring.read_manifest(self.copies, self.opener, self.copies.stamps()[-1])

    def means(self) -> Means:
        """What a copy of the house is made with."""
        settings = self.house.services.settings
        return bootstrap.backup_means(settings, self.folder, None, self.recipients)

    def make(self, *, keep_days: int = 14, copies: Copies | None = None) -> BackedUp:
        """Make a copy now; at most one a second."""
        means = self.means()
        if copies is not None:
            means = replace(means, copies=copies)
        return backing_up.back_up(self.house.services, means, keep_days=keep_days)

    def put_back(
        self,
        settings: Settings,
        stamp: str = "",
        *,
        copies: Copies | None = None,
        place: Place | None = None,
        despite_damage: bool = False,
    ) -> Restored:
        """Restore the newest copy, or that of a stamp."""
        clock = self.house.clock
        return restoring.restore(
            place or bootstrap.restore_place(settings, clock),
            copies or self.copies,
            self.opener,
            stamp=stamp or self.copies.stamps()[-1],
            now=clock,
            despite_damage=despite_damage,
        )

    @contextmanager
    def opened(self, settings: Settings) -> Iterator[House]:
        """The restored town, tidied, with the people of the one that was copied."""
        with bootstrap.open_services(settings, clock=self.house.clock) as services:
            restoring.tidy(services)
            yield House(services, self.house.clock, self.house.actors)

    @contextmanager
    def restored(self, stamp: str = "") -> Iterator[House]:
        """The same, from a copy."""
        settings = self.new_place()
        self.put_back(settings, stamp)
        with self.opened(settings) as house:
            yield house


@contextmanager
def places(
    settings: Settings, folder: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], Settings]]:
    """Settings of empty places of the same kind, with the same master key; removed at the end."""
    urls: list[str] = []

    def servers() -> dict[str, object]:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        s3: S3Server = request.getfixturevalue("s3")
        urls.extend(fresh := [postgres.new_database(), postgres.new_database()])
        return {
            "database_url": fresh[0],
            "keys_url": fresh[1],
            "store_url": s3.bucket_url(s3.new_bucket()),
            "s3_access_key": settings.s3_access_key,
            "s3_secret_key": settings.s3_secret_key,
        }

    def one() -> Settings:
        place = folder / f"place-{len(list(folder.glob('place-*')))}"
        place.mkdir()
        changes = servers() if settings.database_url.startswith("postgresql") else {}
        return make_settings(place, master_key_file=settings.master_key_file, **changes)

    yield one
    for url in urls:
        request.getfixturevalue("postgres").drop_database(url)
