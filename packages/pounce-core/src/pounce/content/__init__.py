"""What a response may be made of besides bytes: files."""
