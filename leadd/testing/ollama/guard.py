"""Who may talk to the server: the checks of Host and Origin that keep web pages out."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from leadd.testing.ollama.wire import Exchange, Request

LOCAL_NAMES = ("localhost", "127.0.0.1", "0.0.0.0")
APP_SCHEMES = ("app://", "file://", "tauri://", "vscode-webview://", "vscode-file://")
PRIVATE = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
LOCAL_ENDINGS = (".localhost", ".local", ".internal")


def allowed(request: Request, exchange: Exchange) -> bool:
    """False where a browser's page or a rebound name is asking: the server answers 403 with an empty body."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin", "")
    if host and not _host_is_local(_without_port(host)):
        return False
    if not origin or origin == f"http://{host}":
        return True
    if not _origin_is_local(origin):
        return False
    exchange.allow_origin(origin)
    return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


@lru_cache(maxsize=64)
def _host_is_local(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        low = name.lower()
        return low == "localhost" or low.endswith(LOCAL_ENDINGS)
    own = address.is_loopback or address.is_unspecified
    return own or any(address in network for network in PRIVATE if network.version == address.version)


def _origin_is_local(origin: str) -> bool:
    if origin.startswith(APP_SCHEMES):
        return True
    scheme, _, rest = origin.partition("://")
    if scheme not in ("http", "https"):
        return False
    return any(rest == name or rest.startswith(name + ":") for name in LOCAL_NAMES)
