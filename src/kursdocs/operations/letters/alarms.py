"""What the operator is told at once, at any hour: what is wrong, how much of it, what to run.

Entry point: :func:`alarm_letter`. Counts only; no id, no name, no agency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kursdocs.catalogue import Text
from kursdocs.core.ports import Letter
from kursdocs.operations.letters.templates import TEMPLATES
from kursdocs.operations.letters.wording import Counted, Language, always


class Alarm(StrEnum):
    """What the operator must know before somebody asks. Not mended, it is told again next day."""

    HELD_LONG = "held_long"
    MALWARE_DELIVERED = "malware_delivered"
    SIGNATURES_OLD = "signatures_old"
    INTEGRITY_LOSS = "integrity_loss"
    INTEGRITY_UNCHECKED = "integrity_unchecked"
    LOG_ALTERED = "log_altered"
    LOG_UNSIGNED = "log_unsigned"
    BACKUP_LATE = "backup_late"
    DATABASE_OLD = "database_old"
    BACKUP_INCOMPLETE = "backup_incomplete"


@dataclass(frozen=True)
class Wording:
    """What is wrong (``{n}`` is how much), what to do about it, and the command to run."""

    sentence: Counted
    advice: Text
    command: str


WORDS: Mapping[Alarm, Wording] = {
    Alarm.HELD_LONG: Wording(
        Counted(
            Text(
                "1 Papier wartet seit mehr als einem Tag auf die Prüfung durch den Virenscanner "
                "und ist noch nicht zugestellt.",
                "1 paper has waited for the malware scanner for more than a day and is not "
                "delivered yet.",
            ),
            Text(
                "{n} Papiere warten seit mehr als einem Tag auf die Prüfung durch den "
                "Virenscanner und sind noch nicht zugestellt.",
                "{n} papers have waited for the malware scanner for more than a day and are not "
                "delivered yet.",
            ),
        ),
        Text(
            "Bitte sehen Sie nach, ob der Virenscanner läuft. Sobald er antwortet, geht alles "
            "von selbst weiter.",
            "Please see whether the scanner is running. As soon as it answers, all goes on by "
            "itself.",
        ),
        "kursdocs check",
    ),
    Alarm.MALWARE_DELIVERED: Wording(
        Counted(
            Text(
                "Mit neueren Signaturen hat der Virenscanner in 1 Papier Schadsoftware gefunden, "
                "das schon zugestellt war. Es ist gesperrt.",
                "With newer signatures, the scanner has found malware in 1 paper that had been "
                "delivered. It is blocked.",
            ),
            Text(
                "Mit neueren Signaturen hat der Virenscanner in {n} Papieren Schadsoftware "
                "gefunden, die schon zugestellt waren. Sie sind gesperrt.",
                "With newer signatures, the scanner has found malware in {n} papers that had been "
                "delivered. They are blocked.",
            ),
        ),
        Text(
            "Die beteiligten Stellen sehen es in kursdocs und werden gebeten, Kopien zu löschen. "
            "Das Protokoll nennt, wer die Datei geöffnet hat.",
            "The agencies concerned see it in kursdocs and are asked to delete copies. The log "
            "tells who opened the file.",
        ),
        "kursdocs audit export",
    ),
    Alarm.SIGNATURES_OLD: Wording(
        always(
            Text(
                "Die Signaturen des Virenscanners sind älter als drei Tage, oder niemand weiß, "
                "wie alt sie sind: Neue Schadsoftware erkennt er nicht.",
                "The signatures of the malware scanner are older than three days, or nobody knows "
                "how old they are: it does not notice new malware.",
            )
        ),
        Text(
            "Bitte sehen Sie nach, warum freshclam keine neuen lädt.",
            "Please see why freshclam does not load new ones.",
        ),
        "kursdocs check",
    ),
    Alarm.INTEGRITY_LOSS: Wording(
        always(
            Text(
                "Der Abgleich von Daten und Dateien hat Schäden gefunden, die sich nicht von "
                "selbst beheben lassen.",
                "The check of records and files has found damage that cannot be mended by itself.",
            )
        ),
        Text(
            "Bitte löschen und ändern Sie nichts von Hand. Der Befehl nennt jeden Schaden; was "
            "fehlt, kommt aus der Sicherung zurück.",
            "Please delete and change nothing by hand. The command names each damage; what is "
            "missing comes back from the backup.",
        ),
        "kursdocs fsck --deep",
    ),
    Alarm.INTEGRITY_UNCHECKED: Wording(
        always(
            Text(
                "Seit mehr als zwei Tagen wurde nicht geprüft, ob alles Gespeicherte "
                "vollständig ist.",
                "For more than two days nobody has checked whether all that is stored is whole.",
            )
        ),
        Text(
            "Bitte sehen Sie nach, ob der Worker läuft und ob alle Teile antworten.",
            "Please see whether the worker is running and all parts answer.",
        ),
        "kursdocs check",
    ),
    Alarm.LOG_ALTERED: Wording(
        always(
            Text(
                "Das Protokoll ist nicht mehr so, wie es geschrieben und bestätigt wurde.",
                "The log is no longer as it was written and confirmed.",
            )
        ),
        Text(
            "Bitte sichern Sie die Datenbank, bevor Sie etwas ändern, und informieren Sie Ihre "
            "IT-Sicherheit. Der Befehl nennt die erste Stelle, die nicht stimmt.",
            "Please save the database before you change anything, and tell your IT security. The "
            "command names the first place that does not fit.",
        ),
        "kursdocs audit verify",
    ),
    Alarm.LOG_UNSIGNED: Wording(
        always(
            Text(
                "Seit mehr als einem Tag wurde das Protokoll nicht mehr bestätigt und verteilt.",
                "For more than a day the log has not been confirmed and handed out.",
            )
        ),
        Text(
            "Bitte sehen Sie nach, ob der Worker läuft und KURSDOCS_LOG_KEY_FILE lesen kann.",
            "Please see whether the worker is running and can read KURSDOCS_LOG_KEY_FILE.",
        ),
        "kursdocs check",
    ),
    Alarm.BACKUP_LATE: Wording(
        always(
            Text(
                "Die letzte Sicherung ist älter als zwei Tage.",
                "The last backup is older than two days.",
            )
        ),
        Text(
            "Bitte sehen Sie nach, warum keine neue gemacht wird.",
            "Please see why no new one is made.",
        ),
        "kursdocs backup",
    ),
    Alarm.DATABASE_OLD: Wording(
        always(
            Text(
                "Die Datenbank ist älter als der Schlüsselspeicher: Die neuesten Papiere fehlen "
                "in ihr. Ihre Dateien und Schlüssel sind noch da und werden nicht gelöscht.",
                "The database is older than the key store: it lacks the newest papers. Their "
                "files and keys are still there and are not deleted.",
            )
        ),
        Text(
            "Bitte halten Sie kursdocs an und bringen Sie die neueste Datenbank zurück. Erst wenn "
            "sie endgültig verloren ist, arbeiten Sie mit dieser weiter.",
            "Please stop kursdocs and put the newest database back. Go on with this one only when "
            "that is lost for good.",
        ),
        "kursdocs fsck",
    ),
    Alarm.BACKUP_INCOMPLETE: Wording(
        always(
            Text(
                "Die letzte Sicherung ist nicht vollständig: Papiere oder ihre Schlüssel ließen "
                "sich nicht lesen und fehlen darin.",
                "The last backup is not complete: papers or their keys could not be read and are "
                "missing in it.",
            )
        ),
        Text(
            "Bitte kopieren Sie den Ordner der Sicherungen bald an eine andere Stelle: Ältere "
            "Kopien der Schlüssel entfernt kursdocs nach 14 Tagen. Der Befehl nennt, was "
            "beschädigt ist; was fehlt, steht auch in der Ausgabe der Sicherung.",
            "Please copy the folder of the backups to another place soon: kursdocs removes older "
            "copies of the keys after 14 days. The command names what is damaged; what is "
            "missing is also in the output of the backup.",
        ),
        "kursdocs fsck --deep",
    ),
}


def alarm_letter(
    alarm: Alarm, count: int, *, address: str, public_url: str, message_id: str, now: datetime
) -> Letter:
    """The mail of an alarm in both languages; ``count`` is how much is concerned now."""
    words = WORDS[alarm]
    values = {
        "de": words.sentence.say(count, Language.DE),
        "en": words.sentence.say(count, Language.EN),
        "advice": words.advice,
        "command": words.command,
        "public_url": public_url,
    }
    return Letter(
        to=address,
        subject=f"kursdocs: Bitte nachsehen ({alarm.value})",
        text=TEMPLATES.get_template("alarm.txt").render(values),
        html=TEMPLATES.get_template("alarm.html").render(values),
        message_id=message_id,
        written_at=now,
    )
