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

function signButtons() {
  return Array.from(approval.querySelectorAll("button[type=submit]:not([formaction])"));
}

// A page stays loaded while its sharp picture is on the way to take the place of the small one.
function hasLoaded(sheet) {
  const image = sheet.querySelector("img");
  if (image?.complete && image.naturalWidth > 0) sheet.dataset.loaded = "";
  return "loaded" in sheet.dataset;
}

function note(sheet) {
  const page = Number(sheet.dataset.page);
  const seen = ends.get(page);
  if (!seen.top || !seen.bottom || !hasLoaded(sheet)) return;
  const shown = pagesShown().add(page);
  approval.querySelector("[data-pages-shown]").value = Array.from(shown)
    .sort((a, b) => a - b)
    .join(",");
  tell();
}

// `page 2`, `pages 1 and 3`, `pages 1, 2, 3, 4 and 7 more`
function listed(pages) {
  if (pages.length === 1) return `page ${pages[0]}`;
  const named = pages.length > 5 ? pages.slice(0, 4) : pages.slice(0, -1);
  const last = pages.length > 5 ? `${pages.length - 4} more` : pages[pages.length - 1];
  return `pages ${named.join(", ")} and ${last}`;
}

function capitalized(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// What is still unread, and whether the button may work.
function tell() {
  const shown = pagesShown();
  const unread = Array.from(ends.keys()).filter((page) => !shown.has(page));
  const line = approval.querySelector("[data-reading]");
  const statement = approval.querySelector("[data-statement]");
  const ticked = statement.querySelector("input").checked;
  line.hidden = false;
  line.classList.toggle("reading__line--done", unread.length === 0);
  line.textContent = unread.length === 0 ? "✓ You've seen every page." : `${capitalized(listed(unread))} left to read.`;
  statement.hidden = unread.length === 0;
  for (const hint of document.querySelectorAll("[data-unread]"))
    hint.textContent = toRead(Number(hint.dataset.unread), unread);
  for (const button of signButtons()) button.toggleAttribute("data-not-ready", unread.length > 0 && !ticked);
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
    for (const [end, where] of [
      ["top", "beforebegin"],
      ["bottom", "afterend"],
    ]) {
      const mark = document.createElement("div");
      body.insertAdjacentElement(where, mark);
      marks.set(mark, [sheet, end]);
      observer.observe(mark);
    }
    const image = sheet.querySelector("img");
    if (image) image.addEventListener("load", () => note(sheet));
  }
}

// Links to the pages are good for some minutes only, so the rest is fetched once the first is seen: on a phone
// as a small picture, which is there in half the time. The sharp ones follow.
function fetchTheRest() {
  const load = () => {
    for (const sheet of sheets) hasLoaded(sheet);
    for (const image of document.querySelectorAll("[data-page] img")) {
      image.sizes = image.sizes.replace("(scripting: enabled) 50vw, ", "");
    }
    for (const sheet of sheets.slice(0, 20)) {
      const image = sheet.querySelector("img");
      if (image) image.loading = "eager";
    }
  };
  // Not at once: what the sharp ones cost a slow phone would keep the small one from being painted.
  const soon = () => window.setTimeout(load, 300);
  if (document.readyState === "complete") soon();
  else window.addEventListener("load", soon);
}

function watchApproval() {
  approval.querySelector("[data-statement] input").addEventListener("change", tell);
  approval.addEventListener(
    "submit",
    (event) => {
      if (event.submitter?.hasAttribute("formaction")) return;
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

// A page that fits the window is read as soon as one lands on it.
function toRead(page, unread) {
  if (unread.includes(page)) return `Page ${page} left to read. Scroll to the end of the page before you sign.`;
  return unread.length ? `${capitalized(listed(unread))} left to read.` : "You've seen every page and can sign now.";
}

// Where the press of a button that does not work yet leads, and why: said there, and to who only hears it.
function showUnread(sheet) {
  const page = Number(sheet.dataset.page);
  let hint = sheet.querySelector("[data-unread]");
  if (!hint) {
    hint = document.createElement("p");
    hint.className = "sheet__unread";
    hint.dataset.unread = page;
    sheet.prepend(hint);
  }
  hint.textContent = toRead(page, [page]);
  sheet.scrollIntoView({ block: "start" });
  const landed = approval.querySelector("[data-unread-announcement]");
  landed.textContent = "";
  window.setTimeout(() => {
    landed.textContent = hint.textContent;
  }, 300);
}

function watchDock() {
  const where = dock.querySelector("[data-page-position]");
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
      const [page] = Array.from(visible).reduce((best, each) => (each[1] > best[1] ? each : best));
      where.textContent = `Page ${page} of ${sheets.length}`;
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

// A picture that does not come, its link having run out or the network: the small one may be at hand still; else
// the page is no longer shown, and says so with the way out.
function explainMissing() {
  for (const sheet of sheets) {
    const image = sheet.querySelector("img");
    if (!image) continue;
    image.addEventListener("error", () => {
      delete sheet.dataset.loaded;
      if (image.srcset) image.removeAttribute("srcset");
      else if (!("missing" in sheet.dataset)) sayMissing(sheet, image);
    });
  }
}

function sayMissing(sheet, image) {
  const text = document.createElement("p");
  const link = document.createElement("a");
  sheet.dataset.missing = "";
  link.href = window.location.pathname;
  link.textContent = "Reload";
  text.className = "sheet__number";
  text.append(`Page ${sheet.dataset.page} couldn't be loaded. `, link);
  image.insertAdjacentElement("afterend", text);
}

// Drawing: strokes in 0..1 of the pad, whose proportions stay the same however the phone is turned.
const PAD_WIDTH = 250;
const PAD_HEIGHT = 100;
const LEAST_STEP = 0.006;

// Each point bends the line, the middles between points lie on it: as the signed PDF draws it.
function curve(stroke) {
  const points = stroke.map(([x, y]) => [x * PAD_WIDTH, y * PAD_HEIGHT]);
  let text = `M${points[0].join(" ")}l0 0`;
  points.slice(1).forEach(([x, y], index) => {
    const [afterX, afterY] = points[Math.min(index + 2, points.length - 1)];
    text += `Q${x} ${y} ${(x + afterX) / 2} ${(y + afterY) / 2}`;
  });
  return text;
}

function drawOn(pad) {
  const field = approval.querySelector("[data-drawing]");
  const undo = approval.querySelector("[data-undo]");
  const clear = approval.querySelector("[data-clear]");
  const told = approval.querySelector("[data-pad-status]");
  const most = { strokes: Number(pad.dataset.maxStrokes), points: Number(pad.dataset.maxPoints) };
  let strokes = field.value ? JSON.parse(field.value).strokes : [];
  let pen = null;

  function show() {
    pad.querySelector("path").setAttribute("d", strokes.map(curve).join(""));
  }

  function keep() {
    show();
    field.value = strokes.length ? JSON.stringify({ aspect: PAD_WIDTH / PAD_HEIGHT, strokes }) : "";
    undo.disabled = clear.disabled = !strokes.length;
    const drawn = isFull() ? "Drawn. The pad is full. Undo or clear to change your signature." : "Drawn";
    told.textContent = strokes.length ? drawn : "Nothing drawn yet";
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function hasRoomForPoints() {
    return strokes.reduce((sum, each) => sum + each.length, 0) < most.points;
  }

  function isFull() {
    return strokes.length >= most.strokes || !hasRoomForPoints();
  }

  function add(event) {
    const box = pad.getBoundingClientRect();
    const within = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
    const point = [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
    const stroke = strokes[strokes.length - 1];
    const before = stroke[stroke.length - 1];
    const far =
      !before || Math.hypot(point[0] - before[0], ((point[1] - before[1]) * PAD_HEIGHT) / PAD_WIDTH) > LEAST_STEP;
    if (far && hasRoomForPoints()) stroke.push(point);
  }

  pad.addEventListener("pointerdown", (event) => {
    if (pen !== null || event.button) return;
    event.preventDefault();
    if (isFull()) return;
    pen = event.pointerId;
    pad.setPointerCapture(pen);
    strokes.push([]);
    add(event);
    show();
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pen) return;
    const every = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    (every.length ? every : [event]).forEach(add);
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, (event) => {
      if (event.pointerId !== pen) return;
      pen = null;
      keep();
    });
  }
  undo.addEventListener("click", () => {
    strokes.pop();
    keep();
  });
  clear.addEventListener("click", () => {
    strokes = [];
    keep();
  });
  keep();
}

function offerDrawing() {
  const way = approval.querySelector("[data-draw-option]");
  approval.querySelector("[data-signature-options]").hidden = false;
  way.hidden = false;
  const radio = way.querySelector("input");
  if (radio.hasAttribute("data-chosen")) radio.checked = true;
  drawOn(approval.querySelector("[data-pad]"));
}

// The very block of the signed PDF, drawn by the server. A bitmap, because pages show no pictures but ours.
function offerPreview() {
  const preview = approval.querySelector("[data-preview]");
  const canvas = preview.querySelector("canvas");
  const told = preview.querySelector("[data-preview-status]");
  let waiting = 0;

  async function show() {
    const body = new URLSearchParams(new FormData(approval));
    body.delete("password");
    const answer = await fetch(approval.querySelector("[data-signing]").dataset.address, { method: "POST", body });
    const { picture, trouble } = await answer.json();
    canvas.hidden = !picture;
    told.textContent = trouble || "The date and time will be when you sign.";
    if (!picture) return;
    const bytes = Uint8Array.from(atob(picture), (each) => each.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.dataset.shown = "yes";
  }

  function soon() {
    window.clearTimeout(waiting);
    if (!preview.open) return;
    waiting = window.setTimeout(
      () =>
        show().catch(() => {
          told.textContent = "The preview couldn't be loaded. You can still sign.";
        }),
      300,
    );
  }

  preview.hidden = false;
  preview.addEventListener("toggle", soon);
  approval.querySelector("[data-signing]").addEventListener("change", soon);
}

// What was entered outlives a broken network, a reload and the end of the session: in this tab, until it is sent,
// its writer logs out, or somebody else logs in (see portal.js).
const DRAFT = `draft:${TAB_OWNER}:${window.location.pathname.replace(/\/(approve|decline|forget-signature)$/, "")}`;
const KEPT = ["note", "decline_note", "other_name", "other_address", "drawing"];

function keepDraft() {
  const review = document.querySelector("[data-review]");
  const fields = () => KEPT.flatMap((name) => Array.from(review.querySelectorAll(`[name="${name}"]`)));
  const before = JSON.parse(window.sessionStorage.getItem(DRAFT) || "{}");
  for (const field of fields()) {
    const mine = field.name in before && (!field.value || "draftRestored" in review.dataset);
    if (mine) field.value = before[field.name];
  }
  const reason = before.reason && review.querySelector(`[name="reason"][value="${before.reason}"]`);
  if (reason && !review.querySelector("[name=reason]:checked")) {
    reason.checked = true;
    document.getElementById("decline").open = true;
  }
  const keep = () => {
    const changed = fields().filter((field) => field.value || field.value !== field.defaultValue);
    const now = Object.fromEntries(changed.map((field) => [field.name, field.value]));
    const chosen = review.querySelector("[name=reason]:checked");
    window.sessionStorage.setItem(DRAFT, JSON.stringify(chosen ? { ...now, reason: chosen.value } : now));
  };
  review.addEventListener("input", keep);
  review.addEventListener("change", keep);
}

// Without a network a form would end on the browser's own page.
function holdWhileOffline() {
  const told = document.querySelector("[data-offline]");
  document.addEventListener(
    "submit",
    (event) => {
      if (navigator.onLine) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      told.hidden = false;
    },
    { capture: true },
  );
  window.addEventListener("online", () => {
    told.hidden = true;
  });
}

// The back button may show this page as it was before the decision.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

explainMissing();
fetchTheRest();
openDecline();
watchDock();
keepDraft();
if (approval) {
  holdWhileOffline();
  watchApproval();
  watchPages();
  offerDrawing();
  offerPreview();
  tell();
}
