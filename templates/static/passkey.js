// Asks the browser for a passkey and sends the response in a form. Removes the forms if the browser has no passkeys.
"use strict";

const FIELDS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
const MILLISECONDS_TO_SEND = 30_000;

// The request for a passkey in the browser's autofill waits until the person chooses one. Only one request may wait.
let autofill = null;

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
  autofill?.abort();
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

// True if the fields beside the password are filled in. The browser points to the first one that is not.
function isReady(form) {
  const others = Array.from(form.elements).filter((field) => field.type !== "password");
  return others.every((field) => form.noValidate || field.reportValidity());
}

// `data-passkey` marks a form that sends only a passkey, or a button in a form with other fields.
function enablePasskey(element) {
  const form = element.tagName === "FORM" ? element : element.form;
  element.hidden = false;
  const start = async (event) => {
    if (form.querySelector("[name=passkey]").value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!isReady(form)) return;
    form.dataset.passkey = element.dataset.passkey;
    form.dataset.options = element.dataset.options;
    try {
      await askForPasskey(form);
    } catch (error) {
      showError(form, error);
      offerInAutofill();
      return;
    }
    // The passkey replaces the password, which the browser would otherwise require.
    form.noValidate = true;
    form.requestSubmit();
  };
  element.addEventListener(element === form ? "submit" : "click", start, { capture: true });
}

// The browser shows passkeys beside the saved usernames of the field with `autocomplete="username webauthn"`.
async function offerInAutofill() {
  const form = document.querySelector("form[data-in-autofill]");
  if (!form || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const options = JSON.parse(form.dataset.options);
  autofill = new AbortController();
  const { signal } = autofill;
  // The portal refuses an old challenge.
  setTimeout(() => autofill.abort(), options.timeout - MILLISECONDS_TO_SEND);
  try {
    const request = { publicKey: decodeOptions(options), mediation: "conditional", signal };
    form.querySelector("[name=passkey]").value = encodeCredential(await navigator.credentials.get(request));
  } catch {
    return;
  }
  form.requestSubmit();
}

// On a setup page, the passkey comes first if this device can make one, and the password becomes the second choice.
async function offerFirst(choice) {
  if (!(await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable())) return;
  choice.hidden = false;
  const submit = choice.closest("form").querySelector("button[type=submit]");
  submit.classList.replace("button--primary", "button--secondary");
}

// True if this browser can have passkeys of its own. A browser without them may still use a security key.
async function mayHavePasskeys() {
  const answers = await Promise.all([
    PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable(),
    PublicKeyCredential.isConditionalMediationAvailable?.(),
  ]);
  return answers.some(Boolean);
}

// `data-offer` is "in-autofill" if the account of a known browser has no passkey: the page then has no button.
async function enablePasskeys() {
  const isPossible = await mayHavePasskeys();
  for (const element of document.querySelectorAll("[data-passkey]")) {
    const { offer = "always" } = element.dataset;
    if (offer === "always" || (offer === "if-possible" && isPossible)) enablePasskey(element);
    else if (!isPossible) element.remove();
  }
  for (const choice of document.querySelectorAll("[data-passkey-choice]")) offerFirst(choice);
  offerInAutofill();
}

if (window.PublicKeyCredential) {
  enablePasskeys();
} else {
  for (const element of document.querySelectorAll("[data-passkey]")) element.remove();
}
