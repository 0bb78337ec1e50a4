"""What UpdateTable changes, one module for each concern: `prepare` checks and gives back what begins it."""
