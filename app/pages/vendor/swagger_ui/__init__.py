"""Swagger UI."""
