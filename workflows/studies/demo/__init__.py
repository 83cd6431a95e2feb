"""`make demo`: the short demo with its page; with FULL=1 the ablations, with FACES=1 faces."""
