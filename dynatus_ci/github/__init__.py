"""The GitHub edge: what the runner says (`run`), what is said through it (`runner`) and in pull requests.

Nothing here decides about a plan or an approval.
"""
