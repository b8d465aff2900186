// The page for a code: fills in the code of a fax's QR code, and removes the code from the address.
"use strict";

const code = window.location.hash.slice(1);
const field = document.getElementById("code");
if (/^[A-Z0-9]{12}$/.test(code) && !field.value) {
  field.value = code.replace(/(.{4})(?=.)/g, "$1-");
  const open = field.form.querySelector("button[type=submit]");
  open.classList.replace("button--secondary", "button--primary");
  document.body.dataset.codeFilled = "";
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
}
