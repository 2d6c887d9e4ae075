"""Jobs: long work that survives whoever started it. A queue in the database, workers that hold a lease, children that mine.

queue.py    jobs as clients see them;  leases.py  as workers see them;  rows.py  as the tables hold them
kinds.py    the table of kinds; mine.py, export.py, index.py: one kind each
worker.py   claims a job, hands it to a child, notes its progress, keeps the lease
child.py    the process that does the work: niced, bounded in threads, gone when its worker is
"""
