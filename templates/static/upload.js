// An upload: tells of a wrong file before it is sent, and that it is under way.
"use strict";

const form = document.querySelector("[data-upload]");
const input = form.querySelector("input[type=file]");
const trouble = document.getElementById(`${input.id}-error`);
const kinds = input.accept.split(",");
const maxBytes = Number(form.dataset.maxBytes);

function problemWith(file) {
  if (!file) return "Choose a file first.";
  if (file.size > maxBytes)
    return `This file is larger than ${Math.floor(maxBytes / 2 ** 20)} MB. ${form.dataset.tooLarge}`;
  if (file.size === 0) return "This file is empty.";
  if (file.type && !kinds.includes(file.type))
    return `Please choose a ${kinds.length > 1 ? "PDF, JPEG or PNG" : "PDF"} file.`;
  return "";
}

function show(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

input.addEventListener("change", () => show(input.files.length ? problemWith(input.files[0]) : ""));

form.addEventListener(
  "submit",
  (event) => {
    const problem = problemWith(input.files[0]);
    show(problem);
    if (problem) {
      event.preventDefault();
      event.stopImmediatePropagation();
      input.focus();
      return;
    }
    form.querySelector("[data-progress]").textContent = "Uploading. Please keep this page open…";
  },
  { capture: true },
);
