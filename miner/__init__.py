"""The library: retrieve, judge, choose, export."""
