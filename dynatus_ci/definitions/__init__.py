"""From files, and from Python, to definitions: every fault with its place."""
