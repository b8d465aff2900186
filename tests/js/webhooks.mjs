// Signs or verifies with the official library what stands on standard input, for test_standard_webhooks.py.
import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const asked = JSON.parse(readFileSync(0, "utf8"));
const webhook = new Webhook(asked.secret);

function verified() {
  try {
    return { event: webhook.verify(asked.body, asked.headers) };
  } catch (error) {
    if (error instanceof WebhookVerificationError) return { refused: error.message };
    throw error;
  }
}

function signed() {
  return { signature: webhook.sign(asked.id, new Date(asked.seconds * 1000), asked.body) };
}

process.stdout.write(JSON.stringify(asked.headers ? verified() : signed()));
