"""The way from a worker process back to the context of the process that started it."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from . import context as contexts
from .pickling import pack, unpack


class Source:
    """Gives the values of this process's context, pickled, to processes that know its key."""

    def __init__(self, key: bytes) -> None:
        self.process = os.getpid()
        self.key = key
        self._listener = Listener(None, "AF_UNIX", authkey=self.key)
        self.address = str(self._listener.address)
        threading.Thread(target=self._answer_all, daemon=True).start()

    def _answer_all(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except Exception:  # someone without the key, or who went away
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with connection:
            try:
                packed = pack(getattr(contexts.context, connection.recv()))
                connection.send((len(packed.buffers), None))
                connection.send_bytes(packed.data)
                for part in packed.buffers:
                    connection.send_bytes(part)
            except Exception as error:  # it is the worker's, who asked
                connection.send((0, error))


def fetch(address: str, key: bytes, name: str) -> Any:
    """The value of a name of the context at `address`. Raises what reading or pickling it raised there."""
    with Client(address, authkey=key) as connection:
        connection.send(name)
        count, error = connection.recv()
        if error is not None:
            raise error
        data = connection.recv_bytes()
        return unpack(data, [bytearray(connection.recv_bytes()) for _ in range(count)])
