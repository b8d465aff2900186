// The end of the session: a dialog two minutes before lets it go on. Without this script it just ends.
"use strict";

const dialog = document.querySelector("[data-idle]");
const counted = dialog.querySelector("[data-idle-left]");
const told = dialog.querySelector("[data-idle-told]");
const stay = dialog.querySelector("form");
const WARN = 120;
const SPOKEN_AT = [60, 20];

// Another tab of the same browser keeps the session alive for this one too.
const tabs = new BroadcastChannel("session");
let until = Date.now() + Number(dialog.dataset.idle) * 1000;
let next = 0;

function inWords(seconds) {
  const [count, unit] = seconds > 60 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

// The page goes, and what it showed with it; what was written is kept (see review.js), and login returns here.
function leave() {
  window.location.assign(dialog.dataset.here);
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
  if (SPOKEN_AT.includes(seconds)) told.textContent = `${inWords(seconds)} left.`;
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
  told.textContent = seconds > WARN ? "" : "Twelve hours after a login you have to log in again.";
  goOnUntil(Date.now() + seconds * 1000);
  tabs.postMessage(until);
}

function tryToGoOn(event) {
  event.preventDefault();
  goOn().catch(() => { told.textContent = "The portal could not be reached. Check your connection and try again."; });
}

stay.addEventListener("submit", tryToGoOn);
dialog.addEventListener("cancel", tryToGoOn);
tabs.addEventListener("message", ({ data }) => goOnUntil(Math.max(until, data)));
document.addEventListener("visibilitychange", look);
window.addEventListener("pageshow", look);
tabs.postMessage(until);
look();
