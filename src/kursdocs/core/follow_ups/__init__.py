"""What should follow a paper, and has not yet: proof of registration, start of the course, use.

The rules stand in the catalogue. A follow-up is one agency's task about one paper of its own. It
ends when a paper that fulfils it goes out or comes in, when somebody settles it with a reason, or
when the paper it hangs on is gone.

``opening`` opens and ends them by the day, ``fulfilling`` ends those that a paper fulfils and says
which form would, ``settling`` is for people, ``reading`` lists and counts; ``standing`` says
whether a paper counts, ``tables`` is what lies in the database.
"""
