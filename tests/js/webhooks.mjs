// Sign or verify the event on standard input with the official library, for test_standard_webhooks.py.
import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const request = JSON.parse(readFileSync(0, "utf8"));
const webhook = new Webhook(request.secret);

function verify() {
  try {
    return { event: webhook.verify(request.body, request.headers) };
  } catch (error) {
    if (error instanceof WebhookVerificationError) return { refused: error.message };
    throw error;
  }
}

function sign() {
  return { signature: webhook.sign(request.id, new Date(request.seconds * 1000), request.body) };
}

process.stdout.write(JSON.stringify(request.headers ? verify() : sign()));
