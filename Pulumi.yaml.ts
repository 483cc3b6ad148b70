/** Writes the keys of config.ts into Pulumi.yaml, each with its meaning and default: `npm run config`. */
import { readFileSync, writeFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { declarations } from "./config.ts";

const FILE = `${import.meta.dirname}/Pulumi.yaml`;

/** What the file says with the keys as config.ts has them; what else is in it stays. */
export function projectFile(): string {
  const document = parseDocument(readFileSync(FILE, "utf8"));
  document.set(
    "config",
    document.createNode(
      Object.fromEntries(
        Object.entries(declarations).map(([key, { description, default: text }]) => [
          key,
          { description, default: asYaml(text) },
        ]),
      ),
    ),
  );
  return document.toString({ lineWidth: 0 });
}

/** Numbers, flags and lists as YAML has them; the rest is text. */
function asYaml(text: string): unknown {
  return /^(\d+|true|false|\[.*\])$/.test(text) ? JSON.parse(text) : text;
}

if (process.argv[1] === import.meta.filename) writeFileSync(FILE, projectFile());
