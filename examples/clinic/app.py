"""The web pages of the sample EMR, as a Flask app."""

from flask import Flask

from examples.clinic import pages_admin, pages_documents, pages_follow_up, pages_send, webhooks
from examples.clinic.office import Office
from examples.clinic.pages_common import set_up_pages
from examples.launch import log_requests

UPLOAD_LIMIT = 26 * 1024 * 1024
"""The portal accepts PDFs up to 25 MB. The EMR accepts more, so that the portal reports the error."""


def create_app(office: Office) -> Flask:
    """Return the Flask app of the sample EMR. `office` does the work behind its pages."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = UPLOAD_LIMIT + 1024 * 1024
    app.config["MAX_FORM_MEMORY_SIZE"] = 1024 * 1024
    app.extensions["office"] = office
    modules = (pages_admin, pages_send, pages_documents, pages_follow_up)
    for pages in (pages_admin.HOME, *(module.PAGES for module in modules)):
        app.register_blueprint(pages)
    app.register_blueprint(webhooks.ENDPOINT)
    log_requests(app)
    set_up_pages(app)
    return app
