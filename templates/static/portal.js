// Enhancements that every page uses. Every page also works without them.
"use strict";

function offerToShowPasswords() {
  for (const button of document.querySelectorAll("[data-toggles-password]")) {
    const input = document.getElementById(button.dataset.togglesPassword);
    button.hidden = false;
    button.addEventListener("click", () => {
      const show = input.type === "password";
      input.type = show ? "text" : "password";
      button.textContent = show ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(show));
      input.focus();
    });
    input.form.addEventListener("submit", () => {
      input.type = "password";
    });
  }
}

// Estimates the strength of a password as it is typed: returns a level from 1 to 3 and its description. The portal
// decides in the end, since only the portal knows the common passwords.
function estimateStrength(typed, minLength, personalWords) {
  const characters = Array.from(typed.toLowerCase());
  if (characters.length < minLength) {
    const missing = minLength - characters.length;
    return [1, `${missing} more ${missing === 1 ? "character" : "characters"}`];
  }
  const letters = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const words = personalWords.split(/\s+|[^\p{L}\p{N}]+/u).filter((word) => word.length > 2);
  const left = words.reduce((rest, word) => rest.replaceAll(letters(word), ""), letters(typed));
  if (left.length <= minLength / 2) return [1, "Too similar to your name or email"];
  const steps = characters.filter(
    (character, index) => index === 0 || Math.abs(character.codePointAt(0) - characters[index - 1].codePointAt(0)) > 1,
  ).length;
  if (new Set(characters).size < 5 || steps < minLength * 0.7 || /^(.{1,12}?)\1+.{0,5}$/u.test(typed)) {
    return [1, "This pattern is easy to guess"];
  }
  return steps >= minLength + 5 ? [3, "Strong"] : [2, "Long enough"];
}

function showStrengthAsTyped() {
  for (const input of document.querySelectorAll("[data-min-length]")) {
    const line = document.getElementById(`${input.id}-count`);
    const minLength = Number(input.dataset.minLength);
    const update = () => {
      const [level, words] = estimateStrength(input.value, minLength, input.dataset.personalWords);
      line.hidden = input.value === "";
      line.dataset.level = level;
      line.textContent = words;
    };
    input.addEventListener("input", () => {
      update();
      // The error is about the password that was refused, and a good one is being typed.
      if (line.dataset.level > 1) removeError(input);
    });
    update();
  }
}

function removeError(input) {
  document.getElementById(`${input.id}-error`)?.remove();
  input.closest(".field").classList.remove("field--wrong");
  input.removeAttribute("aria-invalid");
}

// Counts the characters of a long text as the portal does: line breaks as one character, no spaces at the ends.
const COUNTED_FROM = 0.75;

function countCharacters() {
  for (const input of document.querySelectorAll("[data-limit]")) {
    const line = document.getElementById(`${input.id}-length`);
    const limit = Number(input.dataset.limit);
    const update = () => {
      const left = limit - Array.from(input.value.trim()).length;
      line.hidden = left > limit * (1 - COUNTED_FROM);
      line.classList.toggle("field__length--over", left < 0);
      const noun = Math.abs(left) === 1 ? "character" : "characters";
      const number = Math.abs(left).toLocaleString("en-US");
      line.textContent = left < 0 ? `${number} ${noun} too many. Please shorten the text.` : `${number} ${noun} left`;
    };
    input.addEventListener("input", update);
    update();
  }
}

// Allows a form to be sent again: its answer may never come (Stop button, lost connection, sleep). The portal takes a
// repeated form as the same one.
function allowResend(form) {
  delete form.dataset.submitted;
  for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
}

const RESEND_AFTER_MS = 5000;

// Prevents a second tap on a slow network from sending a form twice.
function sendOnce() {
  for (const form of document.querySelectorAll("form[method=post]:not([data-allows-resubmit])")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.submitted) {
        event.preventDefault();
        return;
      }
      form.dataset.submitted = "yes";
      for (const button of form.querySelectorAll("button[type=submit]")) {
        button.setAttribute("aria-disabled", "true");
      }
      window.setTimeout(() => allowResend(form), RESEND_AFTER_MS);
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-submitted]")) allowResend(form);
  });
}

// Scrolls to the first wrong field that is visible, and focuses it. The focus of a closed dialog does not count.
function focusFirstError() {
  const wrong = Array.from(document.querySelectorAll(".field--wrong")).find((field) => field.getClientRects().length);
  if (!wrong || document.querySelector("[autofocus]:not(dialog *)")) return;
  const input = wrong.querySelector("input:not([type=hidden]), textarea");
  if (!input) wrong.tabIndex = -1;
  (input ?? wrong).focus();
}

// Enlarges the page images in steps, and keeps the page that is being read in view. The images scroll sideways in
// their own box.
function offerZoom() {
  const zoom = document.querySelector("[data-zoom]");
  const sheets = document.querySelector("[data-pan]");
  if (!zoom || !sheets) return;
  const steps = [1, 1.5, 2, 3];
  const smaller = zoom.querySelector("[data-smaller]");
  const larger = zoom.querySelector("[data-larger]");
  let step = 0;

  function change(by) {
    const current = Array.from(sheets.children).find((sheet) => sheet.getBoundingClientRect().bottom > 0);
    const before = current?.getBoundingClientRect();
    step += by;
    sheets.style.setProperty("--zoom", steps[step]);
    for (const image of sheets.querySelectorAll("img"))
      image.sizes = `${Math.round(sheets.clientWidth * steps[step])}px`;
    zoom.querySelector("[data-zoom-level]").textContent = `${steps[step] * 100}%`;
    smaller.disabled = step === 0;
    larger.disabled = step === steps.length - 1;
    if (!before || before.top > 0) return;
    const after = current.getBoundingClientRect();
    window.scrollBy(0, after.top - before.top * (after.height / before.height));
  }

  zoom.hidden = false;
  smaller.addEventListener("click", () => change(-1));
  larger.addEventListener("click", () => change(1));
  const updateFocusable = () => {
    sheets.tabIndex = sheets.scrollWidth > sheets.clientWidth ? 0 : -1;
  };
  new ResizeObserver(updateFocusable).observe(sheets.firstElementChild);
}

// Several providers may use the same browser. Drafts and messages between tabs carry this mark of their owner.
const TAB_OWNER = document.body.dataset.tabOwner;

// Removes drafts (see review.js) of decided documents, and all drafts of other providers.
function dropDrafts() {
  if (!TAB_OWNER) return;
  for (const name of Object.keys(window.sessionStorage)) {
    if (!name.startsWith(`draft:${TAB_OWNER}:`)) window.sessionStorage.removeItem(name);
  }
  for (const decided of document.querySelectorAll("[data-signed]")) {
    for (const page of ["documents", "by-hand"])
      window.sessionStorage.removeItem(`draft:${TAB_OWNER}:/${page}/${decided.dataset.signed}`);
  }
}

// Logs out in every tab. The other tabs get the message after the portal has ended the session.
function logOutInEveryTab() {
  for (const form of document.querySelectorAll("form[action='/logout'], form[action='/account/log-out-everywhere']")) {
    form.addEventListener("submit", () => {
      window.sessionStorage.clear();
      window.addEventListener("pagehide", () =>
        new BroadcastChannel(`session:${TAB_OWNER}`).postMessage("session ended"),
      );
    });
  }
}

// Replaces the history entry of a page that answered a POST by the URL of an equivalent page. Otherwise the browser
// would ask whether to send the form again when the person goes back or reloads.
function replaceHistoryUrl() {
  const url = document.body.dataset.historyUrl;
  if (url) window.history.replaceState(null, "", url);
}

// Pages contain times in UTC. Shows them in the reader's time zone.
function showLocalTimes() {
  const format = new Intl.DateTimeFormat("en-US", {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
  });
  for (const time of document.querySelectorAll("time[data-local-time]")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
}

// Warns before the session expires, with a dialog that can extend it. Without this script the session just expires.
const WARNING_SECONDS = 120;
const ANNOUNCED_SECONDS = [60, 20];

function warnBeforeSessionEnds(dialog) {
  const countdown = dialog.querySelector("[data-idle-left]");
  const status = dialog.querySelector("[data-idle-status]");
  const form = dialog.querySelector("form");

  // Tabs of the same person share a session: extending or ending the session in one tab applies to all of them.
  const tabs = new BroadcastChannel(`session:${TAB_OWNER}`);
  let expiresAt = Date.now() + Number(dialog.dataset.idle) * 1000;
  let timer = 0;
  let limitNote = "";

  function inWords(seconds) {
    const [count, unit] = seconds > 60 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
    return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }

  // Leaves the page, so that it no longer shows patients. Drafts are saved (see review.js), and login returns here.
  function leave() {
    window.location.assign(dialog.dataset.returnPath);
  }

  function update() {
    window.clearTimeout(timer);
    const seconds = Math.ceil((expiresAt - Date.now()) / 1000);
    if (seconds <= 0) {
      leave();
      return;
    }
    if (seconds > WARNING_SECONDS) {
      if (dialog.open) dialog.close();
      timer = window.setTimeout(update, (seconds - WARNING_SECONDS) * 1000);
      return;
    }
    countdown.textContent = inWords(seconds);
    if (!dialog.open) dialog.showModal();
    if (ANNOUNCED_SECONDS.includes(seconds)) status.textContent = `${inWords(seconds)} left. ${limitNote}`;
    timer = window.setTimeout(update, 1000);
  }

  function extendTo(moment) {
    expiresAt = moment;
    update();
  }

  async function extend() {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (response.redirected || !response.ok) {
      leave();
      return;
    }
    const { seconds } = await response.json();
    limitNote =
      seconds > WARNING_SECONDS
        ? ""
        : `Sessions end ${dialog.dataset.sessionHours} hours after login. You'll need to log in again.`;
    status.textContent = limitNote;
    extendTo(Date.now() + seconds * 1000);
    tabs.postMessage(expiresAt);
  }

  function tryToExtend(event) {
    event.preventDefault();
    extend().catch(() => {
      status.textContent = "We couldn't reach the portal. Check your connection and try again.";
    });
  }

  form.addEventListener("submit", tryToExtend);
  dialog.addEventListener("cancel", tryToExtend);
  tabs.addEventListener("message", ({ data }) => {
    if (data === "session ended") leave();
    else extendTo(Math.max(expiresAt, data));
  });
  document.addEventListener("visibilitychange", update);
  window.addEventListener("pageshow", update);
  tabs.postMessage(expiresAt);
  update();
}

// Connects to the origin of the page images when the finger touches a link to a document. The browser drops an
// unused connection after some seconds. No image is requested before the document is opened.
function preconnectOnTouch() {
  const hint = document.querySelector("link[rel=preconnect]");
  if (!hint) return;
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest("[data-opens-document]")) document.head.append(hint.cloneNode());
  });
}

function offerPrinting() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

showLocalTimes();
offerPrinting();
dropDrafts();
logOutInEveryTab();
replaceHistoryUrl();
preconnectOnTouch();
offerZoom();
offerToShowPasswords();
showStrengthAsTyped();
countCharacters();
sendOnce();
// Later scripts choose which way to sign is visible.
document.addEventListener("DOMContentLoaded", focusFirstError);
for (const dialog of document.querySelectorAll("[data-idle]")) warnBeforeSessionEnds(dialog);
