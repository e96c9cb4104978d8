"""A server process under test.

TRADEWIND_SUITE_SERVER names a program that takes nats-server's flags; without it the built
`tradewind` binary of this repository is run as `tradewind serve`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

START_LIMIT = 20.0
ROOT = Path(__file__).resolve().parents[2]


def program():
    """The command that starts the server, without flags."""
    path = os.environ.get("TRADEWIND_SUITE_SERVER")
    if path:
        return [path]
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = [target / profile / "tradewind" for profile in ("release", "debug")]
    found = [binary for binary in found if binary.exists()]
    if not found:
        raise FileNotFoundError(f"no tradewind below {target}: build it or set TRADEWIND_SUITE_SERVER")
    return [str(max(found, key=lambda binary: binary.stat().st_mtime)), "serve"]


def is_reference():
    """Whether the program under test is nats-server itself."""
    return Path(program()[0]).resolve().name == "nats-server"


class Server:
    """A server with JetStream and its own store; a context manager that removes both."""

    def __init__(self, config=None):
        self.dir = Path(tempfile.mkdtemp(prefix="suite-"))
        self.config = config
        self.port = -1
        if config:
            (self.dir / "server.conf").write_text(config)

    def __enter__(self):
        self._spawn()
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if kind is not None:
            print((self.dir / "server.log").read_text(), file=sys.stderr)
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(START_LIMIT) == 0, "a clean stop ends with code 0"

    def restart(self):
        """Starts again on the same store and port."""
        self._spawn()

    def _spawn(self):
        command = program() + ["-a", "127.0.0.1", "-p", str(self.port), "-js"]
        command += ["-sd", str(self.dir / "store"), "--ports_file_dir", str(self.dir)]
        if self.config:
            command += ["-c", str(self.dir / "server.conf")]
        with open(self.dir / "server.log", "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.port = self._await_port()

    def _await_port(self):
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            for path in self.dir.glob(f"*_{self.process.pid}.ports"):
                try:
                    return urlsplit(json.loads(path.read_text())["nats"][0]).port
                except (ValueError, KeyError, IndexError):
                    pass  # not written to its end yet
            if self.process.poll() is not None:
                raise RuntimeError((self.dir / "server.log").read_text())
            time.sleep(0.005)
        self.process.kill()
        raise TimeoutError("the server wrote no ports file")
