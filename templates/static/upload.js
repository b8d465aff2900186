// Uploads: refuses a wrong file before it is sent, and shows that the upload has started.
"use strict";

const form = document.querySelector("[data-upload]");
const input = form.querySelector("input[type=file]");
const message = document.getElementById(`${input.id}-error`);
const mediaTypes = input.accept.split(",");

function findProblem(file) {
  if (!file) return "Choose a file first.";
  if (file.size > Number(form.dataset.maxBytes)) {
    return `This file is larger than ${form.dataset.maxSize}. ${form.dataset.tooLarge}`;
  }
  if (file.size === 0) return "This file is empty.";
  if (file.type && !mediaTypes.includes(file.type))
    return `Please choose a ${mediaTypes.length > 1 ? "PDF, JPEG or PNG" : "PDF"} file.`;
  return "";
}

function showProblem(text) {
  message.textContent = text;
  message.hidden = !text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

input.addEventListener("change", () => showProblem(input.files.length ? findProblem(input.files[0]) : ""));

form.addEventListener(
  "submit",
  (event) => {
    const problem = findProblem(input.files[0]);
    showProblem(problem);
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
