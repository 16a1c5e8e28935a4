"""``paredown ui``."""

from __future__ import annotations

import os
import sys

from search.commands.output import err
from search.errors import SweepError
from search.workspace import Workspace


def ui(host: str, port: int) -> None:
    """See `search.cli.ui`. The server takes this process' place, so that Ctrl-C reaches it."""
    workspace = Workspace.default()
    if not (workspace.root / "mlflow.db").exists():
        raise SweepError(f"no MLflow store in {workspace.root}; run a sweep first: paredown run CONFIG")
    err().print(f"MLflow UI: http://{host}:{port} (Ctrl-C ends it)")
    store = ["--backend-store-uri", workspace.tracking_uri, "--default-artifact-root", workspace.artifacts.as_uri()]
    server = ["server", *store, "--host", host, "--port", str(port), "--workers", "1"]
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *server])
