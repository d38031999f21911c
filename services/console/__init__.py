"""What operators work with: the `ehrconnect` command."""
