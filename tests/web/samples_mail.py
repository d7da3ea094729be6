"""The page about mail going out, and mailboxes as other pages show them, with invented content."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

from kursdocs.catalogue import Addressee
from kursdocs.core.outbox import Standing
from kursdocs.operations.delivery import Health

Pages = list[tuple[str, str, Mapping[str, object]]]

_NEVER: Mapping[str, object] = {
    "standing": None,
    "at": None,
    "reason": "",
    "code": "",
    "attempts": 0,
    "is_test": False,
    "is_refused": False,
    "mail_id": None,
}
_FAILED: Mapping[str, object] = {
    "reason": "Die Adresse gibt es nicht.",
    "code": "5.1.1",
    "attempts": 1,
    "mail_id": UUID(int=7),
    "is_refused": True,
    "why": "Die Adresse gibt es nicht.",
}


def mail_pages(hostile: str, now: datetime) -> Pages:
    """Name, template and context of each."""
    well: dict[str, object] = {
        "worker": Health.WELL,
        "planned_at": now,
        "server": Health.WELL,
        "server_at": now,
        "bounces": Health.WELL,
        "bounces_at": now,
        "waiting": 0,
        "oldest_at": None,
        "oldest_minutes": 0,
        "is_well": True,
    }
    never = dict.fromkeys(("planned_at", "server_at", "bounces_at"))
    states: dict[str, dict[str, object]] = {
        "": {"bounces": Health.OFF, "bounces_at": None},
        "-waiting": {"waiting": 1, "oldest_at": now, "oldest_minutes": 1},
        "-late": {"waiting": 12, "oldest_at": now, "oldest_minutes": 31},
        "-later": {"waiting": 12, "oldest_at": now, "oldest_minutes": 600},
        "-no-worker": {"worker": Health.FAILING, **never},
        "-unseen": {"worker": Health.UNKNOWN, "server": Health.UNKNOWN, **never},
        "-no-server": {"server": Health.FAILING, **never},
        "-no-bounces": {"bounces": Health.FAILING},
    }
    return [
        (
            f"mail{name}",
            "mail/index.html",
            {
                "watch": SimpleNamespace(**(well | state)),
                "boxes": [] if name == "-unseen" else boxes(hostile, now),
                "failing_count": 0 if name == "-unseen" else 2,
                "mail_from": "kursdocs@musterstadt.example",
            },
        )
        for name, state in states.items()
    ]


def boxes(hostile: str, now: datetime) -> list[SimpleNamespace]:
    """One mailbox for each thing that can become of a mail."""
    trying = {"reason": "Der Mailserver ist nicht zu erreichen.", "attempts": 3}
    told: tuple[tuple[Standing, Mapping[str, object]], ...] = (
        (Standing.WAITING, {"is_test": True}),
        (Standing.TRYING, trying),
        (Standing.ACCEPTED, {}),
        (Standing.REFUSED, _FAILED),
        (Standing.RETURNED, _FAILED),
        (Standing.LAPSED, {"mail_id": UUID(int=8)}),
    )
    return [
        _box(hostile, Addressee.COORDINATOR, agency=None),
        _box(hostile, Addressee.HEAD),
        *(
            _box(hostile, Addressee.DESK, standing=standing, at=now, **changes)
            for standing, changes in told
        ),
    ]


def refusing_boxes(hostile: str, now: datetime) -> list[SimpleNamespace]:
    """Two mailboxes that take no mails."""
    failed = {**_FAILED, "standing": Standing.RETURNED, "at": now, "since": now}
    return [_box(hostile, addressee, **failed) for addressee in (Addressee.DESK, Addressee.HEAD)]


def _box(name: str, addressee: Addressee, **changes: object) -> SimpleNamespace:
    own = {
        "place": "jobcenter",
        "name": name,
        "agency": SimpleNamespace(slug="jobcenter"),
        "addressee": addressee,
        "address": "eingang-mit-einem-recht-langen-namen@jobcenter-musterstadt.example",
    }
    return SimpleNamespace(**{**_NEVER, **own, **changes})
