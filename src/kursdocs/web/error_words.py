"""The words of errors: a heading for each status, and for each code one German sentence.

A sentence says what happened and, where there is something to do, what to do. Which error has
which status, and how both are shown, is decided in ``errors``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from kursdocs.web.pages import N_

HEADINGS: Mapping[int, str] = MappingProxyType(
    {
        400: N_("Die Anfrage ist unvollständig"),
        401: N_("Bitte melden Sie sich an"),
        403: N_("Das ist Ihnen hier nicht möglich"),
        404: N_("Nicht gefunden"),
        405: N_("So lässt sich diese Adresse nicht aufrufen"),
        408: N_("Die Übertragung war zu langsam"),
        409: N_("Das geht jetzt nicht mehr"),
        410: N_("Der Inhalt ist nicht mehr abrufbar"),
        413: N_("Die Datei ist zu groß"),
        415: N_("Diese Art von Anfrage geht hier nicht"),
        422: N_("Bitte prüfen Sie Ihre Angaben"),
        500: N_("Da ist bei uns etwas schiefgegangen"),
        503: N_("Zurzeit nicht erreichbar"),
    }
)

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        # Reach and role
        "not_found": N_(
            "Unter dieser Adresse gibt es nichts, das für Ihre Stelle bestimmt ist. Vielleicht"
            " wurde es zurückgezogen, oder die Adresse ist nicht vollständig."
        ),
        "sign_in_required": N_("Sie sind nicht angemeldet, oder Ihre Anmeldung ist abgelaufen."),
        "token_invalid": N_(
            "Das Zugriffstoken fehlt, ist abgelaufen oder gilt nicht für kursdocs."
        ),
        "no_role": N_("Sie haben hier keine Rolle, oder Ihre Zugehörigkeit ist beendet."),
        "no_agency": N_("Dafür müssen Sie für eine Stelle handeln."),
        "not_permitted": N_("Ihre Rolle erlaubt das nicht."),
        "account_deactivated": N_("Ihr Zugang ist gesperrt. Wenden Sie sich an Ihre Leitung."),
        "standing_ended": N_(
            "Ihre Rolle oder Ihre Anmeldung endete, bevor alles da war. Nichts wurde gespeichert."
        ),
        "service_unknown": N_("Dieser Dienst ist hier keiner Stelle zugeordnet."),
        "agency_not_yours": N_("Für die genannte Stelle dürfen Sie nicht handeln."),
        "agency_ambiguous": N_(
            "Sie gehören zu mehreren Stellen. Nennen Sie eine in der Kopfzeile Kursdocs-Agency."
        ),
        "sign_in_refused": N_(
            "Die Anmeldung ist nicht gelungen. Bitte beginnen Sie noch einmal von vorn."
        ),
        "sign_in_unavailable": N_(
            "Der Anmeldedienst antwortet nicht. Bitte versuchen Sie es in einigen Minuten noch"
            " einmal."
        ),
        "instruction_missing": N_(
            "Bestätigen Sie bitte zuerst die Unterweisung: Melden Sie sich an kursdocs an, dort"
            " steht sie auf der ersten Seite. Das ist einmal je Person und Stelle nötig."
        ),
        "instruction_changed": N_(
            "Der Text hat sich inzwischen geändert. Bitte lesen Sie die neue Fassung."
        ),
        # Members and invitations
        "membership_ended": N_("Diese Rolle ist schon beendet."),
        "membership_from_claims": N_(
            "Diese Rolle kommt vom Anmeldedienst und lässt sich nur dort ändern."
        ),
        "role_held_already": N_("Die Person hat diese Rolle hier schon."),
        "end_date_past": N_("Dieser Tag ist vorbei. Soll die Rolle gleich enden, beenden Sie sie."),
        "last_head_unconfirmed": N_(
            "Die Stelle hätte dann keine Leitung mehr. Bitte bestätigen Sie, dass Sie das wissen."
        ),
        "last_coordinator_unconfirmed": N_(
            "Die Kommune hätte dann keine Koordination mehr. Bitte bestätigen Sie, dass Sie das"
            " wissen."
        ),
        "invitation_over": N_("Diese Einladung gilt nicht mehr."),
        "invitation_own": N_("Niemand gibt sich selbst eine Rolle: Die Einladung ist Ihre eigene."),
        "role_own": N_("Niemand gibt sich selbst eine Rolle. Bitten Sie jemand anderen darum."),
        "invitations_too_many": N_(
            "Hier sind schon %(limit)s Einladungen offen. Bitte ziehen Sie erst welche zurück."
        ),
        # The request itself
        "method_not_allowed": N_("Diese Adresse gibt es nur für andere Arten von Aufrufen."),
        "body_type_unsupported": N_("Der Inhalt der Anfrage hat einen Typ, der hier nicht gilt."),
        "body_malformed": N_("Die Anfrage war nicht lesbar. Bitte senden Sie sie noch einmal."),
        "body_truncated": N_(
            "Die Übertragung brach ab. Es wurde nichts gespeichert; bitte senden Sie noch einmal."
        ),
        "body_too_slow": N_(
            "Die Datei kam nicht rechtzeitig vollständig an. Es wurde nichts gespeichert; bitte"
            " versuchen Sie es noch einmal."
        ),
        "body_too_large": N_("Es wurde mehr gesendet als angenommen wird."),
        "file_before_fields": N_("Die Felder müssen in der Anfrage vor der Datei stehen."),
        "parameter_invalid": N_("Der Wert von „%(field)s“ ist nicht gültig."),
        # Form
        "form_invalid": N_("Einige Angaben fehlen oder stimmen nicht."),
        "field_missing": N_("Bitte füllen Sie dieses Feld aus."),
        "field_unknown": N_("Dieses Feld gibt es bei dieser Art von Papier nicht."),
        "field_characters": N_(
            "Dieses Feld enthält unsichtbare Steuerzeichen. Bitte geben Sie den Text neu ein."
        ),
        "field_too_long": N_("Der Text ist zu lang; höchstens %(max)s Zeichen."),
        "field_format": N_("Diese Angabe hat nicht die erwartete Form."),
        "field_date_impossible": N_("Diesen Tag gibt es nicht im Kalender."),
        "field_date_out_of_range": N_("Der Tag muss zwischen %(min)s und %(max)s liegen."),
        "field_number_out_of_range": N_("Die Zahl muss zwischen %(min)s und %(max)s liegen."),
        "field_date_order": N_("Dieser Tag liegt vor dem Tag, auf den er folgen muss."),
        "field_choice": N_("Bitte wählen Sie eine der Möglichkeiten aus."),
        "kind_unknown": N_("Diese Art von Papier gibt es hier nicht."),
        "kind_not_yours": N_("Ihre Stelle darf diese Art von Papier nicht senden."),
        "kind_excluded": N_(
            "Dieses Papier darf hier nicht gesendet werden. Den Grund nennt die Seite"
            " „Papierarten“."
        ),
        "recipient_missing": N_("Bitte wählen Sie mindestens eine Stelle, die es erhalten soll."),
        "recipients_too_many": N_("Das sind zu viele Stellen auf einmal."),
        "recipient_unknown": N_("Die Stelle „%(recipient)s“ gibt es hier nicht."),
        "recipient_not_allowed": N_(
            "An „%(recipient)s“ darf diese Art von Papier von Ihrer Stelle nicht gehen."
        ),
        "obliging_body_missing": N_(
            "„%(recipient)s“ darf es nur erhalten, wenn diese Stelle die Person verpflichtet hat."
        ),
        "issuing_body_missing": N_(
            "„%(recipient)s“ darf es nur erhalten, wenn diese Stelle die Berechtigung zum Kurs"
            " ausgestellt hat."
        ),
        "prior_request_missing": N_(
            "„%(recipient)s“ darf es nur auf eine vorherige Anforderung hin erhalten."
        ),
        "release_missing": N_(
            "Die Person muss freigegeben haben, dass diese Stellen das Papier erhalten. Bitte"
            " halten Sie fest, wann und wie."
        ),
        "proposals_unseen": N_(
            "Die vorgeschlagenen Angaben hat noch niemand angesehen. Bitte öffnen Sie das Papier,"
            " vergleichen Sie und bestätigen Sie mit „Geprüft, weiter“."
        ),
        "reason_unknown": N_("Bitte wählen Sie einen der Gründe aus der Liste."),
        # Requests
        "kind_not_requestable": N_("Diese Art von Papier kann Ihre Stelle nicht anfordern."),
        "provider_not_askable": N_("„%(recipient)s“ kann Ihrer Stelle dieses Papier nicht senden."),
        "person_asked_lately": N_(
            "Die Person hat nach Ihrer Aufforderung mindestens %(days)s Tage Zeit. Sie können das"
            " Papier frühestens am %(min)s hier anfordern."
        ),
        "request_repeated": N_(
            "Dieses Papier hat Ihre Stelle hier schon angefordert, und es ist noch offen."
        ),
        "requests_too_many": N_(
            "Ihre Stelle hat schon %(limit)s offene Anforderungen. Nehmen Sie bitte erst welche"
            " zurück, die sich erledigt haben."
        ),
        "request_over": N_("Diese Anforderung ist nicht mehr offen. Es wurde nichts gesendet."),
        "request_unknown": N_("Diese Anforderung gibt es für Ihre Stelle nicht."),
        "request_of_other": N_(
            "Das Formular passt nicht zur Anforderung: Art des Papiers, Empfänger oder Person sind"
            " andere. Ohne Bezug zur Anforderung können Sie es trotzdem senden."
        ),
        "request_agency_changed": N_(
            "Sie handeln jetzt für „%(agency)s“, das Formular war für eine andere Stelle. Es wurde"
            " nichts angefordert. Prüfen Sie bitte, wer anfordert, und senden Sie noch einmal."
        ),
        # Follow-ups
        "follow_up_over": N_("Das ist schon erledigt."),
        "follow_up_missing": N_("Bitte wählen Sie zuerst aus, was erledigt ist."),
        "follow_ups_too_many": N_("Das sind zu viele auf einmal; höchstens %(limit)s."),
        "follow_up_not_settled_today": N_(
            "Wieder öffnen lässt sich nur, was jemand aus Ihrer Stelle heute erledigt hat."
        ),
        # File
        "file_missing": N_("Bitte wählen Sie eine Datei aus."),
        "files_too_many": N_("Das sind zu viele Dateien; höchstens %(limit)s."),
        "file_empty": N_("Die Datei ist leer. Bitte prüfen Sie, ob sie vollständig gescannt ist."),
        "file_type": N_(
            "Die Datei ist kein PDF, JPEG oder PNG, auch wenn sie so heißt. Bitte speichern Sie"
            " sie als PDF."
        ),
        "file_encrypted": N_(
            "Das PDF ist mit einem Kennwort geschützt. Bitte speichern Sie es ohne Kennwort."
        ),
        "file_damaged": N_(
            "Das PDF ist beschädigt oder unvollständig. Bitte scannen oder speichern Sie es neu."
        ),
        "file_active": N_(
            "Das PDF enthält aktive Inhalte (zum Beispiel Skripte oder eingebettete Dateien)."
            " Bitte drucken Sie es als neues PDF."
        ),
        "file_infected": N_(
            "In der Datei wurde Schadsoftware gefunden. Sie wurde nicht gespeichert. Bitte"
            " verständigen Sie Ihre IT."
        ),
        "file_too_large": N_(
            "Die Datei ist zu groß; angenommen werden höchstens %(limit_mib)s MiB. Bitte scannen"
            " Sie mit geringerer Auflösung."
        ),
        "file_too_many_pages": N_("Das PDF hat zu viele Seiten; höchstens %(pages)s."),
        "file_too_big_inside": N_(
            "Die Datei enthält zu große Bilder oder Seiten. Bitte scannen Sie mit geringerer"
            " Auflösung."
        ),
        "files_mixed": N_(
            "Bitte senden Sie entweder ein PDF oder Fotos, nicht beides und nicht mehrere PDF auf"
            " einmal."
        ),
        # Drafts
        "drafts_too_many": N_(
            "Auf Ihrem Tisch liegen schon %(limit)s Papiere; mehr gehen nicht auf einmal. Bitte"
            " senden oder verwerfen Sie erst einige davon."
        ),
        "drafts_to_join": N_(
            "Bitte wählen Sie zwei bis %(limit)s Papiere aus, die Sie zusammenlegen möchten."
        ),
        "draft_changed": N_(
            "Das Papier wurde gerade an anderer Stelle geändert, vielleicht in einem zweiten"
            " Fenster. Bitte sehen Sie es noch einmal an."
        ),
        "pages_missing": N_(
            "Bitte geben Sie an, welche Seiten bleiben: mindestens eine, und jede nur einmal."
        ),
        "file_signed": N_(
            "Dieses PDF ist elektronisch signiert. Gedrehte oder neu geordnete Seiten machten die"
            " Signatur ungültig. Bitte senden Sie es unverändert."
        ),
        # States
        "acting_agency_changed": N_(
            "Sie handeln jetzt für „%(agency)s“, das Formular war für eine andere Stelle. Es wurde"
            " nichts gesendet. Senden Sie noch einmal, dann kommt das Papier von dieser Stelle;"
            " sonst wechseln Sie vorher die Stelle."
        ),
        "already_taken_over": N_("Das Papier hat schon jemand aus Ihrer Stelle übernommen."),
        "already_returned": N_("Das Papier wurde schon zurückgegeben."),
        "claimed_by_colleague": N_("An diesem Papier arbeitet gerade jemand aus Ihrer Stelle."),
        "claim_by_program": N_("„Ich bin dran“ kann nur eine Person sagen, kein Programm."),
        "undo_too_late": N_("Dafür ist es zu spät: Rückgängig machen geht nur gleich danach."),
        "undo_not_yours": N_("Rückgängig machen kann das nur, wer es getan hat."),
        "deliveries_missing": N_("Bitte wählen Sie mindestens ein Papier aus."),
        "deliveries_too_many": N_("Das sind zu viele Papiere auf einmal; höchstens %(limit)s."),
        "bundle_too_large": N_(
            "Diese Papiere sind zusammen zu groß für eine ZIP-Datei; höchstens %(limit_mib)s MiB."
            " Bitte wählen Sie weniger aus."
        ),
        "not_withdrawable": N_("Dieses Papier lässt sich nicht mehr zurückziehen."),
        "already_withdrawn": N_("Das Papier ist schon zurückgezogen."),
        "not_correctable": N_(
            "Berichtigen lässt sich nur ein Papier, das zugestellt ist und nicht zurückgezogen,"
            " ersetzt oder gelöscht wurde."
        ),
        "already_corrected": N_(
            "Für dieses Papier gibt es schon ein berichtigtes, das noch nicht zugestellt ist."
            " Entscheiden Sie bitte zuerst über dieses."
        ),
        "not_sendable_again": N_(
            "Noch einmal senden lässt sich nur, was zurückkam oder nicht zugestellt bleibt. Was"
            " angekommen ist, können Sie berichtigen."
        ),
        "already_acknowledged": N_("Ihre Stelle hat das schon zur Kenntnis genommen."),
        "nothing_to_acknowledge": N_("Zu diesem Papier gibt es nichts zur Kenntnis zu nehmen."),
        "not_forwardable": N_(
            "Dieses Papier kann Ihre Stelle hier nicht weitergeben. Wer es sonst braucht, erhält es"
            " von der Person oder von der Stelle, die es ausgestellt hat."
        ),
        "forward_not_possible": N_(
            "Diese Stelle kann das Papier nicht von Ihnen erhalten. Das sagt nichts über die Person"
            " aus."
        ),
        "forwarded_already": N_("An diese Stelle haben Sie das Papier schon weitergegeben."),
        "forward_release_missing": N_(
            "Die Person muss freigegeben haben, dass diese Stelle das Papier erhält. Bitte halten"
            " Sie fest, wann und wie."
        ),
        "approval_by_sender": N_(
            "Sie haben dieses Papier selbst gesendet. Freigeben oder ablehnen muss es eine zweite"
            " Person Ihrer Stelle."
        ),
        "approval_by_program": N_(
            "Freigeben oder ablehnen kann nur eine Person, die sich selbst anmeldet."
        ),
        "already_approved": N_("Das Papier ist schon freigegeben."),
        "not_awaiting_approval": N_("Dieses Papier wartet nicht auf eine Freigabe."),
        "content_erased": N_(
            "Der Inhalt dieses Papiers ist gelöscht, weil die Frist dafür um war. Dass es gesendet"
            " wurde und wer es übernommen hat, ist noch nachzusehen."
        ),
        "slug_invalid": N_(
            "Der Kurzname besteht aus Kleinbuchstaben (a bis z), Ziffern und Bindestrichen"
            " dazwischen; höchstens 60 Zeichen."
        ),
        "slug_taken": N_("Den Kurznamen „%(slug)s“ gibt es schon. Bitte wählen Sie einen anderen."),
        "name_invalid": N_("Bitte geben Sie einen Namen an; höchstens %(limit)s Zeichen."),
        "mailbox_invalid": N_(
            "Das ist keine einzelne E-Mail-Adresse wie postfach@stelle.example. Namen, Klammern,"
            " Leerzeichen und Zeilenumbrüche gehören nicht dazu."
        ),
        "land_unknown": N_("Dieses Land gibt es nicht. Bitte wählen Sie eines aus der Liste."),
        "hour_out_of_range": N_("Bitte wählen Sie eine volle Stunde von %(min)s bis %(max)s Uhr."),
        "deputy_missing": N_(
            "Bitte geben Sie an, an wen die Erinnerungen der Vertretung gehen, oder leeren Sie"
            " auch das Ende der Vertretung."
        ),
        "pause_order": N_("Der letzte Tag der Pause liegt vor dem ersten."),
        "pause_over": N_("Diese Pause ist schon vorbei."),
        "pause_overlaps": N_("In dieser Zeit ist schon eine Pause eingetragen."),
        "pause_too_long": N_(
            "Das wären mit den Pausen davor und danach mehr als %(limit)s Arbeitstage am Stück. So"
            " lange dürfen Papiere nicht liegen; tragen Sie bitte eine Vertretung ein."
        ),
        "closing_order": N_("Der letzte freie Tag liegt vor dem ersten."),
        "closing_over": N_("Diese Tage sind schon vorbei."),
        "closing_overlaps": N_("In dieser Zeit ist schon etwas eingetragen."),
        "closing_too_long": N_(
            "Das sind mehr als %(limit)s Arbeitstage. So lange dürfen Papiere nicht überall liegen."
        ),
        "closing_name_invalid": N_(
            "Bitte sagen Sie, was für Tage das sind: 1 bis %(limit)s Zeichen."
        ),
        "plan_days_missing": N_("Bitte wählen Sie zu diesem Plan mindestens einen Wochentag."),
        "expected_out_of_range": N_("Bitte geben Sie eine Zahl von 0 bis %(max)s ein oder nichts."),
        "pace_not_a_number": N_("Bitte geben Sie eine ganze Zahl von %(min)s bis %(max)s ein."),
        "pace_out_of_range": N_("Erlaubt sind %(min)s bis %(max)s Tage."),
        "pace_order": N_(
            "„%(later)s“ darf nicht vor „%(earlier)s“ an der Reihe sein. Bitte ändern Sie eines von"
            " beiden."
        ),
        "pace_limits_order": N_("Die obere Grenze liegt unter der unteren."),
        "pace_outside_limits": N_(
            "Was in der Kommune gilt (%(days)s Tage), muss auch für ihre Stellen erlaubt sein."
        ),
        "pattern_too_long": N_("Das Muster ist zu lang; höchstens %(limit)s Zeichen."),
        "pattern_unknown": N_(
            "Den Platzhalter „%(placeholder)s“ gibt es nicht. Die Liste unten nennt alle."
        ),
        "pattern_characters": N_(
            "Das Muster enthält Zeichen, die in Dateinamen nicht vorkommen dürfen, zum Beispiel"
            " / \\ : * ? oder Anführungszeichen."
        ),
        "claims_unreadable": N_(
            "Das ist weder ein JSON-Objekt noch ein Token. Fügen Sie bitte den ganzen Text ein, von"
            " der ersten bis zur letzten Klammer."
        ),
        "agency_closed": N_("Diese Stelle ist schon geschlossen."),
        "agency_open": N_("Diese Stelle ist schon geöffnet."),
        "agency_unknown": N_("Diese Stelle gibt es hier nicht."),
        "municipality_unknown": N_("Diese Kommune gibt es hier nicht."),
        "client_id_taken": N_("Der Dienst „%(client_id)s“ gehört schon zu einer Stelle."),
        "service_subject_taken": N_(
            "Die Kennung (sub) für den Dienst „%(client_id)s“ gehört schon zu einem anderen Dienst"
            " oder zu einer Person."
        ),
        "key_reused": N_(
            "Unter diesem Idempotency-Key wurde schon etwas anderes gesendet. Bitte verwenden Sie"
            " für jede Sendung einen neuen."
        ),
        "key_too_long": N_("Der Idempotency-Key ist zu lang; höchstens %(limit)s Zeichen."),
        "still_running": N_("Dieselbe Sendung wird gerade noch gespeichert. Bitte warten Sie."),
        "intake_died": N_(
            "Das Speichern hat zu lange gedauert und wurde abgebrochen. Es wurde nichts"
            " gespeichert; bitte senden Sie noch einmal."
        ),
        "mail_asked_lately": N_(
            "An dieses Postfach ging gerade erst eine Mail, die jemand angefordert hat. Bitte"
            " warten Sie damit %(minutes)s Minuten und sehen Sie nach, ob sie angekommen ist."
        ),
        "mail_not_failed": N_(
            "Diese Mail ist nicht gescheitert, oder es ging schon eine neue an dasselbe Postfach."
            " Sehen Sie bitte nach, was daraus wurde."
        ),
        # Parts that are down
        "database_unavailable": N_(
            "Die Datenbank antwortet nicht. Es wurde nichts verändert; bitte versuchen Sie es in"
            " einigen Minuten noch einmal."
        ),
        "keys_unavailable": N_(
            "Der Schlüsselspeicher antwortet nicht. Es wurde nichts gespeichert; bitte versuchen"
            " Sie es in einigen Minuten noch einmal."
        ),
        "store_unavailable": N_(
            "Der Dokumentenspeicher antwortet nicht. Es wurde nichts gespeichert; bitte versuchen"
            " Sie es in einigen Minuten noch einmal."
        ),
        "document_damaged": N_(
            "Dieses Dokument lässt sich nicht unversehrt lesen und wird deshalb nicht ausgegeben."
            " Der Betrieb ist benachrichtigt."
        ),
        "papers_unavailable": N_(
            "Die Prüfung der Dateien lässt sich gerade nicht starten. Es wurde nichts gespeichert;"
            " bitte versuchen Sie es in einigen Minuten noch einmal."
        ),
        "papers_closed": N_(
            "kursdocs wird gerade neu gestartet. Es wurde nichts gespeichert; bitte versuchen Sie"
            " es gleich noch einmal."
        ),
        "papers_busy": N_(
            "Gerade werden sehr viele Dateien geprüft. Bitte versuchen Sie es gleich noch einmal."
        ),
        "uploads_busy": N_(
            "Gerade senden sehr viele zugleich. Bitte versuchen Sie es gleich noch einmal."
        ),
        "downloads_busy": N_(
            "Gerade rufen sehr viele zugleich Dokumente ab. Bitte versuchen Sie es gleich noch"
            " einmal."
        ),
        "internal": N_(
            "Der Fehler ist festgehalten. Bitte versuchen Sie es noch einmal; hilft das nicht,"
            " nennen Sie dem Betrieb die Nummer unten."
        ),
    }
)
