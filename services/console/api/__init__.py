"""The admin API under /api: JSON for scripts and for the pages to come.

Each module has one function for each thing that can be asked of it. They are plain functions of a `Call`,
run in a thread, so that they use what the command uses.
"""
