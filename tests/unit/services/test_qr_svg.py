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
