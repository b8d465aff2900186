"""The handlers of the account page's forms by which a provider invites and removes assistants."""

from chalice.app import Response

from chalicelib.web.http.request_context import RequestContext
from chalicelib.web.pages.account_settings import change_account


def invite(context: RequestContext) -> Response:
    """Invite the assistant of the form. The response reveals nothing about accounts at the typed address."""
    name, email = context.form.get("assistant_name", ""), context.form.get("assistant_email", "")
    assistants = context.services.assistant_list
    return change_account(context, lambda owner: assistants.invite(owner, name, email), "assistant-invited")


def resend(context: RequestContext) -> Response:
    assistant_id, assistants = context.form.get("id", ""), context.services.assistant_list
    return change_account(context, lambda owner: assistants.resend(owner, assistant_id), "assistant-invited")


def remove(context: RequestContext) -> Response:
    assistant_id, assistants = context.form.get("id", ""), context.services.assistant_list
    return change_account(context, lambda owner: assistants.remove(owner, assistant_id), "assistant-removed")
