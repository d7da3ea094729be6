"""Documents and their deliveries: one aggregate, one transaction.

``sending`` checks what is to be sent, ``lifecycle`` changes states, ``reading`` is what an agency
may see, ``tables`` is what lies in the database, ``names`` and ``deadlines`` are rules of text
and time.
"""
