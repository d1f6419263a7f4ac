"""Ctrl-C ends the real program soon, even while a thread waits for a model that never answers."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, ClassVar, Never

__all__ = ["Interrupt"]

GRACE_S = 1.0
SHOW_CURSOR = "\x1b[?25h"


class Interrupt:
    """What SIGINT does: the first gives the command a moment to close what it opened, the second none.

    The process leaves by `os._exit`: a normal exit would wait for the threads of calls that are under way. Nothing is
    lost by that, for the memory is durable at every moment.
    """

    CODE: ClassVar[int] = 130

    def __init__(self) -> None:
        self.came = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def install(self) -> None:
        """Takes SIGINT over, unless whoever started this process had it ignored."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            threading.Thread(target=self._expire, daemon=True).start()
            signal.signal(signal.SIGINT, self._on_signal)

    def leave(self, *, said: bool) -> Never:
        """Ends the process at once.

        Args:
            said: The user was told already.
        """
        with suppress(Exception):
            if not said:
                cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
                os.write(sys.stderr.fileno(), f"{cursor}\ninterrupted\n".encode())
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(self.CODE)

    def _on_signal(self, _number: int, _frame: Any) -> None:
        if self.came:
            self.leave(said=False)
        self.came = True
        self._wake.put(None)  # reentrant; starting a thread here could wait for a lock that this very thread holds
        raise KeyboardInterrupt

    def _expire(self) -> None:
        self._wake.get()
        time.sleep(GRACE_S)
        self.leave(said=False)
