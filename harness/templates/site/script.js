"use strict";
// Sorting and filtering; without scripts the tables stay as they are.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = table.tHead.rows[table.tHead.rows.length - 1];
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.textContent.trim();
  };
  [...headings.cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rank = (a) => (a === null || a === "–" ? 1 : 0);
      const order = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        // What has no value stays below, whichever way round.
        if (rank(x) || rank(y)) return rank(x) - rank(y);
        const less = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
        return down ? -less : less;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
for (const input of document.querySelectorAll("input[data-table]")) {
  const line = input.closest("p");
  const rows = [...document.getElementById(input.dataset.table).tBodies[0].rows];
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const id = row.cells[0].textContent.toLowerCase();
      row.hidden = !words.every((word) => id.includes(word));
      if (!row.hidden) shown += 1;
    }
    line.querySelector("output").textContent = `${shown} of ${rows.length}`;
  };
  line.hidden = false;
  input.addEventListener("input", show);
  show();
}
