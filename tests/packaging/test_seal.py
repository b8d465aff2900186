"""Test what the packaged template says about the key that seals (digitally signs) PDFs: its rights and its alarm."""

import re
from typing import Any

from infrastructure.seal_certificate import YEARS

Resources = dict[str, Any]

KEY = {"Fn::If": ["HasOwnSealingKey", {"Ref": "OwnSealingKey"}, {"Fn::GetAtt": ["SealingKey", "Arn"]}]}


def statements(production: Resources) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, statement)
        for name, row in production.items()
        if row["Type"] == "AWS::IAM::Role"
        for policy in row["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_only_the_documents_function_seals_and_with_no_other_key(production: Resources) -> None:
    using = {"kms:Sign", "kms:GetPublicKey"}
    found = [(role, each) for role, each in statements(production) if using & set(each["Action"])]
    ((role, statement),) = found
    assert role == "DocumentsRole"
    assert set(statement["Action"]) == using
    assert statement["Resource"] == [KEY]


def test_no_function_writes_the_published_certificates(production: Resources) -> None:
    place = {"Fn::Sub": "${Bucket.Arn}/certificates/*"}
    for _, statement in statements(production):
        if place in statement["Resource"]:
            assert set(statement["Action"]) == {"s3:GetObject"}


def test_the_key_signs_only_and_outlives_the_stack(production: Resources) -> None:
    key = production["SealingKey"]
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert key["Properties"]["KeySpec"] == "RSA_3072"
    assert key["Properties"]["KeyUsage"] == "SIGN_VERIFY"


def test_an_alarm_is_raised_sixty_days_before_the_certificate_expires(production: Resources) -> None:
    alarm = production["SealCertificateAlarm"]["Properties"]
    (metric,) = production["SealCertificateDays"]["Properties"]["MetricTransformations"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (60, "LessThanThreshold")
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])
    assert YEARS >= 20


def test_production_requires_a_timestamp_authority_or_an_explicit_none(template: dict[str, Any]) -> None:
    assert template["Parameters"]["WithoutTimestamps"]["Default"] == "false"
    rule = template["Rules"]["TimestampsUnlessWaived"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Local"}, "false"]}
    assert "TimestampAuthorityUrl" in str(rule["Assertions"])


def test_the_timestamp_authority_is_pinned_and_not_reached_in_the_clear(template: dict[str, Any]) -> None:
    address = re.compile(template["Parameters"]["TimestampAuthorityUrl"]["AllowedPattern"])
    assert address.fullmatch("https://timestamp.example.com/tsr")
    assert not address.fullmatch("http://timestamp.example.com/tsr")
    assert not address.fullmatch("http://127.0.0.1:9000/")
    pins = re.compile(template["Parameters"]["TimestampAuthorityPins"]["AllowedPattern"])
    assert pins.fullmatch(f"{'0a' * 32},{':'.join(['0A'] * 32)}")
    assert not pins.fullmatch("sha256")
