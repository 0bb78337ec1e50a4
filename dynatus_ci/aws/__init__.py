"""The AWS edge: the only package that imports boto3. It reads, calls and waits; it decides nothing about tables."""
