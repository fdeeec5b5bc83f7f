"""One worker: its loop, its connections, its deadlines, its drain."""
