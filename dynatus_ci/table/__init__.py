"""What a table is and how two tables differ. Pure: no input or output, no clock, no environment."""
