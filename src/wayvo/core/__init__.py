"""The rules: pure functions and values. No clock, no randomness, no I/O, no framework."""
