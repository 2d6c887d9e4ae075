"""Is this machine, and this installation, fit for mining?"""
