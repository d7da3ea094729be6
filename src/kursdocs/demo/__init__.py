"""An invented municipality to try the program with: its people, a sign-in provider, a mailbox.

For the loopback alone: it refuses to exist where others could reach it. Knows nothing of the
domain's inside.
"""
