"""Who is believed, and who is let in."""
