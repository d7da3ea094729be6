"""What is due to whom and why, and what came of it.

``groups`` counts what is open, ``state`` adds desks and towns. Pure, so that the same catalogue,
state, calendar and moment give the same mails: ``topics`` decides what is said, ``times`` when,
``plan`` to whom, ``overdue`` what goes back, ``decisions`` explains it; ``digest`` is what they
speak in. ``ledger`` remembers what was told, ``outcomes`` what came of it; ``ledger_reading`` and
``effect`` show it.
"""
