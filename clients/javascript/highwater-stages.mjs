/**
 * Stages of a Highwater worker, for programs in Node.js: one file without dependencies.
 *
 *     import { Worker } from "./highwater-stages.mjs";
 *
 *     const worker = new Worker();
 *     worker.stage("loaded");
 *     const units = [];
 *     for (const n of worker.ladder("live", [1, 10])) while (units.length < n) units.push(make());
 *     worker.end();
 *
 * At each stage the program waits until Highwater has read its memory. Outside a Highwater run, stages do nothing and a
 * ladder has its default scales, so the calls can stay in the program. The protocol is docs/protocol.md of Highwater.
 */

import { readSync, writeSync } from "node:fs";

const FD = 3;

/** The connection to Highwater, and the job that it sent. */
export class Worker {
  /** The id of the case, or null outside a run. */
  case = null;
  /** The ladder. */
  scales = [];
  /** The paths of prepared files. */
  inputs = [];
  /** The other lines of the job by name, such as `inject`. */
  options = {};
  #open = false;
  #received = "";

  constructor() {
    // The variable is in the environment of every worker, and descriptor 3 may be anything elsewhere.
    if (process.env.HIGHWATER_PADDING === undefined) return;
    this.#open = true;
    for (let line = this.#line(); line !== "go"; line = this.#line()) {
      const space = line.indexOf(" ");
      const name = space < 0 ? line : line.slice(0, space);
      const value = space < 0 ? "" : line.slice(space + 1);
      if (name === "case") this.case = value;
      else if (name === "ladder") this.scales = value.split(" ").filter(Boolean).map(Number);
      else if (name === "input") this.inputs.push(value);
      else this.options[name] = value;
    }
  }

  /** Waits at a stage until the memory of this program has been read. */
  stage(name) {
    if (!this.#open) return;
    this.#send(`reached ${name}`);
    if (this.#line() !== "go") throw new Error("highwater: expected `go`");
  }

  /** Yields each scale; when the body has made that many units, it reaches the stage `name@scale`. */
  *ladder(name, scales = []) {
    for (const scale of this.#open ? this.scales : scales) {
      yield scale;
      this.stage(`${name}@${scale}`);
    }
  }

  /** Stores a non-negative integer with the next stage. */
  figure(name, value) {
    this.#send(`figure ${name} ${value}`);
  }

  /** Stores a text with the case. */
  note(name, text) {
    this.#send(`note ${name} ${text}`);
  }

  /** Ends the program: the case cannot run here. */
  skip(reason) {
    this.#send(`skip ${reason}`);
    process.exit(0);
  }

  /** Says that all stages are done; the program then exits with status 0. */
  end() {
    this.#send("end");
    this.#open = false;
  }

  #send(line) {
    if (!this.#open) return;
    if (/[\n\0]/.test(line)) throw new Error(`a line break or NUL byte in ${JSON.stringify(line)}`);
    const bytes = Buffer.from(`${line}\n`);
    for (let at = 0; at < bytes.length; ) at += writeSync(FD, bytes, at);
  }

  #line() {
    const chunk = Buffer.alloc(4096);
    for (;;) {
      const end = this.#received.indexOf("\n");
      if (end >= 0) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 1);
        return line;
      }
      const count = readSync(FD, chunk);
      if (count === 0) throw new Error("highwater: the harness closed the connection");
      this.#received += chunk.toString("utf8", 0, count);
    }
  }
}
