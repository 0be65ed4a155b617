"""The blocks that a page may use, each in the room of its subject."""
