// Review: notes which pages were shown, says what is unread, and keeps the way to the decision short.
"use strict";

const sheets = Array.from(document.querySelectorAll("[data-page]"));
const approval = document.querySelector("[data-approve]");
const dock = document.querySelector("[data-dock]");

// A page counts as shown when its picture has loaded and both its top and its bottom have been on screen.
const ends = new Map(sheets.map((sheet) => [Number(sheet.dataset.page), { top: false, bottom: false }]));

function pagesShown() {
  const noted = approval.querySelector("[data-pages-shown]").value.split(",").map(Number);
  return new Set(noted.filter((page) => ends.has(page)));
}

function hasLoaded(sheet) {
  const image = sheet.querySelector("img");
  return Boolean(image) && image.complete && image.naturalWidth > 0;
}

function note(sheet) {
  const page = Number(sheet.dataset.page);
  const seen = ends.get(page);
  if (!seen.top || !seen.bottom || !hasLoaded(sheet)) return;
  const shown = pagesShown().add(page);
  approval.querySelector("[data-pages-shown]").value = Array.from(shown).sort((a, b) => a - b).join(",");
  tell();
}

// `page 2`, `pages 1 and 3`, `pages 1, 2, 3, 4 and 7 more`
function listed(pages) {
  if (pages.length === 1) return `page ${pages[0]}`;
  const named = pages.length > 5 ? pages.slice(0, 4) : pages.slice(0, -1);
  const last = pages.length > 5 ? `${pages.length - 4} more` : pages[pages.length - 1];
  return `pages ${named.join(", ")} and ${last}`;
}

// What is still unread, and whether the button may work.
function tell() {
  const shown = pagesShown();
  const unread = Array.from(ends.keys()).filter((page) => !shown.has(page));
  const line = approval.querySelector("[data-reading]");
  const statement = approval.querySelector("[data-statement]");
  const ticked = statement.querySelector("input").checked;
  const button = approval.querySelector("button[type=submit]");
  line.hidden = false;
  line.classList.toggle("reading__line--done", unread.length === 0);
  line.textContent = unread.length === 0
    ? "✓ You have seen every page."
    : `Still to read: ${listed(unread)}`;
  statement.hidden = unread.length === 0;
  button.toggleAttribute("data-unready", unread.length > 0 && !ticked);
}

// Two thin marks per page: at its top and at its bottom edge.
function watchPages() {
  const marks = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      const [sheet, end] = marks.get(entry.target);
      ends.get(Number(sheet.dataset.page))[end] = true;
      note(sheet);
    }
  });
  for (const sheet of sheets) {
    const body = sheet.firstElementChild;
    for (const [end, where] of [["top", "beforebegin"], ["bottom", "afterend"]]) {
      const mark = document.createElement("div");
      body.insertAdjacentElement(where, mark);
      marks.set(mark, [sheet, end]);
      observer.observe(mark);
    }
    const image = sheet.querySelector("img");
    if (image) image.addEventListener("load", () => note(sheet));
  }
}

// Links to the pages are good for some minutes only, so the rest is fetched once the first is there.
function fetchTheRest() {
  const load = () => {
    for (const sheet of sheets.slice(0, 20)) {
      const image = sheet.querySelector("img");
      if (image) image.loading = "eager";
    }
  };
  if (document.readyState === "complete") load();
  else window.addEventListener("load", load);
}

function watchApproval() {
  approval.querySelector("[data-statement] input").addEventListener("change", tell);
  approval.addEventListener("submit", (event) => {
    const button = approval.querySelector("button[type=submit]");
    if (!button.hasAttribute("data-unready")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const shown = pagesShown();
    const next = sheets.find((sheet) => !shown.has(Number(sheet.dataset.page)));
    if (next) next.scrollIntoView({ block: "start" });
  }, { capture: true });
}

function watchDock() {
  const where = dock.querySelector("[data-where]");
  const decide = document.getElementById("decide");
  new IntersectionObserver(([entry]) => {
    dock.toggleAttribute("data-away", entry.isIntersecting);
  }, { rootMargin: "0px 0px -30% 0px" }).observe(decide);
  const visible = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) visible.set(Number(entry.target.dataset.page), entry.intersectionRatio * entry.boundingClientRect.height);
    const [page] = Array.from(visible).reduce((best, each) => (each[1] > best[1] ? each : best));
    where.textContent = `Page ${page} of ${sheets.length}`;
  }, { threshold: [0, .25, .5, .75, 1] });
  for (const sheet of sheets) observer.observe(sheet);
}

function openDecline() {
  const decline = document.getElementById("decline");
  const show = () => { if (window.location.hash === "#decline") decline.open = true; };
  for (const link of document.querySelectorAll("a[href='#decline']")) {
    link.addEventListener("click", () => { decline.open = true; });
  }
  window.addEventListener("hashchange", show);
  show();
}

// A file of the bucket whose link has run out is shown as such, with the way out.
function explainMissing() {
  for (const sheet of sheets) {
    const image = sheet.querySelector("img");
    if (!image) continue;
    image.addEventListener("error", () => {
      const text = document.createElement("p");
      const link = document.createElement("a");
      link.href = window.location.pathname;
      link.textContent = "Load it again";
      text.className = "sheet__number";
      text.append(`Page ${sheet.dataset.page} could not be loaded. `, link);
      image.insertAdjacentElement("afterend", text);
    }, { once: true });
  }
}

explainMissing();
fetchTheRest();
openDecline();
watchDock();
if (approval) {
  watchApproval();
  watchPages();
  tell();
}
