from chalicelib.pdf.text.local_times import format_local_time, format_utc_time
from tests.support.pdf import sample_pdfs as samples


def test_times_are_correct_at_midnight_and_noon() -> None:
    late = samples.NOW.replace(hour=5, minute=59)
    assert format_local_time(late, "America/Chicago") == "November 21, 2026, 11:59:33 PM CST"
    assert format_local_time(samples.NOW.replace(hour=18), "America/Chicago") == "November 22, 2026, 12:05:33 PM CST"
    assert format_utc_time(late) == "2026-11-22 05:59:33 UTC"
