"""Test that the packaged template gives every function only the AWS rights that it needs.

The local AWS enforces only part of the policies, so other tests would not notice a wrong right."""

from fnmatch import fnmatch
from typing import Any

import pytest

from chalicelib.adapters import dynamodb_tables as tables
from chalicelib.adapters.dynamodb_rows import faxes_key
from chalicelib.domain.claim_keys import email_claim, stopped_reminders_claim
from chalicelib.services.registry.registry_files import npi_file
from tests.support.import_graph import parsers_of
from tests.support.template_conditions import resolve_conditions

Statement = dict[str, Any]
EVENTS = {"Fn::GetAtt": ["EventsTable", "Arn"]}
CLAIMS = {"Fn::GetAtt": ["ClaimsTable", "Arn"]}
RELEASED_CLAIMS = {"AdminRole": ("email#*",), "ApiHandlerRole": ("email#*", "no-reminders#*")}

# The roles and statements that may use `*`, with the reasons.
EVERYTHING = {
    # An email may go to any address. The condition limits the sender.
    ("DeliveriesRole", "SendEmail")
}
EVIDENCE_WRITERS = {
    *(("ApiHandlerRole", f"{kind}/*") for kind in ("originals", "scans")),
    *(("DocumentsRole", f"{kind}/*") for kind in ("signed", "anchors", "heads")),
    ("DeliveriesRole", "faxes/*"),
}
ROLES = {
    "AdminRole",
    "ApiHandlerRole",
    "DeliveriesRole",
    "DocumentsRole",
    "FollowUpRole",
    "InspectRole",
    "MailFeedbackRole",
    "PdfRole",
    "RelayRole",
}


@pytest.fixture(scope="module")
def policies(production: dict[str, Any]) -> dict[str, list[Statement]]:
    """Return the policy statements in the packaged template: a dict from the name of a function's role to its
    statements."""
    roles = {name: row for name, row in production.items() if row["Type"] == "AWS::IAM::Role"}
    return {
        name: [
            statement for policy in row["Properties"]["Policies"] for statement in policy["PolicyDocument"]["Statement"]
        ]
        for name, row in roles.items()
    }


def actions(statements: list[Statement]) -> set[str]:
    return {action for statement in statements for action in statement["Action"]}


def test_these_are_the_roles(policies: dict[str, list[Statement]]) -> None:
    assert set(policies) == ROLES


def test_only_claims_of_email_addresses_and_of_stopped_reminders_are_released(
    policies: dict[str, list[Statement]],
) -> None:
    """A claim reserves a unique value. Other claims, such as those of sealed files, are never removed.

    Support releases email addresses only. A reader of reminders starts them again on a page."""
    deletes = {
        role: statement
        for role, statements in policies.items()
        for statement in statements
        if "dynamodb:DeleteItem" in statement["Action"] and CLAIMS in statement["Resource"]
    }
    assert all(statement["Resource"] == [CLAIMS] for statement in deletes.values())
    released = {role: row["Condition"]["ForAllValues:StringLike"] for role, row in deletes.items()}
    assert released == {role: {"dynamodb:LeadingKeys": list(keys)} for role, keys in RELEASED_CLAIMS.items()}
    keys = (email_claim("a@example.com"), stopped_reminders_claim("a@example.com"))
    assert all(map(fnmatch, keys, RELEASED_CLAIMS["ApiHandlerRole"]))


def test_only_lambda_may_take_a_role_and_no_managed_policy_is_attached(production: dict[str, Any]) -> None:
    for name in ROLES:
        role = production[name]["Properties"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert "ManagedPolicyArns" not in role


def test_every_action_is_named_in_full(policies: dict[str, list[Statement]]) -> None:
    for statements in policies.values():
        assert not [action for action in actions(statements) if "*" in action]


def test_no_statement_allows_all_resources(policies: dict[str, list[Statement]]) -> None:
    found = {
        (role, statement["Sid"])
        for role, statements in policies.items()
        for statement in statements
        if "*" in statement["Resource"]
    }
    assert found == EVERYTHING


def test_policies_only_allow(policies: dict[str, list[Statement]]) -> None:
    for statements in policies.values():
        assert {statement["Effect"] for statement in statements} == {"Allow"}


def test_every_function_writes_its_own_log_only(
    policies: dict[str, list[Statement]], production: dict[str, Any]
) -> None:
    for row in production.values():
        if row["Type"] != "AWS::Serverless::Function":
            continue
        group = row["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        statements = policies[row["Properties"]["Role"]["Fn::GetAtt"][0]]
        (logs,) = (
            statement for statement in statements if any(name.startswith("logs:") for name in statement["Action"])
        )
        assert logs["Resource"] == [{"Fn::Sub": f"${{{group}.Arn}}"}]


def test_only_functions_without_rights_parse_or_draw(
    policies: dict[str, list[Statement]], production: dict[str, Any]
) -> None:
    """A hostile file that takes over the function which reads it must find no right to sign or to read anything.

    These functions need only the right to write logs, because every call brings links to the few files of its work."""
    functions = [row["Properties"] for row in production.values() if row["Type"] == "AWS::Serverless::Function"]
    roles = {row["Handler"].removeprefix("app."): row["Role"]["Fn::GetAtt"][0] for row in functions}
    assert len(roles) == len(functions)
    parsing = {handler: role for handler, role in roles.items() if parsers_of(handler)}
    assert set(parsing) == {"inspect", "pdf"}
    for role in parsing.values():
        assert actions(policies[role]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    signing = {role for role, rows in policies.items() if "kms:Sign" in actions(rows)}
    reading = {role for role, rows in policies.items() if "s3:GetObject" in actions(rows)}
    assert signing | reading == {"ApiHandlerRole", "DeliveriesRole", "DocumentsRole", "FollowUpRole"}
    assert not (signing | reading) & set(parsing.values())


def test_each_caller_invokes_one_function_without_rights(policies: dict[str, list[Statement]]) -> None:
    """People wait for the function `inspect`, and background jobs use `pdf`, so a burst of jobs does not delay the
    pages."""
    invoked = {
        role: place["Fn::Sub"].rpartition("-")[2]
        for role, statements in policies.items()
        for statement in statements
        if "lambda:InvokeFunction" in statement["Action"]
        for place in statement["Resource"]
    }
    assert invoked == {
        "AdminRole": "inspect",
        "ApiHandlerRole": "inspect",
        "DeliveriesRole": "pdf",
        "DocumentsRole": "pdf",
    }


def test_files_of_unfinished_work_are_read_by_their_own_function_only(policies: dict[str, list[Statement]]) -> None:
    allowed = {
        (role, place["Fn::Sub"].removeprefix("${Bucket.Arn}/"))
        for role, statements in policies.items()
        for statement in statements
        for place in statement["Resource"]
        if "/work/" in str(place)
    }
    assert allowed == {("DocumentsRole", "work/seals/*"), ("DeliveriesRole", "work/faxes/*")}


def test_only_the_sweep_of_the_outbox_and_the_admin_function_scan(policies: dict[str, list[Statement]]) -> None:
    scanners = {
        (role, *map(str, statement["Resource"]))
        for role, statements in policies.items()
        for statement in statements
        if "dynamodb:Scan" in statement["Action"]
    }
    assert scanners == {
        ("FollowUpRole", str({"Fn::GetAtt": ["OutboxTable", "Arn"]})),
        ("AdminRole", str({"Fn::GetAtt": ["PracticesTable", "Arn"]})),
        ("AdminRole", str({"Fn::GetAtt": ["ProvidersTable", "Arn"]})),
    }


def test_nobody_removes_or_rewrites_the_audit_trail(policies: dict[str, list[Statement]]) -> None:
    for statements in policies.values():
        for statement in statements:
            if EVENTS in statement["Resource"]:
                assert set(statement["Action"]) <= {"dynamodb:PutItem", "dynamodb:Query"}


def test_no_event_of_a_document_may_get_an_expiry(policies: dict[str, list[Statement]]) -> None:
    """An attribute `ttl` would make DynamoDB delete an audit event, so the policy limits a write to other attributes.

    The local AWS ignores this limit."""
    appended = {
        role: statement
        for role, statements in policies.items()
        for statement in statements
        if EVENTS in statement["Resource"] and "dynamodb:PutItem" in statement["Action"]
    }
    assert set(appended) == {"ApiHandlerRole", "DeliveriesRole", "DocumentsRole", "FollowUpRole", "MailFeedbackRole"}
    names = ["document_id", "sequence", "record"]
    assert set(names) == set(tables.EventRow.get_attributes())
    for statement in appended.values():
        assert statement["Action"] == ["dynamodb:PutItem"]
        assert statement["Resource"] == [EVENTS]
        assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:Attributes": names}}


def test_nobody_may_change_the_expiry_or_the_backups_of_a_table(policies: dict[str, list[Statement]]) -> None:
    granted = {action for rows in policies.values() for action in actions(rows) if action.startswith("dynamodb:")}
    on_rows = {"GetItem", "BatchGetItem", "PutItem", "DeleteItem", "Query", "Scan"}
    on_streams = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}
    assert granted <= {f"dynamodb:{name}" for name in on_rows | on_streams}


def test_the_admin_function_writes_to_the_trails_of_accounts_and_to_no_documents(
    policies: dict[str, list[Statement]],
) -> None:
    trails = [{"Fn::GetAtt": ["AccountEventsTable", "Arn"]}]
    assert EVENTS not in [place for row in policies["AdminRole"] for place in row["Resource"]]
    (statement,) = (row for row in policies["AdminRole"] if row["Resource"] == trails)
    assert statement["Action"] == ["dynamodb:PutItem"]


def test_the_deliveries_function_lists_documents_for_its_jobs_only(policies: dict[str, list[Statement]]) -> None:
    """The deliveries function reads three lists, and needs no other list.

    Setup links and document moves need the two lists of a provider. A fax number that its recipient reports as wrong
    needs the documents of a practice that wait."""
    listed = {
        str(place)
        for statement in policies["DeliveriesRole"]
        if "dynamodb:Query" in statement["Action"]
        for place in statement["Resource"]
        if "DocumentsTable" in str(place)
    }
    indexes = ("provider_pending", "provider_past", "practice_unsigned")
    assert listed == {str({"Fn::Sub": f"${{DocumentsTable.Arn}}/index/{index}"}) for index in indexes}


def test_the_deliveries_function_reads_received_faxes_and_no_audit_trail(policies: dict[str, list[Statement]]) -> None:
    """A fax that another run of the job may have stored is looked up in the events table, which also has the trails."""
    (statement,) = (
        row for row in policies["DeliveriesRole"] if EVENTS in row["Resource"] and "dynamodb:Query" in row["Action"]
    )
    assert statement["Action"] == ["dynamodb:Query"]
    assert statement["Resource"] == [EVENTS]
    (pattern,) = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert fnmatch(faxes_key("prc_1"), pattern)
    assert not fnmatch("doc_1", pattern)


def test_only_the_deliveries_function_sends_email(policies: dict[str, list[Statement]]) -> None:
    senders = {role for role, statements in policies.items() if "ses:SendRawEmail" in actions(statements)}
    assert senders == {"DeliveriesRole"}
    (statement,) = (row for row in policies["DeliveriesRole"] if row["Sid"] == "SendEmail")
    assert statement["Condition"] == {"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailFrom"}}}


SECRETS = "${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}"


def test_only_the_web_function_reads_the_session_secret(policies: dict[str, list[Statement]]) -> None:
    readable = {
        role: [place for row in rows if "secretsmanager:GetSecretValue" in row["Action"] for place in row["Resource"]]
        for role, rows in policies.items()
    }
    carrier = {"Fn::Sub": f"arn:{SECRETS}:secret:${{FaxCarrierSecret}}-*"}
    assert readable.pop("DeliveriesRole") == [carrier], "the API key of the fax carrier"
    assert {role for role, places in readable.items() if places} == {"ApiHandlerRole"}


def test_only_the_admin_function_rotates_the_session_secret_and_it_cannot_read_it(
    policies: dict[str, list[Statement]],
) -> None:
    writers = {role for role, rows in policies.items() if "secretsmanager:PutSecretValue" in actions(rows)}
    assert writers == {"AdminRole"}
    granted = {action for action in actions(policies["AdminRole"]) if action.startswith("secretsmanager:")}
    assert granted == {"secretsmanager:ListSecretVersionIds", "secretsmanager:PutSecretValue"}


def test_the_web_function_sets_only_electronic_signature(policies: dict[str, list[Statement]]) -> None:
    """The web function serves EMRs. A stolen key of an EMR must not switch off a practice's required second factor."""
    written = {
        place["Fn::Sub"].partition("parameter/")[2]
        for statement in policies["ApiHandlerRole"]
        if {"ssm:PutParameter", "ssm:DeleteParameters"} & set(statement["Action"])
        for place in statement["Resource"]
    }
    assert written == {"${AWS::StackName}/practices/*/electronic-signature"}


def test_only_the_sweep_removes_originals_and_nobody_removes_versions(policies: dict[str, list[Statement]]) -> None:
    """The bucket keeps old versions of files, so a file that the sweep (a job of every minute) deletes can be
    restored."""
    removable = {
        (role, place["Fn::Sub"].removeprefix("${Bucket.Arn}/"))
        for role, statements in policies.items()
        for statement in statements
        if "s3:DeleteObject" in statement["Action"]
        for place in statement["Resource"]
    }
    originals = {"originals/*", "${EvidenceBucket.Arn}/evidence/originals/*"}
    removed_after_use = {place for _, place in removable if place not in originals}
    assert removed_after_use == {"uploads/*", "intake/*", "work/faxes/*"}
    assert {pair for pair in removable if pair[1] in originals} == {("FollowUpRole", place) for place in originals}
    erasing = [
        (role, statement["Resource"])
        for role, statements in policies.items()
        for statement in statements
        if "s3:DeleteObjectVersion" in statement["Action"]
    ]
    assert erasing == [("ApiHandlerRole", [{"Fn::Sub": "${Bucket.Arn}/uploads/verify/*"}])]


def test_no_role_writes_evidence_of_another_kind_or_ends_a_lock(policies: dict[str, list[Statement]]) -> None:
    """The bucket with Object Lock denies a write that could replace an object, so these roles can only add objects."""
    writers = {
        (role, place["Fn::Sub"].removeprefix("${EvidenceBucket.Arn}/evidence/"))
        for role, statements in policies.items()
        for statement in statements
        if "s3:PutObject" in statement["Action"]
        for place in statement["Resource"]
        if "EvidenceBucket" in str(place)
    }
    assert writers == EVIDENCE_WRITERS
    granted = {action for rows in policies.values() for action in actions(rows) if action.startswith("s3:")}
    on_objects = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}
    assert granted == on_objects | {"s3:ListBucket", "s3:ListBucketVersions"}


def test_only_the_web_function_reads_the_npi_registry_and_none_writes_it(policies: dict[str, list[Statement]]) -> None:
    """Every file must also be outside of the patterns of other statements, so the test matches the key itself."""
    key = npi_file("1234567893")
    allowed = {
        (role, action)
        for role, statements in policies.items()
        for statement in statements
        for action in statement["Action"]
        if action.startswith("s3:")
        for place in statement["Resource"]
        if "Fn::Sub" in place and fnmatch(f"${{Bucket.Arn}}/{key}", place["Fn::Sub"])
    }
    assert allowed == {("ApiHandlerRole", "s3:GetObject")}


def test_only_staged_files_checked_files_and_anchors_are_listed(policies: dict[str, list[Statement]]) -> None:
    """Only three lists of keys are needed, so no role may list other files of the buckets.

    The sweep lists the temporary copies of incoming PDFs. The web function lists the versions of an upload at
    `/verify`. For a proof of transmission, it lists a document's anchors (copies of audit-trail hashes). The
    function that seals the proof does this too."""
    listers = {
        (role, tuple(statement["Action"]), statement["Condition"]["StringLike"]["s3:prefix"])
        for role, statements in policies.items()
        for statement in statements
        if any(action.startswith("s3:List") for action in statement["Action"])
    }
    assert listers == {
        ("FollowUpRole", ("s3:ListBucket",), "intake/*"),
        ("ApiHandlerRole", ("s3:ListBucketVersions",), "uploads/verify/*"),
        ("ApiHandlerRole", ("s3:ListBucketVersions",), "evidence/heads/*"),
        ("DocumentsRole", ("s3:ListBucketVersions",), "evidence/heads/*"),
    }


def test_the_local_aws_is_given_no_more_than_it_needs(template: dict[str, Any]) -> None:
    local = resolve_conditions(template["Resources"], local=True)
    wide = {
        action
        for row in local.values()
        if row["Type"] == "AWS::IAM::Role"
        for statement in row["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        if "*" in statement["Resource"]
        for action in statement["Action"]
    }
    assert wide == {"ses:SendRawEmail", "ssm:GetParameters", "ssm:DeleteParameters"}
