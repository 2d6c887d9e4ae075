"""What is counted, in Prometheus' format, at /metrics (a key that reads is enough). Labels are closed sets: no text of a client is one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from app.http.connections import REASONS
from miner.errors import StorageError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from app.jobs.stores import Stock
    from app.services import Desk

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60)
KEPT_SECONDS = 1.0


class Metrics:
    """The numbers of one server."""

    def __init__(self, stock: Stock) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("hardneg_http_requests", "Requests answered.", labels, registry=self._registry)
        self.seconds = Histogram(
            "hardneg_http_request_duration_seconds", "Time to answer.", ("route",), buckets=SECONDS, registry=self._registry
        )
        self.queries = Counter("hardneg_queries_mined", "Queries answered by POST /v1/mine.", registry=self._registry)
        self.encoded = Counter("hardneg_texts_encoded", "Texts of requests that went through the model.", registry=self._registry)
        self.batches = Counter("hardneg_encoder_batches", "Batches they shared.", registry=self._registry)
        self.uploaded = Counter("hardneg_uploaded_bytes", "Bytes of files taken in, unpacked.", registry=self._registry)
        self.mining = Gauge("hardneg_requests_mining", "Requests being mined or waiting for it.", registry=self._registry)
        self.plans = Gauge("hardneg_dry_runs", "Dry runs of jobs being made or waiting for it.", registry=self._registry)
        self.connections = Gauge("hardneg_connections", "Connections that are open.", registry=self._registry)
        self.wrong_keys = Counter("hardneg_wrong_keys", "Wrong keys that were tried.", ("where",), registry=self._registry)
        Gauge("hardneg_build_info", "Always 1.", ("version",), registry=self._registry).labels(version("hardneg")).set(1)
        ProcessCollector("hardneg", registry=self._registry)  # CPU, memory and open files of the server
        self._registry.register(_Kept(stock))

    def follow(self, at: Desk) -> None:
        """Numbers that the desk knows: asked when somebody looks."""
        self.mining.set_function(lambda: at.workers.taken)
        self.plans.set_function(lambda: at.plans.taken)
        self.connections.set_function(lambda: len(at.connections.open))
        self._registry.register(_Closed(at))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. route: the route's own name, never the path that was sent."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)


class _Closed:
    """Connections that were closed by us, by the reason."""

    def __init__(self, at: Desk) -> None:
        self._at = at

    def collect(self) -> Iterator[Metric]:
        closed = CounterMetricFamily("hardneg_connections_closed", "Connections that were closed, by the reason.", labels=["why"])
        for why in REASONS:
            closed.add_metric([why], self._at.connections.closed[why])
        yield closed


class _Kept:
    """What the database and the disk know: asked when somebody looks, at most once a second."""

    def __init__(self, stock: Stock) -> None:
        self._stock, self._asked = stock, 0.0
        self._jobs: dict[str, int] = {}
        self._free = 0

    def collect(self) -> Iterator[Metric]:
        if time.monotonic() - self._asked > KEPT_SECONDS:
            self._ask()
        jobs = GaugeMetricFamily("hardneg_jobs", "Jobs by state.", labels=["state"])
        for state, count in self._jobs.items():
            jobs.add_metric([state], count)
        yield jobs
        yield GaugeMetricFamily("hardneg_storage_free_bytes", "Room on the disk of the data folder.", value=self._free)

    def _ask(self) -> None:
        try:
            self._jobs, self._free, self._asked = self._stock.queue.counts(), self._stock.state.free_bytes(), time.monotonic()
        except StorageError:
            self._asked = time.monotonic()  # the numbers before this one are told once more
