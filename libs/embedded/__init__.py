"""Real PostgreSQL and Redis servers out of wheels, for `make run` and tests: no root, no apt, no Docker."""
