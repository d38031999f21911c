"""Benchmarks, chaos, fuzz: what the system does under load and ill treatment; no timed test asserts it."""
