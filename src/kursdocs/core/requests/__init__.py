"""Requests: one agency asks another one for a paper of a person, by a day.

``asking`` makes and cancels them, ``answering`` finds those that a sending answers and ends them,
``standing`` says whether one is open, ``reading`` lists and counts, ``retention`` lets none stay
open for ever and none remember its person for long; ``tables`` is what lies in the database.
"""
