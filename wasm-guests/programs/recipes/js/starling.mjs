// Builds the StarlingMonkey component: node starling.mjs OUTPUT, in the folder of guest.js and guest.wit.
import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "guest.js",
  witPath: "guest.wit",
  worldName: "sandbox",
  // The sandbox only computes and needs no network.
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(process.argv[2], component);
