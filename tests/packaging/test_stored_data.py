"""Test how the packaged template protects stored data: tables, files, keys, secrets and switches."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.services.documents.incoming_pdf import STAGING_PREFIX
from chalicelib.services.documents.orphan_cleanup import ORPHANED_AFTER
from chalicelib.services.pdf_requests import WORK_PREFIX
from chalicelib.services.registry.registry_files import PREFIX as REGISTRY_PREFIX
from chalicelib.services.returned_faxes.fax_mail_reception import INBOUND_PREFIX
from tests.support.template_resources import Resources, arn, of_type, properties

TABLES_WITH_TTL = {"AccountEventsTable", "RequestsTable", "SecretsTable"}
ON_OR_OFF = "^(on|off)$"
SWITCHES = (
    (
        "ElectronicSignatureDefault",
        "electronic-signature",
        "off",
        ON_OR_OFF,
        "Electronic Signature for practices without a parameter of their own: on or off",
    ),
    (
        "ReminderEmailsDefault",
        "reminder-emails",
        "on",
        ON_OR_OFF,
        "Reminders by email, for practices without a parameter of their own: on or off",
    ),
    (
        "ReminderFaxesDefault",
        "reminder-faxes",
        "on",
        ON_OR_OFF,
        "Faxes of the follow-up, for practices without a parameter of their own: on or off",
    ),
    (
        "FollowUpDaysDefault",
        "follow-up-days",
        "3,5,10,14,21,27",
        "^[0-9]{1,2}(,[0-9]{1,2}){5}$",
        "Days of the follow-up: fax, call, reminder, second call, due soon, last reminder",
    ),
    (
        "SignWithoutAccountDefault",
        "sign-without-account",
        "off",
        ON_OR_OFF,
        "Signing without an account for practices without a parameter of their own: on or off",
    ),
    (
        "SecondFactorDefault",
        "second-factor",
        "off",
        ON_OR_OFF,
        "Second factor of providers, for practices without a parameter of their own: on (required) or off",
    ),
)
"""The switches in full: resource, parameter, default, allowed pattern and description."""


# Tables


def test_every_table_is_encrypted_recoverable_and_retained(production: Resources) -> None:
    for table in of_type(production, "AWS::DynamoDB::Table").values():
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert table["Properties"]["SSESpecification"] == {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": arn("DataKey"),
        }
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_only_tables_of_expiring_records_have_a_time_to_live(production: Resources) -> None:
    tables = properties(production, "AWS::DynamoDB::Table")
    expiring = {
        name: table["TimeToLiveSpecification"] for name, table in tables.items() if "TimeToLiveSpecification" in table
    }
    assert expiring == {name: {"AttributeName": "ttl", "Enabled": True} for name in TABLES_WITH_TTL}


def test_the_outbox_has_a_stream_of_new_rows(production: Resources) -> None:
    assert production["OutboxTable"]["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


# Bucket


@pytest.mark.parametrize("name", ["Bucket", "EvidenceBucket"])
def test_the_bucket_is_private_encrypted_and_retained(production: Resources, name: str) -> None:
    bucket = production[name]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    found = bucket["Properties"]
    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(found["PublicAccessBlockConfiguration"]) == 4
    (rule,) = found["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn("DataKey")}
    assert found["VersioningConfiguration"] == {"Status": "Enabled"}
    assert found["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_evidence_is_locked_against_everybody_for_years(production: Resources, template: dict[str, Any]) -> None:
    bucket = production["EvidenceBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    retention = {"Mode": {"Ref": "EvidenceMode"}, "Years": {"Ref": "EvidenceYears"}}
    rule = {"DefaultRetention": retention}
    assert bucket["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled", "Rule": rule}
    parameters = template["Parameters"]
    assert parameters["EvidenceMode"]["Default"] == "COMPLIANCE"
    assert parameters["EvidenceYears"]["Default"] >= 6
    expiring = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert expiring == []


def test_evidence_is_written_once_and_over_tls(production: Resources) -> None:
    tls, once = production["EvidenceBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (once["Effect"], once["Principal"], once["Action"]) == ("Deny", "*", "s3:PutObject")
    assert once["Resource"] == {"Fn::Sub": "${EvidenceBucket.Arn}/*"}
    assert once["Condition"] == {"Null": {"s3:if-none-match": "true"}}


def test_untrusted_files_expire_after_a_day(production: Resources) -> None:
    rules = production["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (uploads,) = (rule for rule in rules if rule.get("Prefix") == "uploads/")
    assert (uploads["Status"], uploads["ExpirationInDays"]) == ("Enabled", 1)
    (work,) = (rule for rule in rules if rule.get("Prefix") == WORK_PREFIX)
    assert (work["Status"], work["ExpirationInDays"]) == ("Enabled", 1)
    (staged,) = (rule for rule in rules if rule.get("Prefix") == STAGING_PREFIX)
    assert (staged["Status"], staged["ExpirationInDays"]) == ("Enabled", 30)
    (inbound,) = (rule for rule in rules if rule.get("Prefix") == INBOUND_PREFIX)
    assert (inbound["Status"], inbound["ExpirationInDays"]) == ("Enabled", 7)
    assert [rule for rule in rules if "ExpirationInDays" in rule] == [uploads, work, inbound, staged]


def test_the_orphan_age_is_between_an_intake_and_the_expiry_of_staged_copies(production: Resources) -> None:
    longest_intake = timedelta(seconds=production["APIHandler"]["Properties"]["Timeout"])
    assert longest_intake * 100 < ORPHANED_AFTER < timedelta(days=30) / 10


def test_removed_originals_are_retained_for_a_month(production: Resources) -> None:
    for bucket, prefix in (("Bucket", "originals/"), ("EvidenceBucket", "evidence/originals/")):
        rules = production[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
        (originals,) = (rule for rule in rules if rule.get("Prefix") == prefix)
        assert originals["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
        assert "ExpirationInDays" not in originals


def test_a_replaced_npi_registry_is_removed(production: Resources) -> None:
    rules = production["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (registry,) = (rule for rule in rules if rule.get("Prefix") == REGISTRY_PREFIX)
    assert registry["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert "ExpirationInDays" not in registry


def test_no_file_moves_to_a_tier_without_immediate_access(production: Resources) -> None:
    """A signed PDF may be fetched after years, and an archive tier of S3 would return errors for hours."""
    rules = production["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    moves = [
        move
        for rule in rules
        for name in ("Transitions", "NoncurrentVersionTransitions")
        for move in rule.get(name, [])
    ]
    at_once = {"STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "INTELLIGENT_TIERING"}
    assert {move["StorageClass"] for move in moves} <= at_once
    assert "IntelligentTieringConfigurations" not in production["Bucket"]["Properties"]


def test_the_bucket_refuses_plain_http(production: Resources) -> None:
    statement, _ = production["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# Keys, secrets, switches


def test_the_data_key_is_rotated_and_retained(production: Resources) -> None:
    key = production["DataKey"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_services_use_the_data_key_only_for_this_account(production: Resources) -> None:
    """An SNS topic of another account must not make AWS services use this encryption key (the confused deputy
    problem)."""
    for key in ("DataKey", "SealingKey"):
        for statement in production[key]["Properties"]["KeyPolicy"]["Statement"]:
            if "Service" not in statement["Principal"]:
                continue
            ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            assert statement["Condition"] == ours or statement["Sid"] == "Logs"


def test_aws_generates_the_session_secret(production: Resources) -> None:
    secret = production["SessionSecret"]["Properties"]
    assert secret["GenerateSecretString"]["PasswordLength"] >= 43
    assert "SecretString" not in secret
    assert secret["KmsKeyId"] == arn("DataKey")


def test_switches_have_their_defaults_and_are_never_changed_by_the_template(production: Resources) -> None:
    """A switch is a setting in Parameter Store that operators change. An update of the stack must not overwrite it."""
    expected = {
        name: {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": {"Fn::Sub": f"/${{AWS::StackName}}/{parameter}"},
                "Type": "String",
                "Value": value,
                "AllowedPattern": pattern,
                "Description": description,
            },
        }
        for name, parameter, value, pattern, description in SWITCHES
    }
    assert of_type(production, "AWS::SSM::Parameter") == expected
