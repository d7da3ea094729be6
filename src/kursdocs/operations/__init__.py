"""What needs several transactions, or a port between them: the order in which bytes, rows and mails
become durable.

Knows the domain and the ports, never HTTP or a concrete database, store or mail server.
"""
