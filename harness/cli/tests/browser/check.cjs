// Opens the pages of a site in headless Chromium and prints all problems as JSON:
// {"failures": ["page: what"], "series": {"page": {"chart id": number of series drawn}},
//  "fold": {"page": where its first chart ends in a window of 1400 x 900 pixels}}.
//
//   node check.cjs MODULES SITE
//
// MODULES is a node_modules folder with playwright-core and axe-core, SITE a folder of pages. Only a few pages of
// cases are opened.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { pathToFileURL, fileURLToPath } = require("node:url");

const [modules, site] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(modules), "x"));
const { chromium } = load("playwright-core");
const axe = fs.readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const root = path.resolve(site);
// Pages of cases are similar: the first few, and the first with a flame graph.
const CASES = 4;
const all = fs.readdirSync(root, { recursive: true }).filter((name) => name.endsWith(".html")).sort();
const cases = all.filter((name) => name.startsWith("case/"));
const flame = cases.find((name) => fs.readFileSync(path.join(root, name), "utf8").includes('class="chart flame"'));
const pages = all.filter((name) => !cases.includes(name) || cases.indexOf(name) < CASES || name === flame);
const failures = [];
const series = {};
const fold = {};

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.HIGHWATER_CHROMIUM || "/usr/bin/chromium", args: FLAGS });
  const ids = new Map();
  const anchors = (file) => {
    if (!ids.has(file)) ids.set(file, new Set([...fs.readFileSync(file, "utf8").matchAll(/ id="([^"]*)"/g)].map((it) => it[1])));
    return ids.get(file);
  };

  const open = async (name, options) => {
    const context = await browser.newContext(options);
    // The machine may be busy with other tests and builds.
    context.setDefaultTimeout(180_000);
    const page = await context.newPage();
    const fail = (what) => failures.push(`${name}: ${what}`);
    page.on("console", (message) => { if (message.type() === "error") fail(`console: ${message.text()}`); });
    page.on("pageerror", (error) => fail(`script: ${error.message}`));
    page.on("dialog", (dialog) => { fail(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) fail(`requests ${request.url()}`); });
    await page.goto(pathToFileURL(path.join(root, name)).href);
    return { page, fail, close: () => context.close() };
  };

  for (const name of pages) {
    const wide = await open(name, { viewport: { width: 1400, height: 900 }, colorScheme: "light" });
    fold[name] = await wide.page.evaluate(() => Math.ceil(document.querySelector("figure.chart")?.getBoundingClientRect().bottom ?? 0));
    await answers(wide);
    await links(wide, anchors);
    await charts(wide, name);
    await texts(wide);
    await accessible(wide, "light");
    if (await wide.page.locator("table.sortable").count()) await tables(wide);
    if (await wide.page.locator(".flame").count()) await search(wide);
    for (const width of [1400, 1000]) {
      await wide.page.setViewportSize({ width, height: 900 });
      await fits(wide, width);
    }
    await wide.page.emulateMedia({ media: "print" });
    // A4 without margins of 1 cm, at 96 pixels per inch.
    await wide.page.setViewportSize({ width: 718, height: 1000 });
    await fits(wide, 718, "in print");
    await wide.close();
    const narrow = await open(name, { viewport: { width: 375, height: 800 }, colorScheme: "dark" });
    await fits(narrow, 375);
    const small = await narrow.page.evaluate(() => [...document.querySelectorAll("svg text")]
      .map((text) => text.getBoundingClientRect().height).filter((height) => height > 0 && height < 11).length);
    if (small > 0) narrow.fail(`${small} texts in charts are lower than 11 px at 375 px`);
    const light = await narrow.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0));
    if (light > 150) narrow.fail("is not dark with a dark colour scheme");
    await texts(narrow);
    await accessible(narrow, "dark");
    await narrow.close();
  }
  await withoutScripts();
  await browser.close();
  console.log(JSON.stringify({ failures, series, fold }));

  // Every link leads to an existing file and anchor.
  async function links({ page, fail }) {
    const hrefs = await page.evaluate(() => [...document.querySelectorAll("a[href]")].map((a) => a.href));
    for (const href of new Set(hrefs)) {
      const url = new URL(href);
      if (url.protocol === "https:" || url.protocol === "http:") continue;
      if (url.protocol !== "file:") { fail(`a link to ${href}`); continue; }
      const hash = decodeURIComponent(url.hash.slice(1));
      url.hash = "";
      const file = fileURLToPath(url);
      if (!fs.existsSync(file)) fail(`a link to ${href}, which does not exist`);
      else if (hash && !anchors(file).has(hash)) fail(`a link to ${href}, which has no such anchor`);
    }
  }

  // Every chart has a title, a description and the declared number of series.
  async function charts({ page, fail }, name) {
    const found = await page.evaluate(() => [...document.querySelectorAll("figure.chart")].map((figure) => ({
      id: figure.id,
      declared: Number(figure.dataset.series),
      title: figure.querySelector("figcaption")?.textContent ?? "",
      description: figure.querySelector("svg[role=img]")?.getAttribute("aria-label") ?? figure.getAttribute("aria-label") ?? "",
      rows: figure.classList.contains("rows") ? figure.querySelectorAll("li:not(.ticks)").length : undefined,
      // Series are at least 2 wide; axes and intervals are 1.
      lines: [...figure.querySelectorAll('svg polyline[stroke^="var(--s"]')].filter((line) => Number(line.getAttribute("stroke-width")) > 1).length,
      colours: [...figure.querySelectorAll("svg *")].filter((it) => /#|rgb/.test((it.getAttribute("fill") ?? "") + (it.getAttribute("stroke") ?? ""))).length,
    })));
    series[name] = {};
    for (const chart of found) {
      series[name][chart.id] = chart.lines || chart.declared;
      if (!chart.title || !chart.description) fail(`${chart.id} has no title or no description`);
      if (chart.rows !== undefined && chart.rows !== chart.declared) fail(`${chart.id} declares ${chart.declared} rows and has ${chart.rows}`);
      if (chart.lines && chart.lines !== chart.declared) fail(`${chart.id} declares ${chart.declared} lines and draws ${chart.lines}`);
      if (chart.colours) fail(`${chart.id} has ${chart.colours} fixed colours, which do not follow the colour scheme`);
    }
    const duplicates = await page.evaluate(() => {
      const all = [...document.querySelectorAll("[id]")].map((it) => it.id);
      return all.filter((id, index) => all.indexOf(id) !== index);
    });
    if (duplicates.length) fail(`duplicate ids: ${duplicates}`);
  }

  // Texts of a chart stay inside it and do not overlap. An inner image cuts its text.
  async function texts({ page, fail }) {
    const wrong = await page.evaluate(() => [...document.querySelectorAll("figure.chart:not(.rows) :not(svg) > svg, figure.chart:not(.rows) > svg, figure.rows")].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      const visible = (text) => {
        const [box, inner] = [text.getBoundingClientRect(), text.closest("svg svg")?.querySelector("rect").getBoundingClientRect()];
        if (!inner) return box;
        return { left: Math.max(box.left, inner.left), right: Math.min(box.right, inner.right), top: box.top, bottom: box.bottom };
      };
      const boxes = [...svg.querySelectorAll("text, .name, b, small")].map((text) => ({ text: text.textContent.trim(), box: visible(text) }));
      const outside = boxes.filter(({ box }) => box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2);
      const over = boxes.filter(({ box: a }, index) => boxes.slice(index + 1).some(({ box: b }) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4));
      const { id } = svg.closest("figure");
      return [...outside.map(({ text }) => `${id}: "${text}" exceeds the chart`), ...over.map(({ text }) => `${id}: "${text}" overlaps another text`)];
    }));
    wrong.slice(0, 5).forEach(fail);
  }

  // The page is no wider than the window, tables scroll in their regions with the first column in place, and nothing
  // is cut in print.
  async function fits({ page, fail }, width, where = `at ${width} px`) {
    const found = await page.evaluate(() => document.documentElement.scrollWidth);
    if (found > width) fail(`scrolls horizontally ${where}: ${found} px wide`);
    const wrong = await page.evaluate((width) => [...document.querySelectorAll("table")].flatMap((table) => {
      const region = table.closest(".scroll");
      const beyond = table.getBoundingClientRect().right - width;
      const scrolls = region && getComputedStyle(region).overflowX === "auto";
      if (!scrolls && beyond > 1) return [`a table is cut: ${Math.ceil(beyond)} px`];
      if (!scrolls || region.scrollWidth <= region.clientWidth + 1) return [];
      region.scrollLeft = region.scrollWidth;
      const head = table.tBodies[0]?.rows[0]?.querySelector("th");
      const moved = head && region.getBoundingClientRect().left - head.getBoundingClientRect().left;
      region.scrollLeft = 0;
      return head && Math.abs(moved) > 3 ? [`the first column of a table scrolls away by ${Math.ceil(moved)} px`] : [];
    }), width);
    wrong.slice(0, 3).forEach((what) => fail(`${what} ${where}`));
  }

  // The figures of a sentence are those of its chart.
  async function answers({ page, fail }) {
    const wrong = await page.evaluate(() => [...document.querySelectorAll(".answer")].flatMap((answer) => {
      const figures = [...answer.querySelectorAll("data[data-case]")];
      const chart = answer.parentElement.querySelector("figure.chart");
      if (!figures.length) return [`a sentence without figures: ${answer.textContent}`];
      if (!chart?.matches(".rows")) return [];
      const values = [...chart.querySelectorAll("li b")].map((value) => value.textContent);
      return figures.filter((figure) => !values.includes(figure.textContent)).map((figure) => `${chart.id} has no ${figure.textContent}`);
    }));
    wrong.forEach(fail);
  }

  // Without preloading: a page that was opened from disk may not read its style sheet. Rows of a table are similar, so
  // those after the tenth are left out. What a scheme changes is the contrast.
  async function accessible({ page, fail }, scheme) {
    await page.evaluate(axe);
    const only = scheme === "dark" ? { runOnly: ["color-contrast"] } : {};
    const { violations } = await page.evaluate((only) => window.axe.run({ exclude: [["tbody tr:nth-child(n + 11)"]] }, { preload: false, resultTypes: ["violations"], ...only }), only);
    for (const { id, impact, nodes } of violations.filter((it) => it.impact === "serious" || it.impact === "critical")) {
      fail(`axe, ${scheme}: ${id} (${impact}) at ${nodes[0].target} and ${nodes.length - 1} more: ${nodes[0].html.slice(0, 200)}`);
    }
  }

  // Sorting of each table by each numeric column, and filtering of all tables.
  async function tables({ page, fail }) {
    const rows = (within = "") => page.evaluate((within) => [...document.querySelectorAll(`${within} table.sortable tbody tr`)].filter((row) => row.offsetParent).map((row) => ({ id: row.cells[0].querySelector(".id").textContent, values: [...row.cells].map((cell) => cell.dataset.v) })), within);
    const before = await rows();
    for (let index = 1; index <= await page.locator(".cases").count(); index += 1) {
      const within = `.cases:nth-of-type(${index})`;
      const buttons = page.locator(`${within} thead button`);
      const last = (await buttons.count()) - 1;
      // Many rows take long to sort, and all columns sort alike.
      const columns = before.length > 100 ? [1, last] : Array.from({ length: last }, (_, index) => index + 1);
      for (const column of columns.filter((column) => column <= last)) {
        for (const [sort, sign] of [["ascending", 1], ["descending", -1]]) {
          // By the mouse once per table, and then without its delays.
          if (column === 1) await buttons.nth(column).click();
          else await buttons.nth(column).evaluate((button) => button.click());
          const stated = await page.locator(`${within} thead th:has(button)`).nth(column).getAttribute("aria-sort");
          if (stated !== sort) fail(`column ${column} of table ${index} is not marked as ${sort}`);
          const values = (await rows(within)).map((row) => row.values[column]).filter((value) => value !== undefined).map(Number);
          if (values.some((value, at) => at > 0 && sign * (value - values[at - 1]) < 0)) fail(`column ${column} of table ${index} is not ${sort}: ${values}`);
        }
      }
    }
    if ((await rows()).length !== before.length) fail("rows were lost by sorting");
    const wanted = before[before.length - 1].id;
    await page.locator("input[type=search]").fill(wanted);
    const shown = (await rows()).map((row) => row.id);
    if (!shown.includes(wanted) || shown.some((id) => !id.includes(wanted))) fail(`the filter ${wanted} shows ${shown}`);
    await page.locator("input[type=search]").fill("no such case");
    if ((await rows()).length !== 0) fail("a filter without matches shows rows");
  }

  // What a search does not find in flame graphs is pale. Frames are inside those of their callers.
  async function search({ page, fail }) {
    const frames = () => page.evaluate(() => [...document.querySelectorAll(".flame svg svg")].map((frame) => ({
      title: frame.querySelector("title").textContent.toLowerCase(),
      dim: frame.classList.contains("dim"),
      box: frame.querySelector("rect").getBoundingClientRect().toJSON(),
      graph: frame.closest("figure").id,
    })));
    const all = await frames();
    if (all.some(({ dim }) => dim)) fail("frames are pale before a search");
    for (const { box, title, graph } of all) {
      const above = all.filter((other) => other.graph === graph && Math.abs(other.box.y + 19 - box.y) < 1);
      const isInside = above.some((other) => other.box.left <= box.left + 1 && other.box.right >= box.right - 1);
      if (!isInside && box.y > Math.min(...all.filter((other) => other.graph === graph).map((other) => other.box.y)) + 1) fail(`${graph}: ${title} is not below a caller`);
    }
    const input = page.locator(".search input");
    const wanted = all[all.length - 1].title.split(/[ (]/)[0];
    await input.fill(wanted);
    const found = await frames();
    if (!found.some(({ dim }) => !dim)) fail(`the search for ${wanted} finds nothing`);
    for (const { title, dim } of found) if (title.includes(wanted) === dim) fail(`the search for ${wanted} is wrong about ${title}`);
    await input.fill("no such function");
    if ((await frames()).some(({ dim }) => !dim)) fail("a search without matches finds frames");
    await input.fill("");
  }

  // Without scripts, all rows are visible and no controls are.
  async function withoutScripts() {
    for (const name of pages.filter((page) => /^(family|details|case)/.test(page))) {
      const { page, fail, close } = await open(name, { javaScriptEnabled: false });
      if (await page.locator(".filter:visible, .search:visible, table button").count()) fail("shows controls that do not work without scripts");
      if (await page.locator("table.sortable").count() && !(await page.locator("table.sortable tbody tr:visible").count())) fail("has no rows without scripts");
      await close();
    }
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
