// Asks the browser for a passkey and sends the response in a form. Removes the forms if the browser has no passkeys.
"use strict";

const FIELDS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function decodeBase64Url(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function encodeBase64Url(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function decodeOptions(options) {
  const decodeCredential = (credential) => ({ ...credential, id: decodeBase64Url(credential.id) });
  const publicKey = { ...options, challenge: decodeBase64Url(options.challenge) };
  if (options.user) publicKey.user = { ...options.user, id: decodeBase64Url(options.user.id) };
  if (options.allowCredentials) publicKey.allowCredentials = options.allowCredentials.map(decodeCredential);
  if (options.excludeCredentials) publicKey.excludeCredentials = options.excludeCredentials.map(decodeCredential);
  return publicKey;
}

function encodeCredential(credential) {
  const response = {};
  for (const name of FIELDS) {
    if (credential.response[name]) response[name] = encodeBase64Url(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: encodeBase64Url(credential.rawId),
    type: credential.type,
    response,
  });
}

async function askForPasskey(form) {
  const publicKey = decodeOptions(JSON.parse(form.dataset.options));
  const credential =
    form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey })
      : navigator.credentials.get({ publicKey });
  form.querySelector("[name=passkey]").value = encodeCredential(await credential);
}

function showError(form, error) {
  const line = form.querySelector("[data-passkey-trouble]");
  line.hidden = false;
  line.textContent =
    error.name === "InvalidStateError"
      ? "This device already has a passkey for your account."
      : "That didn't work or was canceled. Try again or use another method.";
}

// `data-passkey` marks a form that sends only a passkey, or a button in a form with other fields.
function enablePasskey(element) {
  const form = element.tagName === "FORM" ? element : element.form;
  element.hidden = false;
  const start = async (event) => {
    if (form.querySelector("[name=passkey]").value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    form.dataset.passkey = element.dataset.passkey;
    form.dataset.options = element.dataset.options;
    try {
      await askForPasskey(form);
    } catch (error) {
      showError(form, error);
      return;
    }
    form.requestSubmit();
  };
  element.addEventListener(element === form ? "submit" : "click", start, { capture: true });
}

if (window.PublicKeyCredential) {
  for (const element of document.querySelectorAll("[data-passkey]")) enablePasskey(element);
} else {
  for (const element of document.querySelectorAll("[data-passkey]")) element.remove();
}
