"""Metrics in the format of Prometheus, at /metrics (scope `read`). Labels have a fixed set of values: no text of a client is a label."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from app.http.connections import REASONS, Connections
from miner.errors import StorageError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from app.jobs.stores import Stores

BUCKET_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60)
STORED_INTERVAL_SECONDS = 1.0


class Metrics:
    """The metrics of one server."""

    def __init__(self, stores: Stores) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("hardneg_http_requests", "Requests answered.", labels, registry=self._registry)
        self.seconds = Histogram(
            "hardneg_http_request_duration_seconds", "Time to answer.", ("route",), buckets=BUCKET_SECONDS, registry=self._registry
        )
        self.queries = Counter("hardneg_queries_mined", "Queries answered by POST /v1/mine.", registry=self._registry)
        self.encoded = Counter("hardneg_texts_encoded", "Texts of requests that went through the model.", registry=self._registry)
        self.batches = Counter("hardneg_encoder_batches", "Batches they shared.", registry=self._registry)
        self.uploaded = Counter("hardneg_uploaded_bytes", "Bytes of files taken in, unpacked.", registry=self._registry)
        self.mining = Gauge("hardneg_requests_mining", "Requests being mined or waiting for it.", registry=self._registry)
        self.dry_runs = Gauge("hardneg_dry_runs", "Dry runs of jobs being made or waiting for it.", registry=self._registry)
        self.connections = Gauge("hardneg_connections", "Connections that are open.", registry=self._registry)
        self.wrong_keys = Counter("hardneg_wrong_keys", "Wrong keys that were tried.", ("where",), registry=self._registry)
        Gauge("hardneg_build_info", "Always 1.", ("version",), registry=self._registry).labels(version("hardneg")).set(1)
        ProcessCollector("hardneg", registry=self._registry)  # CPU, memory and open files of the server
        self._registry.register(_StoredMetrics(stores))

    def follow(self, connections: Connections, mining: Callable[[], int], dry_runs: Callable[[], int]) -> None:
        """Register the gauges that are read at each scrape. mining, dry_runs: how many there are now."""
        self.mining.set_function(mining)
        self.dry_runs.set_function(dry_runs)
        self.connections.set_function(lambda: len(connections.open))
        self._registry.register(_ConnectionMetrics(connections))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. route: the route's pattern, never the path of the request."""
        label = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
        self.requests.labels(label, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self._registry)


class _ConnectionMetrics:
    """Connections that the server has closed, by reason."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        closed = CounterMetricFamily("hardneg_connections_closed", "Connections that were closed, by the reason.", labels=["why"])
        for reason in REASONS:
            closed.add_metric([reason], self._connections.closed[reason])
        yield closed


class _StoredMetrics:
    """Gauges of the database and the disk, read at a scrape, at most once per STORED_INTERVAL_SECONDS."""

    def __init__(self, stores: Stores) -> None:
        self._stores, self._read_at = stores, 0.0
        self._jobs: dict[str, int] = {}
        self._free = 0

    def collect(self) -> Iterator[Metric]:
        if time.monotonic() - self._read_at > STORED_INTERVAL_SECONDS:
            self._read()
        jobs = GaugeMetricFamily("hardneg_jobs", "Jobs by state.", labels=["state"])
        for state, count in self._jobs.items():
            jobs.add_metric([state], count)
        yield jobs
        yield GaugeMetricFamily("hardneg_storage_free_bytes", "Room on the disk of the data folder.", value=self._free)

    def _read(self) -> None:
        try:
            self._jobs, self._free, self._read_at = self._stores.queue.counts(), self._stores.state.free_bytes(), time.monotonic()
        except StorageError:
            self._read_at = time.monotonic()  # the previous numbers are reported again
