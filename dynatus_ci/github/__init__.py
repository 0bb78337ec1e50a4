"""The GitHub edge: what the runner says (`event`), what is told through it (`workflow_commands`), pull requests.

Nothing here decides about a plan or an approval.
"""
