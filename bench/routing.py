"""The search for the route of a path, which API Gateway makes before it calls the web function."""


def match(path: str) -> tuple[str, dict[str, str]]:
    """Return the pattern of the route for a path, such as `/documents/{document_id}`, and the path's parameters by
    name.

    Raises `LookupError` if there is no route. A literal part has priority over a parameter."""
    import app

    candidates = sorted(app.app.routes, key=lambda pattern: pattern.count("{"))
    for pattern in candidates:
        values = _fit(pattern, path)
        if values is not None:
            return pattern, values
    raise LookupError(f"There is no route for {path}")


def _fit(pattern: str, path: str) -> dict[str, str] | None:
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    if len(wanted) != len(given):
        return None
    values = {}
    for name, value in zip(wanted, given, strict=True):
        if name.startswith("{"):
            values[name[1:-1]] = value
        elif name != value:
            return None
    return values
