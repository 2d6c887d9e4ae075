"""Connections, before any of them is a request: the socket they come to, how many there may be, and how long each may take."""
