"""The machine door: verify and forward-auth, plain functions from a request's bytes to an answer's."""
