"""What is due to whom and why.

``state`` reads what is open, ``plan`` decides, ``tables`` remembers what was told. The plan is
pure: the same catalogue, state, calendar and moment give the same mails.
"""
