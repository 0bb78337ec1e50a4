"""What a definition may hold: the shape of its values, and what DynamoDB would refuse."""
