def qr_svg_path(text: str) -> tuple[int, str]:
    """Return a QR code for a text: its modules per side, and the SVG path of its dark modules, one unit per module."""
    import segno

    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    squares = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return len(rows), "".join(squares)
