// Enhancements of every page; each works without them.
"use strict";

function showPasswords() {
  for (const button of document.querySelectorAll("[data-toggles-password]")) {
    const input = document.getElementById(button.dataset.togglesPassword);
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
      input.focus();
    });
    input.form.addEventListener("submit", () => {
      input.type = "password";
    });
  }
}

// An estimate as one types; what is common is known to the portal alone, which decides.
function strength(typed, least, own) {
  const characters = Array.from(typed.toLowerCase());
  if (characters.length < least) {
    const missing = least - characters.length;
    return [1, `${missing} more ${missing === 1 ? "character" : "characters"}`];
  }
  const letters = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const words = own.split(/\s+|[^\p{L}\p{N}]+/u).filter((each) => each.length > 2);
  const left = words.reduce((rest, each) => rest.replaceAll(letters(each), ""), letters(typed));
  if (left.length <= least / 2) return [1, "Too similar to your name or email"];
  const steps = characters.filter(
    (each, at) => at === 0 || Math.abs(each.codePointAt(0) - characters[at - 1].codePointAt(0)) > 1,
  ).length;
  if (new Set(characters).size < 5 || steps < least * 0.7 || /^(.{1,12}?)\1+.{0,5}$/u.test(typed)) {
    return [1, "This pattern is easy to guess"];
  }
  return steps >= least + 5 ? [3, "Strong"] : [2, "Long enough"];
}

function countAsTyped() {
  for (const input of document.querySelectorAll("[data-min-length]")) {
    const line = document.getElementById(`${input.id}-count`);
    const least = Number(input.dataset.minLength);
    const count = () => {
      const [level, words] = strength(input.value, least, input.dataset.personalWords);
      line.hidden = input.value === "";
      line.dataset.level = level;
      line.textContent = words;
    };
    input.addEventListener("input", count);
    count();
  }
}

// A second tap on a slow network must not send a form twice.
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
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-submitted]")) {
      delete form.dataset.submitted;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    }
  });
}

function announceTrouble() {
  const wrong = document.querySelector("[aria-invalid=true]");
  if (wrong && !document.querySelector("[autofocus]")) wrong.focus();
}

// Larger pages, in steps, with what is being read kept in sight. The pages pan sideways in their own box.
function offerZoom() {
  const zoom = document.querySelector("[data-zoom]");
  const sheets = document.querySelector("[data-pan]");
  if (!zoom || !sheets) return;
  const steps = [1, 1.5, 2, 3];
  const smaller = zoom.querySelector("[data-smaller]");
  const larger = zoom.querySelector("[data-larger]");
  let step = 0;

  function change(by) {
    const read = Array.from(sheets.children).find((each) => each.getBoundingClientRect().bottom > 0);
    const before = read?.getBoundingClientRect();
    step += by;
    sheets.style.setProperty("--zoom", steps[step]);
    for (const image of sheets.querySelectorAll("img"))
      image.sizes = `${Math.round(sheets.clientWidth * steps[step])}px`;
    zoom.querySelector("[data-zoom-level]").textContent = `${steps[step] * 100}%`;
    smaller.disabled = step === 0;
    larger.disabled = step === steps.length - 1;
    if (!before || before.top > 0) return;
    const after = read.getBoundingClientRect();
    window.scrollBy(0, after.top - before.top * (after.height / before.height));
  }

  zoom.hidden = false;
  smaller.addEventListener("click", () => change(-1));
  larger.addEventListener("click", () => change(1));
  const focusable = () => {
    sheets.tabIndex = sheets.scrollWidth > sheets.clientWidth ? 0 : -1;
  };
  new ResizeObserver(focusable).observe(sheets.firstElementChild);
}

// A browser may be used by several: what belongs to one of them carries this mark.
const TAB_OWNER = document.body.dataset.tabOwner;

// Drafts (see review.js) end with the decision, with the person's leaving, and with another's coming.
function dropDrafts() {
  if (!TAB_OWNER) return;
  for (const name of Object.keys(window.sessionStorage)) {
    if (!name.startsWith(`draft:${TAB_OWNER}:`)) window.sessionStorage.removeItem(name);
  }
  for (const sent of document.querySelectorAll("[data-signed]")) {
    window.sessionStorage.removeItem(`draft:${TAB_OWNER}:/documents/${sent.dataset.signed}`);
  }
}

// Who leaves leaves in every tab: the others are told once the portal has answered, when the session is over.
function leaveEverywhere() {
  for (const form of document.querySelectorAll("form[action='/logout'], form[action='/account/log-out-everywhere']")) {
    form.addEventListener("submit", () => {
      window.sessionStorage.clear();
      window.addEventListener("pagehide", () => new BroadcastChannel(`session:${TAB_OWNER}`).postMessage("over"));
    });
  }
}

// A page that answered a post, with what is wrong or what was found. Going back to it, or loading it again, must
// not end at the browser's question whether to send the form once more, but at the page it stands for.
function standForAPage() {
  const page = document.body.dataset.historyUrl;
  if (page) window.history.replaceState(null, "", page);
}

// Times are written in UTC; who reads them is somewhere.
function tellLocalTime() {
  const style = new Intl.DateTimeFormat("en-US", {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
  });
  for (const each of document.querySelectorAll("time[data-local-time]")) {
    each.textContent = style.format(new Date(each.dateTime));
  }
}

// The end of the session: a dialog two minutes before lets it go on. Without this script it just ends.
const WARN = 120;
const SPOKEN_AT = [60, 20];

function warnOfTheEnd(dialog) {
  const counted = dialog.querySelector("[data-idle-left]");
  const told = dialog.querySelector("[data-idle-status]");
  const stay = dialog.querySelector("form");

  // Another tab of the same person keeps the session alive for this one too, and ends it.
  const tabs = new BroadcastChannel(`session:${TAB_OWNER}`);
  let until = Date.now() + Number(dialog.dataset.idle) * 1000;
  let next = 0;
  let besides = "";

  function inWords(seconds) {
    const [count, unit] = seconds > 60 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
    return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }

  // The page goes, and what it showed with it; what was written is kept (see review.js), and login returns here.
  function leave() {
    window.location.assign(dialog.dataset.returnPath);
  }

  function look() {
    window.clearTimeout(next);
    const seconds = Math.ceil((until - Date.now()) / 1000);
    if (seconds <= 0) {
      leave();
      return;
    }
    if (seconds > WARN) {
      if (dialog.open) dialog.close();
      next = window.setTimeout(look, (seconds - WARN) * 1000);
      return;
    }
    counted.textContent = inWords(seconds);
    if (!dialog.open) dialog.showModal();
    if (SPOKEN_AT.includes(seconds)) told.textContent = `${inWords(seconds)} left. ${besides}`;
    next = window.setTimeout(look, 1000);
  }

  function goOnUntil(moment) {
    until = moment;
    look();
  }

  async function goOn() {
    const answer = await fetch(stay.action, { method: "POST", body: new URLSearchParams(new FormData(stay)) });
    if (answer.redirected || !answer.ok) {
      leave();
      return;
    }
    const { seconds } = await answer.json();
    besides =
      seconds > WARN
        ? ""
        : `Sessions end ${dialog.dataset.sessionHours} hours after login. You'll need to log in again.`;
    told.textContent = besides;
    goOnUntil(Date.now() + seconds * 1000);
    tabs.postMessage(until);
  }

  function tryToGoOn(event) {
    event.preventDefault();
    goOn().catch(() => {
      told.textContent = "We couldn't reach the portal. Check your connection and try again.";
    });
  }

  stay.addEventListener("submit", tryToGoOn);
  dialog.addEventListener("cancel", tryToGoOn);
  tabs.addEventListener("message", ({ data }) => {
    if (data === "over") leave();
    else goOnUntil(Math.max(until, data));
  });
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", look);
  tabs.postMessage(until);
  look();
}

// The pictures of a document come from elsewhere. A connection on which nothing is asked for is given up after some
// seconds, so it is made again as the finger comes down. Nothing of the document is asked for before it is opened.
function connectAhead() {
  const known = document.querySelector("link[rel=preconnect]");
  if (!known) return;
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest("[data-opens-document]")) document.head.append(known.cloneNode());
  });
}

function printPages() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

tellLocalTime();
printPages();
dropDrafts();
leaveEverywhere();
standForAPage();
connectAhead();
offerZoom();
showPasswords();
countAsTyped();
sendOnce();
announceTrouble();
for (const dialog of document.querySelectorAll("[data-idle]")) warnOfTheEnd(dialog);
