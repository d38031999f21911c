"""Code maps and code systems, as data files with one accessor each."""
