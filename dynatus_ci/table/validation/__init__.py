"""Checks a definition: the shapes of its values, and what DynamoDB would refuse."""
