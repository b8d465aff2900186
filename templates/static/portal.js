// Enhancements of every page; each works without them.
"use strict";

function showPasswords() {
  for (const button of document.querySelectorAll("[data-shows]")) {
    const input = document.getElementById(button.dataset.shows);
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
      input.focus();
    });
    input.form.addEventListener("submit", () => { input.type = "password"; });
  }
}

function countAsTyped() {
  for (const input of document.querySelectorAll("[data-least]")) {
    const line = document.getElementById(`${input.id}-count`);
    const least = Number(input.dataset.least);
    const count = () => {
      const typed = Array.from(input.value).length;
      line.hidden = typed === 0;
      line.classList.toggle("field__count--enough", typed >= least);
      line.textContent = typed < least
        ? `${least - typed} more ${least - typed === 1 ? "character" : "characters"}`
        : "Long enough";
    };
    input.addEventListener("input", count);
    count();
  }
}

// A second tap on a slow network must not send a form twice.
function sendOnce() {
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      for (const button of form.querySelectorAll("button[type=submit]")) {
        button.setAttribute("aria-disabled", "true");
      }
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    }
  });
}

function announceTrouble() {
  const wrong = document.querySelector("[aria-invalid=true]");
  if (wrong && !document.querySelector("[autofocus]")) wrong.focus();
}

showPasswords();
countAsTyped();
sendOnce();
announceTrouble();
