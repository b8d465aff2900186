from collections.abc import Mapping

_PERMISSIONS = ", ".join(
    f"{feature}=()" for feature in ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
)

_ALWAYS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": _PERMISSIONS,
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

IMMUTABLE: Mapping[str, str] = {"Cache-Control": "public, max-age=31536000, immutable"}
"""The cache header of a file whose name contains a hash of its content."""


def security_headers(files_origin: str | None) -> dict[str, str]:
    """Return the security headers of a response.

    `files_origin` is the scheme and host of the S3 bucket for a page that may load its files, or None."""
    return {**_ALWAYS, "Content-Security-Policy": content_policy(files_origin)}


def content_policy(files_origin: str | None) -> str:
    """Return the Content-Security-Policy header's value, which allows only the portal's own content.

    It also allows files of the S3 bucket if `files_origin` (scheme and host) is given."""
    ours = "'self'"
    files = f"{ours} {files_origin}" if files_origin else ours
    framed = files_origin or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {ours}",
            f"style-src {ours}",
            f"img-src {files}",
            f"connect-src {files}",
            f"form-action {files}",
            f"frame-src {framed}",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
