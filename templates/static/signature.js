// The form with a signature: lets a person draw the signature and preview it, and holds the form while offline.
"use strict";

const signingForm = document.querySelector("[data-approve]");

// Drawing: coordinates are fractions of the pad from 0 to 1. The pad keeps its proportions when the phone is turned.
const PAD_WIDTH = 250;
const PAD_HEIGHT = 100;
const MIN_STEP = 0.006;

// Returns the SVG path of a stroke: quadratic curves through the midpoints between its points, as in the signed PDF.
function strokePath(stroke) {
  const points = stroke.map(([x, y]) => [x * PAD_WIDTH, y * PAD_HEIGHT]);
  let text = `M${points[0].join(" ")}l0 0`;
  points.slice(1).forEach(([x, y], index) => {
    const [afterX, afterY] = points[Math.min(index + 2, points.length - 1)];
    text += `Q${x} ${y} ${(x + afterX) / 2} ${(y + afterY) / 2}`;
  });
  return text;
}

function drawOn(pad) {
  const field = signingForm.querySelector("[data-drawing]");
  const undo = signingForm.querySelector("[data-undo]");
  const clear = signingForm.querySelector("[data-clear]");
  const status = signingForm.querySelector("[data-pad-status]");
  const max = { strokes: Number(pad.dataset.maxStrokes), points: Number(pad.dataset.maxPoints) };
  let strokes = field.value ? JSON.parse(field.value).strokes : [];
  let pen = null;

  function show() {
    pad.querySelector("path").setAttribute("d", strokes.map(strokePath).join(""));
  }

  function save() {
    show();
    field.value = strokes.length ? JSON.stringify({ aspect: PAD_WIDTH / PAD_HEIGHT, strokes }) : "";
    undo.disabled = clear.disabled = !strokes.length;
    const drawn = isFull() ? "Drawn. The pad is full. Undo or clear to change your signature." : "Drawn";
    status.textContent = strokes.length ? drawn : "Nothing drawn yet";
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function hasRoomForPoints() {
    return strokes.reduce((sum, stroke) => sum + stroke.length, 0) < max.points;
  }

  function isFull() {
    return strokes.length >= max.strokes || !hasRoomForPoints();
  }

  function add(event) {
    const box = pad.getBoundingClientRect();
    const clamp = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
    const point = [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
    const stroke = strokes[strokes.length - 1];
    const before = stroke[stroke.length - 1];
    const far =
      !before || Math.hypot(point[0] - before[0], ((point[1] - before[1]) * PAD_HEIGHT) / PAD_WIDTH) > MIN_STEP;
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
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    (events.length ? events : [event]).forEach(add);
    show();
  });
  for (const type of ["pointerup", "pointercancel"]) {
    pad.addEventListener(type, (event) => {
      if (event.pointerId !== pen) return;
      pen = null;
      save();
    });
  }
  undo.addEventListener("click", () => {
    strokes.pop();
    save();
  });
  clear.addEventListener("click", () => {
    strokes = [];
    save();
  });
  save();
}

function offerDrawing() {
  const option = signingForm.querySelector("[data-draw-option]");
  signingForm.querySelector("[data-signature-options]").hidden = false;
  option.hidden = false;
  const radio = option.querySelector("input");
  if (radio.hasAttribute("data-chosen")) radio.checked = true;
  drawOn(signingForm.querySelector("[data-pad]"));
}

// Shows the signature block of the signed PDF, drawn by the server. A canvas shows the image, because the content
// security policy forbids data URLs.
function offerPreview() {
  const preview = signingForm.querySelector("[data-preview]");
  if (!preview) return;
  const canvas = preview.querySelector("canvas");
  const status = preview.querySelector("[data-preview-status]");
  let timer = 0;

  async function show() {
    const body = new URLSearchParams(new FormData(signingForm));
    body.delete("password");
    const response = await fetch(signingForm.querySelector("[data-signing]").dataset.address, { method: "POST", body });
    const { picture, trouble } = await response.json();
    canvas.hidden = !picture;
    status.textContent = trouble || "The date and time will be when you sign.";
    if (!picture) return;
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.dataset.shown = "yes";
  }

  function showLater() {
    window.clearTimeout(timer);
    if (!preview.open) return;
    timer = window.setTimeout(
      () =>
        show().catch(() => {
          status.textContent = "The preview couldn't be loaded. You can still sign.";
        }),
      300,
    );
  }

  preview.hidden = false;
  preview.addEventListener("toggle", showLater);
  signingForm.querySelector("[data-signing]").addEventListener("change", showLater);
}

// Without a network, sending a form would replace the page by the browser's error page.
function holdWhileOffline() {
  const warning = document.querySelector("[data-offline]");
  document.addEventListener(
    "submit",
    (event) => {
      if (navigator.onLine) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      warning.hidden = false;
    },
    { capture: true },
  );
  window.addEventListener("online", () => {
    warning.hidden = true;
  });
}

if (signingForm) {
  holdWhileOffline();
  offerDrawing();
  offerPreview();
}
