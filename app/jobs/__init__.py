"""Jobs: long work that survives the process that started it. A queue in the database, workers with leases, child processes that mine.

queue.py      jobs as clients see them;  leases.py: as workers see them;  app/storage/job_rows.py: as the tables hold them
job_kinds.py  the table of kinds; mine.py, export.py, index.py, plan.py: one kind each
worker.py     fetches a job, gives it to a child process, stores its progress, sends heartbeats, finishes it
child.py      the child process: low priority, a limited number of threads, ends with its worker
"""
