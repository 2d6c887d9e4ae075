"""The service: HTTP over the library. Thin; knows the library, and the library does not know it."""
