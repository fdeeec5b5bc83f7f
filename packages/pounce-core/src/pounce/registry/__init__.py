"""The installed protocols, found once and shared frozen."""
