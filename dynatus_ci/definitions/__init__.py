"""Reads definitions from files and from Python, and writes them. Every fault has its place."""
