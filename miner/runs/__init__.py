"""Run folders: read, retrieve, choose, write, report, manifest; resumed, reused, reproduced, estimated. What every door calls."""
