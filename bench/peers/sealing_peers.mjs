// Seals the same work as bench/sealing.py does, with two libraries, warm; writes medians in ms as JSON.
// Usage: node sealing_peers.mjs WORK.json
import { readFileSync } from "node:fs";
import { P12Signer, PDF } from "@libpdf/core";
import fontkit from "@pdf-lib/fontkit";
import { pdflibAddPlaceholder } from "@signpdf/placeholder-pdf-lib";
import { P12Signer as SignpdfSigner } from "@signpdf/signer-p12";
import signpdf from "@signpdf/signpdf";
import { PDFDocument } from "pdf-lib";

const work = JSON.parse(readFileSync(process.argv[2], "utf8"));
const fonts = work.fonts.map((path) => readFileSync(path));
const libpdfSigner = await P12Signer.create(new Uint8Array(readFileSync(work.p12)), work.password);
const p12 = readFileSync(work.p12);

function drawAll(page, lines, fonts) {
  for (const { text, x, y, size, face } of lines) page.drawText(text, { x, y, size, font: fonts[face] });
}

async function withLibpdf(bytes, fonts) {
  const pdf = await PDF.load(bytes);
  const embedded = fonts.map((font) => pdf.embedFont(font));
  drawAll(pdf.getPages()[1], work.stamp, embedded);
  drawAll(pdf.addPage({ size: "letter" }), work.certificate, embedded);
  await pdf.sign({ signer: libpdfSigner, reason: work.reason });
}

async function withPdfLib(bytes, fonts) {
  const pdf = await PDFDocument.load(bytes);
  pdf.registerFontkit(fontkit);
  const embedded = [];
  for (const font of fonts) embedded.push(await pdf.embedFont(font, { subset: true }));
  drawAll(pdf.getPages()[1], work.stamp, embedded);
  drawAll(pdf.addPage([612, 792]), work.certificate, embedded);
  pdflibAddPlaceholder({
    pdfDoc: pdf, reason: work.reason, contactInfo: "", name: "", location: "",
    subFilter: "ETSI.CAdES.detached",
  });
  // Its signer reads the key from the file each time, and can be used once.
  await new signpdf.SignPdf().sign(await pdf.save({ useObjectStreams: false }), new SignpdfSigner(p12, { passphrase: work.password }));
}

async function median(seal, bytes, fonts) {
  for (let i = 0; i < work.warm; i += 1) await seal(bytes, fonts);
  const times = [];
  for (let i = 0; i < work.runs; i += 1) {
    const started = performance.now();
    await seal(bytes, fonts);
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

const found = {};
for (const path of work.files) {
  const bytes = readFileSync(path);
  found[path] = {
    libpdf: await median(withLibpdf, bytes, fonts),
    pdflib: await median(withPdfLib, bytes, fonts),
    // Without fonts each draws in Helvetica, which viewers are expected to have.
    libpdf_bare: await median(withLibpdf, bytes, []),
  };
}
console.log(JSON.stringify(found));
