"""The `ehrconnect` command, a module for each of its subcommands.

A module has `arguments(parser)`, which declares what it takes, and `run(options)`, which does it and
returns the exit code. Only the module that is asked for is imported, so that `convert` loads no database
driver and `lanes` no mapping.
"""
