"""Calls that come at the same time are made as one: whoever comes first serves all who wait. Nobody waits for company."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


@dataclass
class _Slot(Generic[Ask, Answer]):
    ask: Ask
    answer: Answer | None = None
    error: BaseException | None = None
    done: bool = False


class Together(Generic[Ask, Answer]):
    """`call` takes a list of asks and gives as many answers. It is never called by two threads at a time."""

    def __init__(self, call: Callable[[Sequence[Ask]], Sequence[Answer]]) -> None:
        self._call = call
        self._waiting: list[_Slot[Ask, Answer]] = []
        self._mutex, self._busy = threading.Lock(), threading.Lock()

    def __call__(self, ask: Ask) -> Answer:
        """The answer to one ask, perhaps found together with others'."""
        slot = _Slot[Ask, Answer](ask)
        with self._mutex:
            self._waiting.append(slot)
        with self._busy:
            if not slot.done:
                self._serve()
        if slot.error is not None:
            raise slot.error
        return slot.answer  # type: ignore[return-value]  # there is one where there is no error

    def _serve(self) -> None:
        with self._mutex:
            slots, self._waiting = self._waiting, []
        try:
            for slot, answer in zip(slots, self._call([slot.ask for slot in slots]), strict=True):
                slot.answer = answer
        except Exception as error:  # noqa: BLE001 - raised in each of the threads that asked
            for slot in slots:
                slot.error = error
        for slot in slots:
            slot.done = True
