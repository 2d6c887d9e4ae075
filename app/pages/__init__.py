"""The pages, rendered on the server: no build step, no foreign origin, no inline script or style. miner.page.html escapes texts.

frame.py   the frame of every page;  faults.py: errors as pages;  assets.py: style sheets and scripts
login.py, run_list.py, overview.py, review.py, docs.py: one page each, data → markup; app/requests/page_data.py reads the data
"""
