"""Books: what the shop has, kept up to date by events."""
