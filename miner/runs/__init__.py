"""Run folders: read, retrieve, choose, write, report, manifest; also resume, reuse, reproduce and estimate runs."""
