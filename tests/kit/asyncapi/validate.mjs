// What AsyncAPI's own parser says of the documents given: one JSON line each, {version, problems}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.cwd() + "/");
const { Parser } = require("@asyncapi/parser");

for (const file of process.argv.slice(2)) {
  const source = pathToFileURL(file).href;
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"), { source });
  const problems = diagnostics.map(({ code, path, message }) => `${code} at ${path.join(".")}: ${message}`);
  const messages = document ? document.allMessages().all().length : 0;
  console.log(JSON.stringify({ version: document?.version() ?? null, messages, problems }));
}
