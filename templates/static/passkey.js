// Passkeys: asks the browser for one, and sends its answer in a form. Forms stay hidden where there are none.
"use strict";

const FIELDS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (each) => each.charCodeAt(0));
}

function text(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (each) => String.fromCharCode(each)).join("");
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function prepared(options) {
  const listed = (each) => ({ ...each, id: bytes(each.id) });
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) made.allowCredentials = options.allowCredentials.map(listed);
  if (options.excludeCredentials) made.excludeCredentials = options.excludeCredentials.map(listed);
  return made;
}

function answered(credential) {
  const response = {};
  for (const name of FIELDS) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

async function ask(form) {
  const publicKey = prepared(JSON.parse(form.dataset.options));
  const asked =
    form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey })
      : navigator.credentials.get({ publicKey });
  form.querySelector("[name=passkey]").value = answered(await asked);
}

function explain(form, error) {
  const line = form.querySelector("[data-passkey-trouble]");
  line.hidden = false;
  line.textContent =
    error.name === "InvalidStateError"
      ? "This device already has a passkey for your account."
      : "That didn't work or was canceled. Try again or use another method.";
}

// `data-passkey` is on a form that is nothing but the passkey, or on a button within another form.
function watch(place) {
  const form = place.tagName === "FORM" ? place : place.form;
  place.hidden = false;
  const start = async (event) => {
    if (form.querySelector("[name=passkey]").value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    form.dataset.passkey = place.dataset.passkey;
    form.dataset.options = place.dataset.options;
    try {
      await ask(form);
    } catch (error) {
      explain(form, error);
      return;
    }
    form.requestSubmit();
  };
  place.addEventListener(place === form ? "submit" : "click", start, { capture: true });
}

if (window.PublicKeyCredential) {
  for (const place of document.querySelectorAll("[data-passkey]")) watch(place);
} else {
  for (const place of document.querySelectorAll("[data-passkey]")) place.remove();
}
