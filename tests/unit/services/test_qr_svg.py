import segno

from chalicelib.services.qr_svg import qr_svg_path

TEXT = "https://portal.test/f/ABCD"


def test_the_path_has_one_square_for_each_dark_module() -> None:
    matrix = [bytes(row) for row in segno.make(TEXT, error="m", micro=False).matrix]
    size, path = qr_svg_path(TEXT)
    assert size == len(matrix)
    assert path.count("M") == sum(map(sum, matrix))
    assert path.startswith("M0 0h1v1h-1zM1 0h1v1h-1z")
    assert "M7 0h" not in path


def test_a_short_text_gives_a_code_that_every_phone_can_read() -> None:
    """Cameras of phones do not read the smaller Micro QR codes."""
    assert qr_svg_path("1")[0] == 21
