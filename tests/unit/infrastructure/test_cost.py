"""Test the report of what one document costs."""

import pytest

from infrastructure.cost import AWS, Use, fax_uses, main, report, storage_use


def test_a_use_costs_its_amount_times_its_price() -> None:
    assert Use("SES", "emails", 2, 0.25).cost == 0.5


def test_a_fax_costs_pages_and_minutes_with_the_cover() -> None:
    pages, minutes = fax_uses(4)
    assert (pages.amount, minutes.amount) == (5, 3.0)
    assert pages.cost + minutes.cost == pytest.approx(0.05)


def test_files_are_stored_for_years() -> None:
    assert storage_use(7).cost == pytest.approx(0.003 * 84 * 0.023)


def test_the_report_adds_everything_up() -> None:
    lines = list(report(4, 7))
    aws = sum(use.cost for use in AWS)
    assert f"{'AWS per document':<48} {aws:>10.6f} USD" in lines
    assert f"{'Fax per document':<48} {0.05:>10.6f} USD" in lines
    assert lines[-1] == f"{'Together per document':<48} {aws + 0.05 + storage_use(7).cost:>10.6f} USD"
    assert len(lines) == len(AWS) + 1 + 2 + 3 + 3 + 1


def test_the_command_takes_the_pages_and_the_years(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pages", "9", "--years", "2"])
    printed = capsys.readouterr().out
    assert f"{10:>10g} pages" in printed
    assert "GB-months in 2 years" in printed


def test_the_command_assumes_four_pages_and_seven_years(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert capsys.readouterr().out == "\n".join(report(4, 7)) + "\n"
