"""The report of the checks of rows, files, keys, mails and the log, in plain words and counts.

For coordinator and auditor, of the whole installation. Which papers are concerned is the matter of
the operator, who finds their ids by ``kursdocs fsck``.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace

from starlette.responses import Response

from kursdocs.core import checks
from kursdocs.core.audit import Happening
from kursdocs.core.checks import CheckRun, Depth
from kursdocs.operations.fsck import LOSSES, Damage
from kursdocs.web.call import Call
from kursdocs.web.pages import N_

SHOWN_DAYS = 14
_RUNS_MAX = 60

DEPTHS: Mapping[Depth, str] = {
    Depth.FAST: N_("ohne Inhalte"),
    Depth.SAMPLE: N_("mit Stichprobe der Inhalte"),
    Depth.DEEP: N_("mit allen Inhalten"),
}
DAMAGES: Mapping[Damage, str] = {
    Damage.LOST_OBJECT: N_("Papiere, deren Datei fehlt"),
    Damage.CORRUPT: N_("Papiere, deren Datei beschädigt ist"),
    Damage.WRONG_KEY: N_("Papiere, deren Schlüssel nicht passt"),
    Damage.KEY_MISSING: N_("Papiere, deren Schlüssel fehlt"),
    Damage.KEY_UNREADABLE: N_("Papiere, deren Schlüssel nicht lesbar ist"),
    Damage.WRONG_CONTENT: N_("Papiere, deren Inhalt nicht zur Quittung passt"),
    Damage.LOG_ALTERED: N_("Einträge im Protokoll, die verändert wurden oder fehlen"),
    Damage.LOG_GAP: N_("Papiere, deren Weg im Protokoll nicht vollständig steht"),
    Damage.DOCUMENT_VANISHED: N_("Papiere, die im Protokoll stehen, aber nicht mehr da sind"),
    Damage.UNDEAD: N_("Gelöschte Papiere, deren Datei und Schlüssel wieder da sind"),
    Damage.UNTRACKED_OBJECT: N_("Dateien, zu denen es kein Papier gibt"),
    Damage.LEFT_OBJECT: N_("Unlesbare Dateien gelöschter Papiere"),
    Damage.LEFT_KEY: N_("Schlüssel gelöschter Papiere"),
    Damage.KEY_UNUSED: N_("Schlüssel, die nie gebraucht wurden"),
    Damage.PENDING_OLD: N_("Abgebrochene Sendungen und alte Entwürfe"),
    Damage.UNFINISHED_OLD: N_("Reste abgebrochener Schreibvorgänge"),
    Damage.INDEX_MISSING: N_("Zugestellte Papiere, die die Suche nicht findet"),
    Damage.MAIL_STUCK: N_("Mails, die niemand absendet"),
    Damage.HELD_OLD: N_("Papiere, die seit mehr als einem Tag auf den Virenscanner warten"),
}


def index(call: Call) -> Response:
    """The newest check, what it found, and those of the last days."""
    since = call.now - timedelta(days=SHOWN_DAYS)
    runs = checks.latest(call.session, limit=_RUNS_MAX)
    lately = [_row(run) for run in runs if run.started_at >= since]
    call.record(Happening.CHECKS_LISTED, count=len(lately))
    newest = runs[0] if runs else None
    return call.render(
        "integrity/index.html",
        newest=_row(newest) if newest else None,
        is_old=newest is not None and call.now - newest.started_at > checks.UNCHECKED,
        losses=_found(newest, is_loss=True),
        leftovers=_found(newest, is_loss=False),
        runs=lately,
        shown_days=SHOWN_DAYS,
    )


def _row(run: CheckRun) -> SimpleNamespace:
    return SimpleNamespace(
        at=run.started_at,
        verdict=run.verdict.value,
        depth=DEPTHS[run.depth],
        seconds=round((run.ended_at - run.started_at).total_seconds()),
        count=sum(run.found.values()),
        rows=run.looked_at.get("rows", 0),
        objects=run.looked_at.get("objects", 0),
        keys=run.looked_at.get("keys", 0),
        log_rows=run.looked_at.get("log_rows", 0),
        papers_read=run.looked_at.get("papers_read", 0),
        bytes_read=run.looked_at.get("bytes_read", 0),
    )


def _found(run: CheckRun | None, *, is_loss: bool) -> Sequence[SimpleNamespace]:
    """What was found, worst first; nothing of a kind that this version does not know."""
    found = run.found if run else {}
    return [
        SimpleNamespace(words=DAMAGES[damage], count=found[damage])
        for damage in Damage
        if found.get(damage) and (damage in LOSSES) is is_loss
    ]
