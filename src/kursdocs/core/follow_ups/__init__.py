"""What should follow a paper, and has not yet: proof of registration, start of the course, use.

The rules stand in the catalogue. A follow-up is one agency's task about one paper of its own. It
ends when a paper that fulfils it goes out or comes in, when somebody settles it with a reason, or
when the paper it hangs on is gone.
"""
