"""What a server is told: the settings, their values, and where each came from."""
