"""The pages, rendered here: no build step, no foreign origin, no inline script or style. Texts are escaped by miner.page.html.

frame.py   what every page has; faults.py: a refusal as a page;  assets.py: style sheet and scripts
login.py, runs.py, overview.py, review.py, docs.py: one page each, data → markup; routes/pages.py gets the data
"""
