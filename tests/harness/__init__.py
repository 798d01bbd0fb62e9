"""A real server for the tests to talk to, and the means to look at it from outside."""
