"use strict";
// All that runs on a page; its Content-Security-Policy names this text by its hash and forbids every other.

// Tables sort by any column: numbers by their first number, all else as text. Leads and notes at the foot stay there.
function key(row, place) {
  // Without what is small beside it, such as the paper's number, whose digits would continue ours.
  const parts = [...(row.cells[place]?.childNodes ?? [])].filter((part) => part.nodeName !== "SMALL");
  const said = parts.map((part) => part.textContent).join("");
  const text = said.trim().replaceAll("−", "-").replaceAll(",", "");
  const number = text.match(/^[^\d+-]{0,2}([+-]?\d+(\.\d+)?(e[+-]?\d+)?)/i);
  return number ? Number(number[1]) : text === "" || text === "–" ? null : text;
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sort(head) {
  const body = head.closest("table").tBodies[0];
  const descending = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...body.rows].map((row, order) => [key(row, head.cellIndex), order, row]);
  rows.sort(([a, i], [b, j]) => (a === null || b === null || !descending ? compare(a, b) : compare(b, a)) || i - j);
  for (const [, , row] of rows) body.append(row);
}

for (const head of document.querySelectorAll("table:not(.text) thead th")) {
  if (head.closest("table").tBodies[0].rows.length < 3) continue;
  head.tabIndex = 0;
  head.classList.add("sorts");
  head.title = "sort by this column";
  head.addEventListener("click", () => sort(head));
  head.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    sort(head);
  });
}

// Figures zoom by a click, or by Enter; what is wider than its frame says that it scrolls.
function mark(frame) {
  frame.classList.toggle("more", frame.scrollWidth > frame.clientWidth + 1);
}

const frames = document.querySelectorAll(".scroll");
for (const frame of frames) {
  mark(frame);
  if (!frame.closest("figure")) continue;
  const zoom = () => {
    frame.classList.toggle("zoomed");
    mark(frame);
  };
  frame.title = "click to zoom";
  frame.addEventListener("click", zoom);
  frame.addEventListener("keydown", (event) => event.key === "Enter" && zoom());
}
addEventListener("resize", () => frames.forEach(mark));
for (const details of document.querySelectorAll("details"))
  details.addEventListener("toggle", () => details.querySelectorAll(".scroll").forEach(mark));
