"""What kind of paper it is, by its heading: its name in the catalogue, or how forms are headed.

A heading that fits several kinds is narrowed down by the programme the paper speaks of and by who
issued it. When more than one is left, none is proposed.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from kursdocs.catalogue import AgencyKind, Catalogue, Kind
from kursdocs.operations.proposals.labels import Paper

HEADING_LINES = 30

# Topmost heading first; of those on one line the first here.
HEADINGS: Sequence[tuple[str, Sequence[str]]] = (
    (r"widerruf.{0,20} verpflichtung|abweichende entscheidung", ("obligation_revoked_ik",)),
    (r"zweitschrift", ("duplicate_notice_ik",)),
    (r"einladung zu[rm] (?:einstufung|test)", ("placement_invitation_ik",)),
    (r"zuweisung (?:zu|an)", ("assignment_ik",)),
    (
        r"ergebnis.{0,25} einstufung|einstufungsergebnis|mitteilung.{0,20} sprachstand",
        ("placement_result_ik", "placement_result_bsk"),
    ),
    (
        r"anmeldebestätigung|bestätigung.{0,20} anmeldung|bestätigung über die anmeldung",
        ("registration_confirmation_ik", "registration_confirmation_bsk"),
    ),
    (
        r"nicht zustande gekommen|nicht zustande kommen",
        ("course_not_formed_ik", "course_not_formed_bsk"),
    ),
    (
        r"(?:mitteilung|meldung|bestätigung).{0,25} (?:kursbeginn|beginn)|^kursbeginn$",
        ("start_notice_ik", "start_notice_bsk"),
    ),
    (r"wechsel des kursträgers|kursträgerwechsel|trägerwechsel", ("provider_change_ik",)),
    (r"(?:aufforderung|nachweis).{0,60}ordnungsgemäße", ("attendance_request_ik",)),
    (
        r"nicht ordnungsgemäße|unregelmäßige.{0,3} teilnahme",
        ("nonattendance_report_ik", "nonattendance_report_bsk"),
    ),
    (
        r"(?:bescheinigung|bestätigung).{0,40}ordnungsgemäße.{0,3} teilnahme",
        ("attendance_certificate_ik",),
    ),
    (
        r"abbruchmeldung|kursabbruch|abbruch des .{0,30}kurses",
        ("dropout_report_ik", "dropout_report_bsk"),
    ),
    (r"zertifikat integrationskurs", ("certificate_ik_copy",)),
    (
        r"prüfungsergebnis|ergebnis.{0,25} prüfung|deutsch-test für zuwanderer"
        r"|leben in deutschland",
        ("exam_result_ik", "exam_result_bsk"),
    ),
    (r"kostenbefreiung|befreiung vom kostenbeitrag", ("fee_exemption_ik",)),
    (r"fahrt?kosten(?:zuschuss|erstattung)", ("travel_subsidy_ik", "travel_subsidy_bsk")),
    (
        r"teilnahmeberechtigung mit verpflichtung|verpflichtung zu.{0,60}(?:kurs|sprachförderung)",
        ("obligation_ik_abh", "obligation_ik_jc", "obligation_ik_asylblg", "obligation_bsk"),
    ),
    (r"zulassung zu.{0,60}kurs", ("admission_ik_jc", "admission_ik_bamf")),
    (
        r"teilnahmeberechtigung|berechtigung zu.{0,60}(?:kurs|sprachförderung)",
        ("entitlement_ik", "entitlement_bsk"),
    ),
    (r"teilnahmebescheinigung", ("participation_cert_bsk",)),
)
_PROGRAMMES = {
    "ik": re.compile(r"integrationskurs|\bintv\b|orientierungskurs", re.IGNORECASE),
    "bsk": re.compile(
        r"berufssprachkurs|berufsbezogene.{0,3} deutsch|deuföv|\bbsk\b", re.IGNORECASE
    ),
}
_ISSUERS = {
    "jc": re.compile(r"jobcenter", re.IGNORECASE),
    "abh": re.compile(r"ausländerbehörde|ausländeramt", re.IGNORECASE),
    "bamf": re.compile(r"bundesamt für migration|\bBAMF\b(?!-)", re.IGNORECASE),
    "asylblg": re.compile(r"asylblg|asylbewerberleistung|leistungsbehörde", re.IGNORECASE),
}


def kind_of(paper: Paper, catalogue: Catalogue, sender: AgencyKind) -> str:
    """The code of the one kind that this agency may send and the paper seems to be, or empty."""
    texts = list(paper.texts)[:HEADING_LINES]
    sendable = catalogue.sendable_by(sender)
    named = _by_name(texts, sendable)
    if named:
        return named
    # A heading may go on in the next line.
    for text, following in pairwise([*texts, ""]):
        codes = _headed(text) or _headed(f"{text} {following}")
        if codes:
            return _narrowed([kind.code for kind in sendable if kind.code in codes], texts)
    return ""


def _by_name(texts: Sequence[str], kinds: Sequence[Kind]) -> str:
    lines = {" ".join(text.split()).casefold() for text in texts}
    found = [kind.code for kind in kinds if kind.name.de.casefold() in lines]
    return found[0] if len(found) == 1 else ""


def _headed(text: str) -> Sequence[str]:
    # A sentence of a letter speaks of other papers; a heading is short and ends without a stop.
    if len(text) > 160 or text.rstrip().endswith((".", ";")):
        return ()
    return next((codes for head, codes in HEADINGS if re.search(head, text, re.IGNORECASE)), ())


def _narrowed(codes: Sequence[str], texts: Sequence[str]) -> str:
    whole = "\n".join(texts)
    for signs in (_PROGRAMMES, _ISSUERS):
        said = {sign for sign, pattern in signs.items() if pattern.search(whole)}
        if said:
            codes = [code for code in codes if signs.keys() & set(code.split("_")) <= said]
    return codes[0] if len(codes) == 1 else ""
