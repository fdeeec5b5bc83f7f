"""What the server tells: the access log, its own log, the start-up lines."""
