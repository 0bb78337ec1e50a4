"""Where the items of a table come from: another table, a backup, or the table itself while its key changes."""
