"""The GitHub edge: what a run says through its runner (`runner`) and in pull requests (`pull_request`).

Nothing here decides about a plan or an approval.
"""
