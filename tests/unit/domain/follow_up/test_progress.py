import pytest

from chalicelib.domain.certification.facts import AttentionReason
from chalicelib.domain.follow_up.progress import STEPS, FollowUpPlan, read_days


def test_the_table_has_the_days_and_actions_of_the_contract() -> None:
    rows = [(rule.day, rule.before_due, rule.sends_email, rule.sends_fax, rule.attention) for rule in STEPS]
    assert rows == [
        (3, False, False, True, None),
        (5, False, False, False, AttentionReason.PLEASE_CALL),
        (10, False, True, True, None),
        (14, False, False, False, AttentionReason.CALL_AGAIN),
        (21, True, False, False, AttentionReason.DUE_SOON),
        (27, True, True, True, None),
        (31, True, False, False, AttentionReason.OVERDUE),
    ]
    assert [rule.only_unopened for rule in STEPS] == [True, *[False] * 6]
    assert [rule.sends_messages for rule in STEPS] == [True, False, True, False, False, True, False]
    assert FollowUpPlan().days == (3, 5, 10, 14, 21, 27)
    assert FollowUpPlan(days=(1, 4, 9, 13, 20, 29)).all_days == (1, 4, 9, 13, 20, 29, 31)


def test_a_practice_moves_the_days() -> None:
    assert read_days(" 1, 4,9 ,13,20, 29") == (1, 4, 9, 13, 20, 29)


@pytest.mark.parametrize(
    "text", ["", "3,5,10,14,21", "3,5,10,14,21,27,29", "0,5,10,14,21,27", "3,5,10,14,21,30", "3,5,5,14,21,27", "3,x,10"]
)
def test_days_that_no_schedule_can_follow_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be 6 rising days from 1 to 29|invalid literal"):
        read_days(text)
