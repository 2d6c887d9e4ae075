"""What the running service holds: settings, data folder, workers, and the engine once it is open. One per app, in `app.state.desk`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from fastapi import Request

from app.engine import Engine
from app.errors import NotReady
from app.files import Files
from app.keys import Keyring
from app.settings import Settings
from app.state import State
from app.workers import Workers, begin


class Desk:
    """Opens the engine beside the event loop, so that the service answers, with 503, while a model or a corpus is being opened."""

    def __init__(self, settings: Settings, state: State, keyring: Keyring, on_failure: Callable[[BaseException], None]) -> None:
        self.settings, self.state, self.keyring = settings, state, keyring
        self.workers = Workers(settings.at_once, settings.waiting)
        self.files = Files(state, settings.keep_free_bytes)
        self._opening: Future[Engine] = begin(lambda: Engine(settings))
        self._opening.add_done_callback(lambda done: on_failure(error) if (error := done.exception()) else None)

    @property
    def engine(self) -> Engine:
        """The engine. NotReady while there is none."""
        if not self._opening.done() or self._opening.exception():
            raise NotReady("the model and the corpus are being opened")
        return self._opening.result()

    def close(self) -> None:
        """Stop taking work."""
        self.workers.close()
        if self._opening.done() and not self._opening.exception():
            self._opening.result().close()


def desk(request: Request) -> Desk:
    """The desk of the app that got the request."""
    found: Desk = request.app.state.desk
    return found
