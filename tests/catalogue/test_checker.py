"""A catalogue file with mistakes is refused, and each mistake is named with file, line, reason."""

import contextlib
from pathlib import Path

import pytest

from kursdocs.catalogue import CatalogueError, load

GOOD = """\
version = "2026-11"
[agency_kinds]
course_provider.name = { de = "Kursträger", en = "Provider" }
immigration_office.name = { de = "Ausländerbehörde", en = "Immigration office" }
jobcenter.name = { de = "Jobcenter", en = "Jobcenter" }
asylum_benefit_office.name = { de = "Leistungsbehörde", en = "Benefit office" }
employment_agency.name = { de = "Agentur für Arbeit", en = "Employment agency" }
[needs]
none = { name = { de = "Nichts", en = "Nothing" }, hint = { de = "Nichts.", en = "Nothing." } }
release = { name = { de = "Freigabe", en = "Release" }, hint = { de = "Ja.", en = "Yes." } }
obliging_body = { name = { de = "Stelle", en = "Body" }, hint = { de = "Ja.", en = "Yes." } }
issuing_body = { name = { de = "Aussteller", en = "Issuer" }, hint = { de = "Ja.", en = "Yes." } }
prior_request = { name = { de = "Vorher", en = "Before" }, hint = { de = "Ja.", en = "Yes." } }

[groups.papers]
name = { de = "Papiere", en = "Papers" }

[fields.issued_on]
label = { de = "Ausgestellt am", en = "Issued on" }
format = "date"

[fields.expires_on]
label = { de = "Gültig bis", en = "Valid until" }
format = "date"
not_before = "issued_on"

[fields.person_no]
label = { de = "Kennziffer", en = "Number" }
format = "code"
pattern = "0*[1-9][0-9]*"
max_length = 11
example = "4711"
never_to = "employment_agency"

[fields.note]
label = { de = "Vermerk", en = "Note" }
format = "text"
max_length = 40

[fields.lessons]
label = { de = "Stunden", en = "Lessons" }
format = "integer"
min = 0
max = 1300

[fields.level]
label = { de = "Niveau", en = "Level" }
format = "choice"
[fields.level.options]
A2 = { de = "A2", en = "A2" }
B1 = { de = "B1", en = "B1" }

[ladders.standard]
desk = 2
deputy = 5
head = 10
coordinator = 15
return_after = 16

[retention.R2]
start = "validity_end"
months = 3
max_months = 15
text = { de = "Drei Monate.", en = "Three months." }

[retention.R4]
start = "case_closed"
months = 12
max_months = 60
text = { de = "Zwölf Monate.", en = "Twelve months." }

[kinds.admission]
group = "papers"
name = { de = "Zulassung", en = "Admission" }
hint = { de = "Ein Papier.", en = "A paper." }
fields = ["person_no?", "issued_on", "expires_on"]
retention = "R2"
kept_from = "expires_on"
[[kinds.admission.routes]]
from = "course_provider"
to = ["jobcenter", "immigration_office"]
ground = "§ 7 Abs. 1 IntV"
needs = "release"
[[kinds.admission.routes]]
from = "jobcenter"
to = "course_provider"
ground = "§ 5a IntV"
needs = "release"

[kinds.certificate]
group = "papers"
name = { de = "Zertifikat", en = "Certificate" }
hint = { de = "Noch ein Papier.", en = "Another paper." }
fields = ["issued_on", "level"]
retention = "R4"
four_eyes = true
due_working_days = 10
[[kinds.certificate.routes]]
from = "course_provider"
to = "jobcenter"
ground = "§ 17 Abs. 4 IntV"
needs = "none"

[excluded.passport_copy]
name = { de = "Passkopie", en = "Copy of a passport" }
reason = { de = "Nicht nötig.", en = "Not needed." }

[return_reasons.not_ours]
text = { de = "Nicht zuständig", en = "Not responsible" }

[withdrawal_reasons.wrong_recipient]
text = { de = "Falsche Stelle", en = "Wrong agency" }

[correction_reasons.wrong_date]
text = { de = "Falsches Datum", en = "Wrong date" }

[request_decline_reasons.no_release]
text = { de = "Nicht freigegeben", en = "Not released" }

[instruction]
version = "1"
for = ["course_provider"]
title = { de = "Vorher", en = "Before" }
paragraphs = [{ de = "Nur hierfür.", en = "For this only." }]
"""

AGENCIES = (
    "course_provider, immigration_office, jobcenter, asylum_benefit_office, employment_agency"
)
ROUTE = """\
[[kinds.certificate.routes]]
from = "course_provider"
to = "jobcenter"
ground = "§ 17 Abs. 4 IntV"
needs = "none"
"""

# (what is replaced, by what, the line to be blamed begins with, the reason)
MISTAKES = {
    "a field to ask with that the kind has not": (
        "due_working_days = 10\n[[",
        'due_working_days = 10\nrequest_fields = ["course_no"]\n[[',
        "request_fields = ",
        "kinds.certificate: 'course_no' is no field of this kind",
    ),
    "a field to ask with, twice": (
        "due_working_days = 10\n[[",
        'due_working_days = 10\nrequest_fields = ["level", "level"]\n[[',
        "request_fields = ",
        "kinds.certificate: a field is named twice",
    ),
    "a request that is neither possible nor not": (
        "due_working_days = 10\n[[",
        'due_working_days = 10\non_request = "no"\n[[',
        "on_request = ",
        "kinds.certificate: on_request must be true or false",
    ),
    "no time for the person": (
        'version = "2026-11"',
        'version = "2026-11"\nperson_has_days = 0',
        "person_has_days = ",
        "the file: person_has_days must lie between 1 and 60, not 0",
    ),
    "an instruction for nobody known": (
        'for = ["course_provider"]',
        'for = ["school"]',
        "for = ",
        f"instruction: for has an unknown value 'school'; known are {AGENCIES}",
    ),
    "an instruction that does not say for whom": (
        'for = ["course_provider"]\n',
        "",
        "[instruction]",
        "instruction: for is missing; [] when nobody has to confirm it",
    ),
    "an instruction without a version": (
        'version = "1"\n',
        "",
        "[instruction]",
        "instruction: version is missing",
    ),
    "an instruction that says nothing": (
        'paragraphs = [{ de = "Nur hierfür.", en = "For this only." }]',
        "paragraphs = []",
        "paragraphs",
        "instruction: paragraphs must hold 1 to 20 texts",
    ),
    "a paragraph in one language": (
        'paragraphs = [{ de = "Nur hierfür.", en = "For this only." }]',
        'paragraphs = [{ de = "Nur hierfür." }]',
        "paragraphs",
        "instruction: paragraphs has no text in 'en'",
    ),
    "paragraphs that are one text": (
        'paragraphs = [{ de = "Nur hierfür.", en = "For this only." }]',
        'paragraphs = "Nur hierfür."',
        "paragraphs",
        'instruction: paragraphs must be a list of { de = "…", en = "…" }',
    ),
    "unknown top key": (
        'version = "2026-11"',
        'version = "2026-11"\ncolour = "red"',
        "colour",
        "the file: unknown key 'colour'",
    ),
    "missing version": ('version = "2026-11"', "", "", "the file: version is missing"),
    "version that is no text": (
        'version = "2026-11"',
        "version = 2026",
        "version",
        "the file: version must be a text in quotes",
    ),
    "unknown key of a kind": (
        "four_eyes = true",
        "for_eyes = true",
        "for_eyes",
        "kinds.certificate: unknown key 'for_eyes'",
    ),
    "unknown key of a route": (
        'ground = "§ 5a IntV"',
        'ground = "§ 5a IntV"\nwhy = "so"',
        "why",
        "kinds.admission.routes: unknown key 'why'",
    ),
    "a text without English": (
        '{ de = "Zulassung", en = "Admission" }',
        '{ de = "Zulassung" }',
        'name = { de = "Zulassung"',
        "kinds.admission: name has no text in 'en'",
    ),
    "an empty text": (
        'de = "Ein Papier."',
        'de = " "',
        'hint = { de = " "',
        "kinds.admission: hint.de is empty",
    ),
    "a text over two lines": (
        'de = "Ein Papier."',
        'de = "Ein\\nPapier."',
        "hint = { de",
        "kinds.admission: hint.de must be one line without spaces around it",
    ),
    "a text in a third language": (
        'en = "A paper." }',
        'en = "A paper.", uk = "-" }',
        "hint = { de",
        "kinds.admission: hint has an unknown language 'uk'",
    ),
    "a text that is too long": (
        '"Ein Papier."',
        '"' + "x" * 401 + '"',
        "hint = { de",
        "kinds.admission: hint.de is longer than 400 characters",
    ),
    "an unknown field": (
        '["issued_on", "level"]',
        '["issued_on", "levle?"]',
        'fields = ["issued_on", "lev',
        "kinds.certificate: unknown field 'levle'",
    ),
    "a field twice": (
        '["issued_on", "level"]',
        '["issued_on", "level", "level?"]',
        'fields = ["issued_on", "lev',
        "kinds.certificate: field 'level' is named twice",
    ),
    "a date without the one before it": (
        '["person_no?", "issued_on", "expires_on"]',
        '["person_no?", "expires_on"]',
        "fields = [",
        "kinds.admission: 'expires_on' needs the date 'issued_on' beside it",
    ),
    "an unknown sender": (
        'from = "jobcenter"',
        'from = "job_center"',
        'from = "job_center"',
        f"kinds.admission.routes: from has an unknown value 'job_center'; known are {AGENCIES}",
    ),
    "an unknown recipient in a list": (
        'to = ["jobcenter", "immigration_office"]',
        'to = ["jobcenter", "police"]',
        'to = ["jobcenter", "police"]',
        f"kinds.admission.routes: to has an unknown value 'police'; known are {AGENCIES}",
    ),
    "a recipient twice": (
        'to = ["jobcenter", "immigration_office"]',
        'to = ["jobcenter", "jobcenter"]',
        'to = ["jobcenter", "jobcenter"]',
        "kinds.admission.routes: to names one twice",
    ),
    "no recipient": (
        'to = ["jobcenter", "immigration_office"]',
        "to = []",
        "to = []",
        "kinds.admission.routes: to is empty",
    ),
    "an unknown need": (
        'needs = "none"',
        'needs = "consent"',
        'needs = "consent"',
        "kinds.certificate.routes: needs has an unknown value 'consent'; "
        "known are none, release, obliging_body, issuing_body, prior_request",
    ),
    "a route without ground": (
        'ground = "§ 17 Abs. 4 IntV"\n',
        "",
        "[[kinds.certificate.routes]]",
        "kinds.certificate.routes: ground is missing",
    ),
    "an unknown retention class": (
        'retention = "R4"',
        'retention = "R9"',
        'retention = "R9"',
        "kinds.certificate: unknown retention class 'R9'",
    ),
    "an unknown start event": (
        'start = "case_closed"',
        'start = "someday"',
        'start = "someday"',
        "retention.R4: start has an unknown value 'someday'; known are "
        "last_acknowledged, validity_end, course_end, case_closed, revoked",
    ),
    "a period longer than its maximum": (
        "max_months = 15",
        "max_months = 2",
        "max_months = 2",
        "retention.R2: the period is longer than its own maximum",
    ),
    "a period beyond five years": (
        "max_months = 60",
        "max_months = 61",
        "max_months = 61",
        "retention.R4: max_months must lie between 1 and 60, not 61",
    ),
    "days and months": (
        "months = 12\n",
        "months = 12\ndays = 30\n",
        "[retention.R4]",
        "retention.R4: exactly one of days and months must be given",
    ),
    "a ladder without a step": (
        "deputy = 5\n",
        "",
        "[ladders.standard]",
        "ladders.standard: deputy is missing",
    ),
    "a ladder whose steps do not follow each other": (
        "head = 10",
        "head = 3",
        "[ladders.standard]",
        "ladders.standard: the steps must follow each other: desk, deputy, head, coordinator",
    ),
    "a ladder that gives up too early": (
        "return_after = 16",
        "return_after = 12",
        "return_after = 12",
        "ladders.standard: the paper would go back before everybody was told",
    ),
    "an unknown ladder": (
        'retention = "R4"',
        'retention = "R4"\nladder = "rope"',
        'ladder = "rope"',
        "kinds.certificate: there is no ladder 'rope'; known are standard",
    ),
    "a silence of no days": (
        'version = "2026-11"',
        'version = "2026-11"\nsilent_after_days = 0',
        "silent_after_days = 0",
        "the file: silent_after_days must lie between 1 and 60, not 0",
    ),
    "a retention class with a strange name": (
        "R4",
        "RX",
        "[retention.RX]",
        "retention.RX: 'RX' is no retention class: R1 to R9",
    ),
    "a start date nobody names": (
        'kept_from = "expires_on"\n',
        "",
        "[kinds.admission]",
        "kinds.admission: R2 needs kept_from: a date field of the kind",
    ),
    "a start date that is no date": (
        'kept_from = "expires_on"',
        'kept_from = "person_no"',
        'kept_from = "person_no"',
        "kinds.admission: R2 needs kept_from: a date field of the kind",
    ),
    "a start date for a class without one": (
        "four_eyes = true",
        'four_eyes = true\nkept_from = "issued_on"',
        'kept_from = "issued_on"',
        "kinds.certificate: R4 does not start at a date of the paper",
    ),
    "a route to one's own kind": (
        'to = ["jobcenter", "immigration_office"]',
        'to = ["jobcenter", "course_provider"]',
        'to = ["jobcenter", "course_provider"]',
        "kinds.admission.routes: course_provider can send to its own kind of agency only with "
        "own_kind = true",
    ),
    "handing on what only an obliging body may have": (
        '["jobcenter", "immigration_office"]\nground = "§ 7 Abs. 1 IntV"\nneeds = "release"',
        '["jobcenter", "immigration_office"]\nground = "§ 7 Abs. 1 IntV"\nneeds = "obliging_body"'
        "\nforward = true",
        "forward",
        "kinds.admission.routes: forward is possible only where needs is release or none",
    ),
    "handing on what nobody brings": (
        'needs = "none"',
        'needs = "none"\nforward = true',
        "[[kinds.certificate.routes]]",
        "kinds.certificate: course_provider cannot hand on what no route brings to course_provider",
    ),
    "offices that hand on to each other": (
        'from = "jobcenter"\nto = "course_provider"\nground = "§ 5a IntV"\nneeds = "release"',
        'from = "jobcenter"\nto = "immigration_office"\nground = "§ 5a IntV"\nneeds = "release"'
        "\nforward = true",
        "forward",
        "kinds.admission.routes: offices do not hand papers on to each other",
    ),
    "a reason for two ends": (
        "[correction_reasons.wrong_date]",
        "[correction_reasons.wrong_recipient]",
        "[correction_reasons.wrong_recipient]",
        "the file: 'wrong_recipient' is a withdrawal reason too",
    ),
    "an own kind that does not stand there": (
        'needs = "none"',
        'own_kind = true\nneeds = "none"',
        "own_kind",
        "kinds.certificate.routes: own_kind is true, but course_provider does not stand in to",
    ),
    "a need that makes the others idle": (
        'needs = "none"',
        'needs = ["release", "none"]',
        'needs = ["release", "none"]',
        "kinds.certificate.routes: where none is enough, the other needs mean nothing",
    ),
    "two bodies in one form": (
        'needs = "none"',
        'needs = ["obliging_body", "issuing_body"]',
        "[kinds.certificate]",
        "kinds.certificate: needs the obliging and the issuing body; "
        "the form can ask for one of them",
    ),
    "a need named twice": (
        'needs = "none"',
        'needs = ["release", "release"]',
        'needs = ["release", "release"]',
        "kinds.certificate.routes: needs names one twice",
    ),
    "a group that does not exist": (
        'group = "papers"\nname = { de = "Zertifikat"',
        'group = "sheets"\nname = { de = "Zertifikat"',
        'group = "sheets"',
        "kinds.certificate: unknown group 'sheets'; known are papers",
    ),
    "a kind without a group": (
        'group = "papers"\nname = { de = "Zertifikat"',
        'name = { de = "Zertifikat"',
        "[kinds.certificate]",
        "kinds.certificate: group is missing",
    ),
    "a group without a name": (
        'name = { de = "Papiere", en = "Papers" }\n',
        "",
        "[groups.papers]",
        "groups.papers: name is missing",
    ),
    "an end that is no truth value": (
        "four_eyes = true",
        'four_eyes = true\noff = "yes"',
        "off",
        "kinds.certificate: off must be true or false",
    ),
    "a kind that is nothing but its end": (
        "[excluded.passport_copy]",
        "[kinds.letter]\noff = true\n[excluded.passport_copy]",
        "[kinds.letter]",
        "kinds.letter: there is no shipped kind 'letter' to switch on or off",
    ),
    "an unknown base": (
        'version = "2026-11"',
        'version = "2026-11"\nextends = "musterstadt"',
        "extends",
        "the file: extends must be 'shipped'; leave it out when the file is complete",
    ),
    "a base that is no text": (
        'version = "2026-11"',
        'version = "2026-11"\nextends = 1',
        "extends",
        "the file: extends must be a text in quotes",
    ),
    "a field for eyes it is not meant for": (
        'to = ["jobcenter", "immigration_office"]',
        'to = ["jobcenter", "employment_agency"]',
        'to = ["jobcenter", "employment_agency"]',
        "kinds.admission.routes: employment_agency must never learn the field 'person_no'",
    ),
    "a kind without routes": (
        ROUTE,
        "",
        "[kinds.certificate]",
        "kinds.certificate: at least one [[kinds.certificate.routes]] is needed",
    ),
    "routes that are no array of tables": (
        ROUTE,
        'routes = "all"\n',
        "routes =",
        "kinds.certificate: routes must be written as [[kinds.certificate.routes]]",
    ),
    "four eyes that are no truth value": (
        "four_eyes = true",
        'four_eyes = "yes"',
        'four_eyes = "yes"',
        "kinds.certificate: four_eyes must be true or false",
    ),
    "a due time out of bounds": (
        "due_working_days = 10",
        "due_working_days = 0",
        "due_working_days = 0",
        "kinds.certificate: due_working_days must lie between 1 and 60, not 0",
    ),
    "a due time that is no number": (
        "due_working_days = 10",
        "due_working_days = true",
        "due_working_days = true",
        "kinds.certificate: due_working_days must be a whole number",
    ),
    "a kind code with capitals": (
        "kinds.certificate",
        "kinds.Zertifikat",
        "[kinds.Zertifikat]",
        "kinds.Zertifikat: 'Zertifikat' is no code: small letters a-z, digits and single _, "
        "at most 60",
    ),
    "a kind code that is too long": (
        "kinds.certificate",
        "kinds." + "c" * 61,
        "[kinds.ccc",
        f"kinds.{'c' * 61}: {'c' * 61!r} is no code: small letters a-z, digits and single _, "
        "at most 60",
    ),
    "an excluded paper that is a kind": (
        "[excluded.passport_copy]",
        "[excluded.certificate]",
        "[excluded.certificate]",
        "excluded.certificate: 'certificate' is a kind of paper too, in line 90",
    ),
    "two kinds of one name": (
        '{ de = "Zertifikat", en = "Certificate" }',
        '{ de = "Zulassung", en = "Certificate" }',
        'name = { de = "Zulassung", en = "Certificate" }',
        "kinds.certificate: the kind 'admission' has the same name 'Zulassung'",
    ),
    "a field that hides one of every paper": (
        "[fields.note]",
        "[fields.birth_date]",
        "[fields.birth_date]",
        "fields.birth_date: 'birth_date' is asked for with every paper; choose another name",
    ),
    "an unknown format": (
        'format = "text"',
        'format = "prose"',
        'format = "prose"',
        "fields.note: unknown format 'prose'; known are text, code, date, integer, choice",
    ),
    "a text of unlimited length": (
        "max_length = 40",
        "max_length = 501",
        "max_length = 501",
        "fields.note: max_length must lie between 1 and 500, not 501",
    ),
    "a number whose bounds are swapped": (
        "min = 0",
        "min = 1301",
        "min = 1301",
        "fields.lessons: min is larger than max",
    ),
    "a date whose bounds are swapped": (
        'format = "date"\nnot_before',
        'format = "date"\nearliest = 2030-01-01\nlatest = 2029-01-01\nnot_before',
        "earliest",
        "fields.expires_on: earliest is later than latest",
    ),
    "a date in quotes": (
        'format = "date"\nnot_before',
        'format = "date"\nearliest = "2030-01-01"\nnot_before',
        "earliest",
        "fields.expires_on: earliest must be a date like 2026-12-31, without quotes",
    ),
    "a choice without options": (
        'A2 = { de = "A2", en = "A2" }\nB1 = { de = "B1", en = "B1" }\n',
        "",
        "[fields.level.options]",
        "fields.level: options must be a table that is not empty",
    ),
    "an option without a text": (
        'B1 = { de = "B1", en = "B1" }',
        'B1 = "B1"',
        "B1",
        'fields.level.options: B1 must be { de = "…", en = "…" }',
    ),
    "options that differ in case only": (
        'B1 = { de = "B1", en = "B1" }',
        'a2 = { de = "B1", en = "B1" }',
        "[fields.level.options]",
        "fields.level: two options differ in upper and lower case only",
    ),
    "an option with a strange code": (
        'B1 = { de = "B1", en = "B1" }',
        '"B 1" = { de = "B1", en = "B1" }',
        '"B 1"',
        "fields.level.options: 'B 1' is no code for an option",
    ),
    "a pattern that does not compile": (
        "0*[1-9][0-9]*",
        "[1-9",
        "pattern",
        "fields.person_no: pattern is no regular expression: "
        "unterminated character set at position 0",
    ),
    "a pattern that can run away": (
        "0*[1-9][0-9]*",
        "([0-9]+)*",
        "pattern",
        "fields.person_no: pattern has '(' at position 1: only characters, classes and "
        "repetitions are allowed, no groups, alternatives, anchors or nested repetition",
    ),
    "an example that does not fit": (
        'example = "4711"',
        'example = "0"',
        "example",
        "fields.person_no: the example '0' does not fit the field's own format",
    ),
    "an agency kind that must never learn it and does not exist": (
        'never_to = "employment_agency"',
        'never_to = "police"',
        "never_to",
        f"fields.person_no: never_to has an unknown value 'police'; known are {AGENCIES}",
    ),
    "an agency kind without a name": (
        'jobcenter.name = { de = "Jobcenter", en = "Jobcenter" }\n',
        "",
        "[agency_kinds]",
        "the file: agency_kinds has no wording for jobcenter",
    ),
    "a need that does not exist": (
        "prior_request = {",
        'consent = { name = { de = "E", en = "C" } }\nprior_request = {',
        "consent",
        "needs.consent: 'consent' is unknown; "
        "known are none, release, obliging_body, issuing_body, prior_request",
    ),
    "an agency kind that is never told, twice": (
        'never_to = "employment_agency"',
        'never_to = ["employment_agency", "employment_agency"]',
        "never_to",
        "fields.person_no: never_to names one twice",
    ),
    "a name that is no pair of texts": (
        '{ de = "Zertifikat", en = "Certificate" }',
        '"Zertifikat"',
        'name = "Zertifikat"',
        'kinds.certificate: name must be { de = "…", en = "…" }',
    ),
    "fields that are no list": (
        '["issued_on", "level"]',
        '"issued_on level"',
        'fields = "issued_on',
        "kinds.certificate: fields must be a list of texts",
    ),
    "a kind that says nothing of fields": (
        'fields = ["issued_on", "level"]\n',
        "",
        "[kinds.certificate]",
        "kinds.certificate: fields is missing",
    ),
    "a route without recipients": (
        'to = "jobcenter"\n',
        "",
        "[[kinds.certificate.routes]]",
        "kinds.certificate.routes: to is missing",
    ),
    "a route without a need": (
        'needs = "none"\n',
        "",
        "[[kinds.certificate.routes]]",
        "kinds.certificate.routes: needs is missing",
    ),
    "a number without a bound": (
        "max = 1300\n",
        "",
        "[fields.lessons]",
        "fields.lessons: max is missing",
    ),
    "a retention class without a maximum": (
        "max_months = 15\n",
        "",
        "[retention.R2]",
        "retention.R2: max_months is missing",
    ),
    "a choice that never had options": (
        '[fields.level.options]\nA2 = { de = "A2", en = "A2" }\nB1 = { de = "B1", en = "B1" }\n',
        "",
        "[fields.level]",
        "fields.level: options is missing",
    ),
    "no excluded papers, said wrongly": (
        '[excluded.passport_copy]\nname = { de = "Passkopie", en = "Copy of a passport" }\n'
        'reason = { de = "Nicht nötig.", en = "Not needed." }',
        "[excluded]",
        "[excluded]",
        "the file: excluded must hold at least one table [excluded.…]",
    ),
    "a list of reasons that is empty": (
        '[return_reasons.not_ours]\ntext = { de = "Nicht zuständig", en = "Not responsible" }',
        "",
        "",
        "the file: return_reasons is missing",
    ),
    "a reason that is no table": (
        '[return_reasons.not_ours]\ntext = { de = "Nicht zuständig", en = "Not responsible" }',
        '[return_reasons]\nnot_ours = "Nein"',
        "not_ours",
        "return_reasons: not_ours must be a table",
    ),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(CatalogueError) as refused:
        load(path)
    return str(refused.value)


def line_of(text: str, beginning: str) -> int:
    """The line after the change that begins so; the first line of the file if it is nowhere."""
    lines = text.splitlines()
    changed = [number for number, line in enumerate(lines, 1) if line.startswith(beginning)]
    return changed[0] if beginning else 1


def test_the_file_these_tests_start_from_is_good(tmp_path: Path) -> None:
    catalogue = load(written(tmp_path, GOOD))

    assert [kind.code for kind in catalogue.kinds] == ["admission", "certificate"]
    certificate = catalogue.kinds[1]
    assert certificate.four_eyes
    assert certificate.due_working_days == 10
    assert [asked.required for asked in catalogue.kinds[0].fields] == [False, True, True]


@pytest.mark.parametrize(("old", "new", "blamed", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_file_line_and_reason(
    old: str, new: str, blamed: str, reason: str, tmp_path: Path
) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    path = written(tmp_path, text)

    assert complaint(path) == f"{path}:{line_of(text, blamed)}: {reason}"


def test_several_mistakes_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace('needs = "none"', 'needs = "hope"')
        .replace("max = 1300", "max = -1")
        .replace('{ de = "Zulassung", en = "Admission" }', '{ en = "Admission" }')
        .replace('retention = "R4"', 'retention = "R5"')
    )
    path = written(tmp_path, text)

    assert complaint(path).splitlines() == [
        f"{path}:43: fields.lessons: min is larger than max",
        f"{path}:74: kinds.admission: name has no text in 'de'",
        f"{path}:95: kinds.certificate: unknown retention class 'R5'",
        f"{path}:102: kinds.certificate.routes: needs has an unknown value 'hope'; "
        "known are none, release, obliging_body, issuing_body, prior_request",
    ]


@pytest.mark.parametrize(
    ("ground", "need", "reason"),
    [
        ("§ 17 Abs. 4 IntV", "release", "contradicts the route in line"),
        ("§ 1 IntV", "none", "contradicts the route in line"),
        ("§ 17 Abs. 4 IntV", "none", "stands already in line"),
    ],
)
def test_two_routes_between_the_same_agencies_are_refused(
    ground: str, need: str, reason: str, tmp_path: Path
) -> None:
    second = (
        '[[kinds.certificate.routes]]\nfrom = "course_provider"\n'
        f'to = ["immigration_office", "jobcenter"]\nground = "{ground}"\nneeds = "{need}"\n'
    )
    text = GOOD.replace(ROUTE, ROUTE + second)
    path = written(tmp_path, text)
    first, to = line_of(text, "[[kinds.certificate.routes]]"), line_of(text, 'to = ["immigration')

    assert complaint(path) == (
        f"{path}:{to}: kinds.certificate.routes: from course_provider to jobcenter {reason} {first}"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('version = "2026-11"\n[kinds\n', 2),
        ('version = "2026-11"\nversion = "2026-12"\n', 2),
        ("[kinds.a]\n[kinds.b]\n[kinds.a]\n", 3),
        ('version = "2026', 1),
        ('a = 1\nb = """\nopen', 3),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, line: int, tmp_path: Path) -> None:
    path = written(tmp_path, text)

    assert complaint(path).startswith(f"{path}:{line}: no valid TOML: ")


def test_bytes_that_are_no_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(GOOD.encode("latin-1", errors="replace"))

    assert complaint(path) == f"{path}:3: is not UTF-8"


def test_a_missing_file_a_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    huge = written(tmp_path, "#" * (1024 * 1024 + 1))

    assert complaint(tmp_path / "none.toml").endswith(
        ":1: cannot be read: No such file or directory"
    )
    assert complaint(tmp_path).endswith(":1: cannot be read: Is a directory")
    assert complaint(huge) == f"{huge}:1: is larger than 1048576 bytes"


def test_an_empty_file_is_told_all_that_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path, "")

    assert complaint(path).splitlines() == [
        f"{path}:1: the file: {key} is missing"
        for key in (
            "agency_kinds",
            "correction_reasons",
            "excluded",
            "fields",
            "groups",
            "instruction",
            "kinds",
            "ladders",
            "needs",
            "request_decline_reasons",
            "retention",
            "return_reasons",
            "version",
            "withdrawal_reasons",
        )
    ]


@pytest.mark.parametrize("garbage", ["1", '"x"', "[]", "{}", "[1]", "2026-11-22", "true", "[{}]"])
def test_values_of_any_other_type_are_mistakes_and_never_a_crash(
    garbage: str, tmp_path: Path
) -> None:
    for number, line in enumerate(GOOD.splitlines()):
        key, equals, _ = line.partition(" = ")
        if not equals:
            continue
        lines = GOOD.splitlines()
        lines[number] = f"{key} = {garbage}"
        # Some of it is fine where it stands ("x" as a ground); nothing else may be raised.
        with contextlib.suppress(CatalogueError):
            load(written(tmp_path, "\n".join(lines)))


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert load(path) == load(written(tmp_path, GOOD))


def test_the_shipped_catalogue_is_found_without_a_path() -> None:
    assert load().version == "2026-11"
