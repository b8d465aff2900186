// The review page: records which pages were shown, lists the pages left to read, and guards the sign buttons. The script
// signature.js follows, because the drawing of a draft is restored before it is shown.
"use strict";

const sheets = Array.from(document.querySelectorAll("[data-page]"));
const approval = document.querySelector("[data-approve]");
const dock = document.querySelector("[data-dock]");

// A page counts as shown when its image has loaded and both its top and its bottom have been on screen. A very long page
// has several images, and then the edges between them count too. The map has the edges left to see for each page.
const edgesLeft = new Map(sheets.map((sheet) => [Number(sheet.dataset.page), new Set([sheet])]));

// Each entry is the token of a page, a point, and the seconds from the opening of this page until it was shown.
function shownEntries() {
  return approval.querySelector("[data-pages-shown]").value.split(",").filter(Boolean);
}

function pagesShown() {
  const recorded = shownEntries().map((entry) => Number.parseInt(entry, 10));
  return new Set(recorded.filter((page) => edgesLeft.has(page)));
}

// The buttons that need a document that was read. A button outside the form may belong to the form.
function signButtons() {
  return Array.from(approval.elements).filter((field) => field.type === "submit" && !field.formNoValidate);
}

function listImages(sheet) {
  return Array.from(sheet.querySelectorAll("img"));
}

// A page still counts as loaded while the large images replace the small ones.
function hasLoaded(sheet) {
  const images = listImages(sheet);
  for (const image of images) {
    if (image.complete && image.naturalWidth > 0) image.dataset.loaded = "";
  }
  return images.length > 0 && images.every((image) => "loaded" in image.dataset);
}

function recordIfShown(sheet) {
  const page = Number(sheet.dataset.page);
  if (edgesLeft.get(page).size > 0 || !hasLoaded(sheet)) return;
  if (!pagesShown().has(page)) {
    const entry = `${sheet.dataset.token}.${Math.round(performance.now() / 1000)}`;
    approval.querySelector("[data-pages-shown]").value = [...shownEntries(), entry].join(",");
  }
  updateReading();
}

// Returns text such as `page 2`, `pages 1 and 3` or `pages 1, 2, 3, 4 and 7 more`.
function listPages(pages) {
  if (pages.length === 1) return `page ${pages[0]}`;
  const first = pages.length > 5 ? pages.slice(0, 4) : pages.slice(0, -1);
  const last = pages.length > 5 ? `${pages.length - 4} more` : pages[pages.length - 1];
  return `pages ${first.join(", ")} and ${last}`;
}

function capitalize(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Shows the pages left to read. The sign buttons work once no page is left or the statement is ticked.
function updateReading() {
  const shown = pagesShown();
  const unread = Array.from(edgesLeft.keys()).filter((page) => !shown.has(page));
  const line = approval.querySelector("[data-reading]");
  const statement = approval.querySelector("[data-statement]");
  const isConfirmed = statement.querySelector("input").checked;
  line.hidden = false;
  line.classList.toggle("reading__line--done", unread.length === 0);
  line.textContent =
    unread.length === 0 ? "✓ You've seen every page." : `${capitalize(listPages(unread))} left to read.`;
  statement.hidden = unread.length === 0;
  for (const hint of document.querySelectorAll("[data-unread]"))
    hint.textContent = describeUnread(Number(hint.dataset.unread), unread);
  for (const button of signButtons()) button.toggleAttribute("data-not-ready", unread.length > 0 && !isConfirmed);
}

// Observes a mark at the top and a mark at the bottom of every page, and between the images of a long page.
function watchPages() {
  const marks = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((candidate) => candidate.isIntersecting)) {
      const sheet = marks.get(entry.target);
      edgesLeft.get(Number(sheet.dataset.page)).delete(entry.target);
      recordIfShown(sheet);
    }
  });
  for (const sheet of sheets) {
    const left = edgesLeft.get(Number(sheet.dataset.page));
    const body = sheet.firstElementChild;
    const places = [
      [body, "beforebegin"],
      ...listImages(sheet)
        .slice(1)
        .map((image) => [image, "beforebegin"]),
      [body, "afterend"],
    ];
    left.clear();
    for (const [place, position] of places) {
      const mark = document.createElement("div");
      place.insertAdjacentElement(position, mark);
      marks.set(mark, sheet);
      left.add(mark);
      observer.observe(mark);
    }
    for (const image of listImages(sheet)) image.addEventListener("load", () => recordIfShown(sheet));
  }
}

// The URLs of page images expire after some minutes, so all images are loaded soon. A phone loads the small images
// first, which takes half the time, and the large ones afterwards.
function loadAllImages() {
  const load = () => {
    for (const sheet of sheets) hasLoaded(sheet);
    for (const image of document.querySelectorAll("[data-page] img")) {
      image.sizes = image.sizes.replace("(scripting: enabled) 50vw, ", "");
    }
    for (const image of sheets.slice(0, 20).flatMap(listImages)) image.loading = "eager";
  };
  // Without the delay, a slow phone would decode the large images before it paints the first small one.
  const loadLater = () => window.setTimeout(load, 300);
  if (document.readyState === "complete") loadLater();
  else window.addEventListener("load", loadLater);
}

function watchApproval() {
  approval.querySelector("[data-statement] input").addEventListener("change", updateReading);
  approval.addEventListener(
    "submit",
    (event) => {
      if (event.submitter?.formNoValidate) return;
      if (!signButtons()[0].hasAttribute("data-not-ready")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const shown = pagesShown();
      const next = sheets.find((sheet) => !shown.has(Number(sheet.dataset.page)));
      if (next) showUnread(next);
    },
    { capture: true },
  );
}

// Returns the hint above a page that was unread when the person pressed a sign button.
function describeUnread(page, unread) {
  if (unread.includes(page)) return `Page ${page} left to read. Scroll to the end of the page before you sign.`;
  return unread.length ? `${capitalize(listPages(unread))} left to read.` : "You've seen every page and can sign now.";
}

// Scrolls to an unread page after a press of a sign button that does not work yet. Explains why, for screen readers
// too.
function showUnread(sheet) {
  const page = Number(sheet.dataset.page);
  let hint = sheet.querySelector("[data-unread]");
  if (!hint) {
    hint = document.createElement("p");
    hint.className = "sheet__unread";
    hint.dataset.unread = page;
    sheet.prepend(hint);
  }
  hint.textContent = describeUnread(page, [page]);
  sheet.scrollIntoView({ block: "start" });
  const announcement = approval.querySelector("[data-unread-announcement]");
  announcement.textContent = "";
  window.setTimeout(() => {
    announcement.textContent = hint.textContent;
  }, 300);
}

function watchDock() {
  const position = dock.querySelector("[data-page-position]");
  const decide = document.getElementById("decide");
  new IntersectionObserver(
    ([entry]) => {
      dock.toggleAttribute("data-out-of-sight", entry.isIntersecting);
    },
    { rootMargin: "0px 0px -30% 0px" },
  ).observe(decide);
  const visible = new Map();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries)
        visible.set(Number(entry.target.dataset.page), entry.intersectionRatio * entry.boundingClientRect.height);
      const [page] = Array.from(visible).reduce((best, candidate) => (candidate[1] > best[1] ? candidate : best));
      position.textContent = `Page ${page} of ${sheets.length}`;
    },
    { threshold: [0, 0.25, 0.5, 0.75, 1] },
  );
  for (const sheet of sheets) observer.observe(sheet);
}

function openDecline() {
  const decline = document.getElementById("decline");
  const show = () => {
    if (window.location.hash === "#decline") decline.open = true;
  };
  for (const link of document.querySelectorAll("a[href='#decline']")) {
    link.addEventListener("click", () => {
      decline.open = true;
    });
  }
  window.addEventListener("hashchange", show);
  show();
}

// An image may fail to load because its URL has expired or the network is down. The small image may still be in the
// cache. Without that, the page no longer counts as loaded, and a link reloads the whole document.
function explainMissing() {
  for (const sheet of sheets) {
    for (const image of listImages(sheet)) {
      image.addEventListener("error", () => {
        delete image.dataset.loaded;
        if (image.srcset) image.removeAttribute("srcset");
        else if (!("missing" in sheet.dataset)) showMissing(sheet, image);
      });
    }
  }
}

function showMissing(sheet, image) {
  const text = document.createElement("p");
  const link = document.createElement("a");
  sheet.dataset.missing = "";
  link.href = window.location.pathname;
  link.textContent = "Reload";
  text.className = "sheet__number";
  text.append(`Page ${sheet.dataset.page} couldn't be loaded. `, link);
  image.insertAdjacentElement("afterend", text);
}

// Drafts: what was entered survives a network failure, a reload and the end of the session. The draft stays in this
// tab until the form is sent, the person logs out or another person logs in (see portal.js).
const DRAFT_KEY = `draft:${TAB_OWNER}:${window.location.pathname.replace(/\/(approve|decline|forget-signature|document)$/, "")}`;
const DRAFT_FIELDS = ["note", "decline_note", "other_name", "other_address", "drawing"];

function saveDraft() {
  const review = document.querySelector("[data-review]");
  const fields = () => DRAFT_FIELDS.flatMap((name) => Array.from(review.querySelectorAll(`[name="${name}"]`)));
  const draft = JSON.parse(window.sessionStorage.getItem(DRAFT_KEY) || "{}");
  for (const field of fields()) {
    const isRestored = field.name in draft && (!field.value || "draftRestored" in review.dataset);
    if (isRestored) field.value = draft[field.name];
  }
  const reason = draft.reason && review.querySelector(`[name="reason"][value="${draft.reason}"]`);
  if (reason && !review.querySelector("[name=reason]:checked")) {
    reason.checked = true;
    document.getElementById("decline").open = true;
  }
  const save = () => {
    const changed = fields().filter((field) => field.value || field.value !== field.defaultValue);
    const values = Object.fromEntries(changed.map((field) => [field.name, field.value]));
    const chosen = review.querySelector("[name=reason]:checked");
    window.sessionStorage.setItem(DRAFT_KEY, JSON.stringify(chosen ? { ...values, reason: chosen.value } : values));
  };
  review.addEventListener("input", save);
  review.addEventListener("change", save);
}

// The back button may restore this page as it was before the decision.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

explainMissing();
loadAllImages();
openDecline();
watchDock();
saveDraft();
if (approval) {
  watchApproval();
  watchPages();
  updateReading();
}
