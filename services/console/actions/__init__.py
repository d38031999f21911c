"""What an operator can do, one function an act, whether it is asked for by `ehrconnect` or over HTTP.

What only looks something up is in libs/store and libs/lanes; an act is here when it takes more than one
step of theirs.
"""
