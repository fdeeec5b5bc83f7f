"""The server as a whole: its workers, their start, their replacement, their end."""
