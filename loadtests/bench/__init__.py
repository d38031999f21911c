"""`make bench`: how fast the system is, measured the way that a user meets it."""
