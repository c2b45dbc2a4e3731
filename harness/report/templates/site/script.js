"use strict";
// Sorting and filtering of tables. The page works without it.
const tables = [...document.querySelectorAll("table.sortable")];
for (const table of tables) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.querySelectorAll("th:not([scope])")];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rank = (a) => (a === "–" ? 1 : 0);
      const order = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        // Rows without a value are always last.
        if (rank(x) || rank(y)) return rank(x) - rank(y);
        const less = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
        return down ? -less : less;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
for (const input of document.querySelectorAll(".filter input")) {
  const line = input.closest("p");
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const id = row.cells[0].textContent.toLowerCase();
      row.hidden = !words.every((word) => id.includes(word));
    }
    // Hide tables without visible rows, including their titles.
    for (const table of tables) table.closest(".cases").hidden = [...table.tBodies[0].rows].every((row) => row.hidden);
    line.querySelector("output").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  line.hidden = false;
  input.addEventListener("input", show);
  show();
}
