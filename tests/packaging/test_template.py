"""Test the packaged template for properties that the local AWS ignores or cannot check."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chalicelib.adapters.aws_clients import Clients
from chalicelib.services.delivery import carrier_faxes, recipient_rations, settlement, webhooks
from chalicelib.services.pdf_requests import LINK_SECONDS
from chalicelib.services.registry import npi_registry
from chalicelib.services.returned_faxes.fax_mail_reception import INBOUND_PREFIX
from chalicelib.services.scheduling.scheduled_sweep import SEAL_WITHIN
from chalicelib.web.http.credential_throttle import METRIC, SERVICE
from infrastructure.generate_guide import GUIDE
from infrastructure.package import TEMPLATE
from infrastructure.repository import ROOT
from tests.support.template_conditions import conditional_paths
from tests.support.template_resources import Resources, arn, of_type, properties

# Every difference between AWS and the local AWS, with the reason.
SWITCHED = {
    # A local EMR listens on this machine; on AWS the portal connects to public addresses only.
    "Globals.Function.Environment.Variables.ALLOW_LOOPBACK_ENDPOINTS",
    # The emulator speaks plain HTTP.
    "Resources.BucketPolicy",
    "Resources.EvidenceBucketPolicy",
    # The emulator does not read gateway responses in an API's definition.
    "Resources.Refused4xx",
    "Resources.Refused5xx",
    "Resources.RefusedThrottled",
    "Resources.RefusedTooLarge",
    "Resources.RefusedUnknown",
    # The emulator makes no metrics from logs.
    "Resources.EndpointsOff",
    "Resources.RationedMessages",
    "Resources.FaxCarrierRefusals",
    "Resources.SilentFaxCarrier",
    "Resources.FaxesToNoPractice",
    "Resources.FaxesSent",
    "Resources.FaxesConfirmed",
    "Resources.FaxesFailed",
    "Resources.MinutesToTransmission",
    "Resources.RegistryNotRead",
    "Resources.SealCertificateDays",
    # The emulator treats SendMessageBatch as a separate action.
    "Resources.DeliveriesRole.Properties.Policies.PolicyDocument.Statement.Action",
    "Resources.FollowUpRole.Properties.Policies.PolicyDocument.Statement.Action",
    "Resources.MailFeedbackRole.Properties.Policies.PolicyDocument.Statement.Action",
    "Resources.RelayRole.Properties.Policies.PolicyDocument.Statement.Action",
    # The emulator matches calls that name several SSM parameters only with `*`.
    "Resources.AdminRole.Properties.Policies.PolicyDocument.Statement.Resource",
    "Resources.ApiHandlerRole.Properties.Policies.PolicyDocument.Statement.Resource",
    "Resources.DeliveriesRole.Properties.Policies.PolicyDocument.Statement.Resource",
    "Resources.FollowUpRole.Properties.Policies.PolicyDocument.Statement.Resource",
}
QUEUES_WITH_WORKERS = {"DocumentJobs": "Documents", "DeliveryJobs": "Deliveries"}
OPERATIONS = ROOT / "docs" / "operations.md"
PROBLEM_JSON = "'application/problem+json'"


def test_cfn_lint_finds_nothing(package_folder: Path) -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    answer = subprocess.run([linter, package_folder / TEMPLATE], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_only_properties_that_the_emulator_rejects_are_conditional(template: dict[str, Any]) -> None:
    places = conditional_paths({name: template[name] for name in template if name != "Conditions"})
    assert {".".join(place) for place in places} == SWITCHED


def test_the_template_is_for_aws_by_default(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Local"]["Default"] == "false"


# Functions


def test_every_function_has_a_role_of_its_own(production: Resources) -> None:
    functions = properties(production, "AWS::Serverless::Function")
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    assert len(set(roles)) == len(functions)
    assert {production[role]["Type"] for role in roles} == {"AWS::IAM::Role"}


def test_every_function_has_a_timeout_and_a_memory_size(production: Resources) -> None:
    for function in properties(production, "AWS::Serverless::Function").values():
        assert 1 <= function["Timeout"] <= 900
        assert function["MemorySize"] >= 512


def test_the_api_times_out_before_the_gateway(production: Resources) -> None:
    assert production["APIHandler"]["Properties"]["Timeout"] < 29
    assert production["APIHandler"]["Properties"]["MemorySize"] >= 1024


def test_the_pdf_function_has_a_whole_processor(production: Resources) -> None:
    """Lambda gives a whole processor with 1,769 MB. With less memory, the largest file would nearly time out."""
    assert production["Pdf"]["Properties"]["MemorySize"] >= 1769


def test_a_caller_outlives_the_function_without_rights(production: Resources) -> None:
    """A caller must wait longer than the function `pdf` may run, to hear of its failure.

    Otherwise the caller would end first, and its job would wait until the queue's timeout."""
    limits = {name: production[name]["Properties"]["Timeout"] for name in ("APIHandler", "Inspect", "Documents", "Pdf")}
    assert limits["Inspect"] < limits["APIHandler"]
    waiting = Clients(make=lambda _service, config: config).slow_functions.read_timeout
    assert limits["Pdf"] < waiting < limits["Documents"]
    assert limits["Pdf"] < LINK_SECONDS


def test_every_function_logs_to_a_retained_encrypted_group(production: Resources) -> None:
    for function in properties(production, "AWS::Serverless::Function").values():
        group = production[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Type"] == "AWS::Logs::LogGroup"
        assert group["Properties"] == {"RetentionInDays": 365, "KmsKeyId": arn("DataKey")}
        assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_no_secret_is_in_a_functions_environment(template: dict[str, Any]) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["SESSION_SECRET"] == {"Fn::GetAtt": ["SessionSecret", "Id"]}
    secret = [name for name in variables if name.endswith(("KEY", "PASSWORD", "TOKEN"))]
    assert secret == ["FAX_CARRIER_PUBLIC_KEY"]


# Event sources


def event(resources: Resources, function: str, name: str) -> Resources:
    found: Resources = resources[function]["Properties"]["Events"][name]["Properties"]
    return found


def test_a_poisoned_outbox_record_does_not_block_the_stream(production: Resources) -> None:
    assert event(production, "Relay", "RelayDynamodbEventSource") == {
        "Stream": {"Fn::GetAtt": ["OutboxTable", "StreamArn"]},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 25,
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRetryAttempts": 10,
        "BisectBatchOnFunctionError": True,
        "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": arn("RelayFailures")}},
    }


@pytest.mark.parametrize(("queue", "function"), QUEUES_WITH_WORKERS.items())
def test_only_the_failed_jobs_of_a_batch_are_repeated(production: Resources, queue: str, function: str) -> None:
    source = event(production, function, f"{function}SqsEventSource")
    assert source["Queue"] == arn(queue)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == 1


@pytest.mark.parametrize(("queue", "function"), QUEUES_WITH_WORKERS.items())
def test_a_job_stays_hidden_for_as_long_as_lambda_asks(production: Resources, queue: str, function: str) -> None:
    """AWS recommends that SQS hides a received message for six times the function's timeout.

    A throttled poller of Lambda holds messages for a while before it runs them."""
    hidden = production[queue]["Properties"]["VisibilityTimeout"]
    assert hidden == 6 * production[function]["Properties"]["Timeout"]


def test_a_lost_seal_job_is_retried_before_the_seal_is_late(production: Resources) -> None:
    hidden = timedelta(seconds=production["DocumentJobs"]["Properties"]["VisibilityTimeout"])
    assert hidden < SEAL_WITHIN


def test_queues_leave_the_pages_their_share_of_lambda(production: Resources) -> None:
    most = {
        function: event(production, function, f"{function}SqsEventSource")["ScalingConfig"]
        for function in QUEUES_WITH_WORKERS.values()
    }
    assert most == {"Documents": {"MaximumConcurrency": 5}, "Deliveries": {"MaximumConcurrency": 10}}
    assert "5 of the documents function and 10 of the deliveries function" in OPERATIONS.read_text()


def test_the_sweeps_run_each_minute(production: Resources) -> None:
    (source,) = production["FollowUp"]["Properties"]["Events"].values()
    assert source == {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}


# Queues and topics


def test_jobs_that_keep_failing_end_in_dead_letters(production: Resources) -> None:
    for queue in QUEUES_WITH_WORKERS:
        assert production[queue]["Properties"]["RedrivePolicy"] == {
            "deadLetterTargetArn": arn(f"{queue}DeadLetters"),
            "maxReceiveCount": 5,
        }


def test_every_queue_of_failures_has_an_alarm(production: Resources) -> None:
    queues = properties(production, "AWS::SQS::Queue")
    endings = {name for name in queues if name not in QUEUES_WITH_WORKERS}
    alarms = [
        alarm
        for alarm in properties(production, "AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    ]
    watched = {alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for alarm in alarms}
    assert watched == endings
    assert all((alarm["Threshold"], alarm["Statistic"]) == (0, "Maximum") for alarm in alarms)


def test_every_alarm_notifies_a_topic(production: Resources) -> None:
    alarms = properties(production, "AWS::CloudWatch::Alarm")
    assert all(alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}] for alarm in alarms.values())
    silence = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] != "notBreaching"}
    assert silence == {"SweepMissingAlarm"}


def test_every_alarm_is_explained_and_no_other(production: Resources) -> None:
    alarms = {name.removesuffix("Alarm") for name in of_type(production, "AWS::CloudWatch::Alarm")}
    _, table = OPERATIONS.read_text().split("| alarm | what happened | what to do |\n")
    explained = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert explained == {name for name in alarms if not name.endswith("Errors")}
    assert "| `…Errors` of a function |" in table


def test_a_fax_to_no_practice_raises_an_alarm(production: Resources) -> None:
    counted = production["FaxesToNoPractice"]["Properties"]
    alarm = production["FaxesToNoPracticeAlarm"]["Properties"]
    assert counted["FilterPattern"] == '{ $.message = "fax to a number of no practice" }'
    assert counted["LogGroupName"] == {"Ref": "DeliveriesLog"}
    assert counted["MetricTransformations"][0]["MetricName"] == alarm["MetricName"]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


def test_a_sweep_that_does_not_run_raises_an_alarm(production: Resources) -> None:
    alarm = production["SweepMissingAlarm"]["Properties"]
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "FollowUp"}}]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Invocations")
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Sum", "LessThanThreshold")
    assert (alarm["Threshold"], alarm["Period"], alarm["TreatMissingData"]) == (1, 300, "breaching")


def test_failed_requests_raise_an_alarm_of_this_stack_only(production: Resources) -> None:
    """API Gateway counts failed requests by the API's name, so two stacks must not share a name."""
    api, alarm = production["RestAPI"]["Properties"], production["UnansweredAlarm"]["Properties"]
    name = {"Ref": "AWS::StackName"}
    assert api["Name"] == api["DefinitionBody"]["info"]["title"] == name
    stage = {"Name": "Stage", "Value": {"Ref": "RestAPI.Stage"}}
    assert alarm["Dimensions"] == [{"Name": "ApiName", "Value": name}, stage]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApiGateway", "5XXError")
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 300, 5)


def test_throttled_functions_raise_an_alarm(production: Resources) -> None:
    alarm = production["ThrottlesAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Throttles")
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)
    assert "Dimensions" not in alarm


def test_many_wrong_passwords_raise_an_alarm(production: Resources, template: dict[str, Any]) -> None:
    alarm = production["RefusedCredentialsAlarm"]["Properties"]
    assert alarm["MetricName"] == METRIC
    assert alarm["Dimensions"] == [{"Name": "service", "Value": SERVICE}]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert alarm["Namespace"] == variables["STAGE"]
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 300, 100)


def test_queues_and_topics_are_encrypted(production: Resources) -> None:
    for type_ in ("AWS::SQS::Queue", "AWS::SNS::Topic"):
        assert all(row["KmsMasterKeyId"] == arn("DataKey") for row in properties(production, type_).values())


def test_queues_retain_jobs_for_the_maximum_time(production: Resources) -> None:
    for queue in properties(production, "AWS::SQS::Queue").values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


# Mail


def test_an_existing_email_identity_is_not_created_again(template: dict[str, Any]) -> None:
    assert template["Parameters"]["OwnMailIdentity"]["Default"] == "false"
    needed = {"Fn::Equals": [{"Ref": "OwnMailIdentity"}, "false"]}
    assert template["Conditions"]["NeedsMailIdentity"] == needed
    assert template["Resources"]["MailIdentity"]["Condition"] == "NeedsMailIdentity"


# Faxes by email


def test_an_installation_receives_no_emails_by_default(template: dict[str, Any]) -> None:
    assert template["Parameters"]["FaxMailDomain"]["Default"] == ""
    has_domain = {"Fn::Not": [{"Fn::Equals": [{"Ref": "FaxMailDomain"}, ""]}]}
    assert template["Conditions"]["ReceivesFaxMail"] == {"Fn::And": [{"Condition": "IsAws"}, has_domain]}
    for name in ("FaxMailIdentity", "FaxMailRuleSet", "FaxMailRule"):
        assert template["Resources"][name]["Condition"] == "ReceivesFaxMail"


def test_ses_checks_an_email_stores_it_and_then_reports_it(production: Resources) -> None:
    rule = production["FaxMailRule"]
    assert rule["DependsOn"] == ["BucketPolicy", "MailFeedbackTopicPolicy"]
    facts = rule["Properties"]["Rule"]
    assert (facts["Enabled"], facts["ScanEnabled"], facts["TlsPolicy"]) == (True, True, "Require")
    assert facts["Recipients"] == [{"Ref": "FaxMailDomain"}]
    action = {"BucketName": {"Ref": "Bucket"}, "ObjectKeyPrefix": INBOUND_PREFIX}
    assert facts["Actions"] == [{"S3Action": action | {"TopicArn": {"Ref": "MailFeedbackTopic"}}}]


def test_ses_may_only_add_emails_of_the_own_rule_to_the_bucket(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    _, switched = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    condition, statement, otherwise = switched["Fn::If"]
    assert (condition, otherwise) == ("ReceivesFaxMail", {"Ref": "AWS::NoValue"})
    assert (statement["Effect"], statement["Principal"]) == ("Allow", {"Service": "ses.amazonaws.com"})
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"] == {"Fn::Sub": f"${{Bucket.Arn}}/{INBOUND_PREFIX}*"}
    rule = resources["FaxMailRule"]["Properties"]["Rule"]["Name"]
    own = (
        "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
        f":receipt-rule-set/${{AWS::StackName}}:receipt-rule/{rule}"
    )
    assert resources["FaxMailRuleSet"]["Properties"]["RuleSetName"] == {"Ref": "AWS::StackName"}
    expected = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": {"Fn::Sub": own}}
    assert statement["Condition"] == {"StringEquals": expected}


# API Gateway


def test_the_target_for_dns_is_an_output(template: dict[str, Any]) -> None:
    domain_name = {"Fn::GetAtt": ["PortalDomainName", "RegionalDomainName"]}
    assert template["Outputs"]["RegionalDomainName"] == {"Value": domain_name}


def test_the_portal_is_regional_with_modern_tls(production: Resources) -> None:
    assert production["RestAPI"]["Properties"]["EndpointConfiguration"] == "REGIONAL"
    domain = production["PortalDomainName"]["Properties"]
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert domain["SecurityPolicy"] == "TLS_1_2"


def test_only_the_portals_host_name_reaches_the_api(production: Resources) -> None:
    assert production["RestAPI"]["Properties"]["DisableExecuteApiEndpoint"] is True


def test_every_method_has_its_own_throttle_with_retry_after(production: Resources) -> None:
    api = production["RestAPI"]["Properties"]
    (limit,) = api["MethodSettings"]
    assert (limit["ResourcePath"], limit["HttpMethod"]) == ("/*", "*")
    # One client must not use up the whole limit and turn all other clients away.
    assert (limit["ThrottlingRateLimit"], limit["ThrottlingBurstLimit"]) == (1000, 2000)
    assert f"{limit['ThrottlingRateLimit']:,} requests a second" in GUIDE.read_text()
    assert f"bursts of {limit['ThrottlingBurstLimit']:,}, from all practices together" in GUIDE.read_text()
    throttled = api["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]["THROTTLED"]
    assert throttled["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"


def test_an_unknown_path_reaches_the_function_by_get_only(production: Resources) -> None:
    paths = production["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    greedy = paths["/{proxy+}"]
    assert set(greedy) == {"get"}
    assert greedy["get"]["parameters"] == [{"name": "proxy", "in": "path", "required": True, "type": "string"}]
    assert greedy["get"]["x-amazon-apigateway-integration"]["type"] == "aws_proxy"


@pytest.mark.parametrize(
    ("metric", "alarm_name", "module", "message"),
    [
        ("EndpointsOff", "EndpointOffAlarm", webhooks, "endpoint switched off"),
        ("RationedMessages", "RationedMessagesAlarm", recipient_rations, "recipient rationed"),
        ("SilentFaxCarrier", "SilentFaxCarrierAlarm", carrier_faxes, "fax carrier silent"),
        ("FaxCarrierRefusals", "FaxCarrierRefusalsAlarm", carrier_faxes, "fax carrier refuses"),
    ],
)
def test_a_line_in_the_log_of_deliveries_raises_an_alarm(
    production: Resources, metric: str, alarm_name: str, module: ModuleType, message: str
) -> None:
    counted = production[metric]["Properties"]
    assert counted["FilterPattern"] == f'{{ $.message = "{message}" }}'
    assert f'logger.warning("{message}"' in Path(str(module.__file__)).read_text()
    (made,) = counted["MetricTransformations"]
    alarm = production[alarm_name]["Properties"]
    assert (alarm["MetricName"], alarm["Namespace"]) == (made["MetricName"], made["MetricNamespace"])


@pytest.mark.parametrize(
    ("metric", "module", "message", "value"),
    [
        ("FaxesSent", carrier_faxes, "fax sent", "1"),
        ("FaxesConfirmed", settlement, "fax confirmed", "1"),
        ("MinutesToTransmission", settlement, "fax confirmed", "$.minutes"),
        ("FaxesFailed", settlement, "fax failed", "1"),
    ],
)
def test_a_line_in_the_log_of_deliveries_counts_a_fax(
    production: Resources, metric: str, module: ModuleType, message: str, value: str
) -> None:
    counted = production[metric]["Properties"]
    assert counted["FilterPattern"] == f'{{ $.message = "{message}" }}'
    assert f'"{message}"' in Path(str(module.__file__)).read_text()
    (made,) = counted["MetricTransformations"]
    assert (made["MetricName"], made["MetricValue"]) == (metric, value)
    assert made.get("Dimensions") == ([{"Key": "Reason", "Value": "$.reason"}] if metric == "FaxesFailed" else None)


def test_a_check_without_the_npi_registry_is_counted(production: Resources) -> None:
    counted = production["RegistryNotRead"]["Properties"]
    assert counted["LogGroupName"] == {"Ref": "APIHandlerLog"}
    assert counted["FilterPattern"] == '{ $.message = "registry not read" }'
    source = Path(str(npi_registry.__file__)).read_text()
    assert source.count('("registry not read"') == 2
    (made,) = counted["MetricTransformations"]
    assert (made["MetricName"], made["MetricValue"]) == ("RegistryNotRead", "1")


def test_many_faxes_in_a_day_raise_an_alarm(production: Resources) -> None:
    alarm = production["FaxSpendingAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == ("FaxesSent", "Sum", 86400)
    assert alarm["Threshold"] == {"Ref": "FaxesPerDay"}


def test_the_gateways_own_errors_are_problem_json(production: Resources, template: dict[str, Any]) -> None:
    body = production["RestAPI"]["Properties"]["DefinitionBody"]
    responses = body["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "REQUEST_TOO_LARGE", "THROTTLED"} <= set(responses)
    for response in responses.values():
        assert response["responseParameters"]["gatewayresponse.header.Content-Type"] == PROBLEM_JSON
    found = properties(template["Resources"], "AWS::ApiGateway::GatewayResponse").values()
    local = {item["ResponseType"]: item["ResponseTemplates"] for item in found}
    assert local == {kind: response["responseTemplates"] for kind, response in responses.items()}
