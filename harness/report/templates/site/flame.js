"use strict";
// Search in flame graphs: what does not match is pale. The page works without it.
for (const input of document.querySelectorAll(".search input")) {
  const line = input.closest("p");
  const frames = [...document.querySelectorAll(".flame svg svg")];
  const titles = frames.map((frame) => frame.querySelector("title").textContent.toLowerCase());
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter((word) => word);
    const found = titles.map((title) => words.every((word) => title.includes(word)));
    frames.forEach((frame, index) => frame.classList.toggle("dim", !found[index]));
    line.querySelector("output").textContent = words.length ? `${found.filter((it) => it).length} of ${frames.length} frames` : "";
  };
  line.hidden = false;
  input.addEventListener("input", show);
}
