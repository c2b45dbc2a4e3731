// Answers each line, a YAML text as JSON, with the events of the reference parser as JSON, or with null if it refuses the
// text: node driver.js LIB, where LIB is parser-1.2/javascript/lib of a copy of yaml/yaml-reference-parser.
//
// The parser backtracks, so a text that takes too many steps is answered with "slow".

const path = require("path");
const lib = path.resolve(process.argv[2]);
for (const module of ["prelude", "parser", "receiver"]) require(path.join(lib, module));

const STEPS = 3_000_000;

class Limited extends Parser {
  steps = 0;

  call(...args) {
    if (++this.steps > STEPS) throw "slow";
    return super.call(...args);
  }
}

const TYPES = {
  stream_start: "+STR", stream_end: "-STR", document_start: "+DOC", document_end: "-DOC", mapping_start: "+MAP",
  mapping_end: "-MAP", sequence_start: "+SEQ", sequence_end: "-SEQ", scalar: "=VAL", alias: "=ALI",
};
const STYLES = { plain: ":", single: "'", double: '"', literal: "|", folded: ">" };
const ESCAPES = { "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b" };

function text(event) {
  const type = TYPES[event.event];
  const parts = [type];
  if (type === "+DOC" && event.explicit) parts.push("---");
  if (event.flow) parts.push(type === "+MAP" ? "{}" : "[]");
  if (event.anchor) parts.push(`&${event.anchor}`);
  if (event.tag) parts.push(`<${event.tag}>`);
  if (event.name) parts.push(`*${event.name}`);
  if (event.value !== undefined) {
    parts.push(STYLES[event.style] + event.value.replace(/[\\\n\t\r\x08]/g, (found) => ESCAPES[found]));
  }
  return parts.join(" ");
}

function answer(yaml) {
  const parser = new Limited(new Receiver());
  try {
    parser.parse(yaml);
  } catch (error) {
    return error === "slow" ? error : null;
  }
  return parser.receiver.event.map(text);
}

// What the parser prints is not part of the answers.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write = () => true;
const lines = require("readline").createInterface({ input: process.stdin });
lines.on("line", (line) => print(JSON.stringify(answer(JSON.parse(line))) + "\n"));
