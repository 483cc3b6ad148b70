/** The client takes what the document of the API says that the router sends, and sends what it says that it takes. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import openapiTypescript, { astToString, type OpenAPI3 } from "openapi-typescript";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MemoryHttpServer, startMemoryServer } from "../../support/memory-server.ts";

const CLIENT = resolve("packages/efs-files/src/remote/schemas.ts");

/** Every response that the client reads, and every request it makes. */
const USE = `
import type { input } from "zod";
import type * as client from ${JSON.stringify(CLIENT)};
import type { paths } from "./document.ts";

declare function some<Value>(): Value;

/** Also every property that need not be there. */
interface Whole<Value> {
  readonly value: Value;
  readonly complete: Complete<Value>;
}

type Complete<Value> = Value extends object ? { [Key in keyof Value]-?: Complete<Value[Key]> } : Value;

type Files = paths["/files/{path}"];
type Operation = Files["get"] | Files["put"] | Files["post"] | Files["delete"] | paths["/batch"]["post"];
type Query<Of extends Operation> = Of["parameters"]["query"];

export const problem: Whole<input<typeof client.problemDocument>> =
  some<Whole<Operation["responses"]["default"]["content"]["application/problem+json"]>>();
export const page: Whole<input<typeof client.directoryPage>> =
  some<Whole<Files["get"]["responses"][200]["content"]["application/json"]>>();
export const result: Whole<input<typeof client.batchResult>> =
  some<Whole<paths["/batch"]["post"]["responses"][200]["content"]["application/x-ndjson"]>>();
export const line: Whole<input<typeof client.deletionLine>> =
  some<Whole<Files["delete"]["responses"][200]["content"]["application/x-ndjson"]>>();
export const extracted: Whole<input<typeof client.extractResult>> =
  some<Whole<Files["put"]["responses"][200 | 207]["content"]["application/json"]>>();

export const batch: paths["/batch"]["post"]["requestBody"]["content"]["application/json"] = some<client.BatchRequest>();
export const listed: Query<Files["get"]> = { limit: 1_000, cursor: "" };
export const extracting: Query<Files["put"]> = { extract: "tar" };
export const appended: Query<Files["post"]> = { append: "" };
export const recursive: Query<Files["delete"]> = { recursive: "" };
`;

let server: MemoryHttpServer;
let folder: string;

beforeAll(async () => {
  server = await startMemoryServer();
  // Below the tests, so that imports of packages lead somewhere.
  folder = await mkdtemp(resolve("node_modules/.api-document-"));
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the compiler says of the client against a document. */
async function differences(documentText: string): Promise<string[]> {
  const document: OpenAPI3 = JSON.parse(documentText);
  await writeFile(join(folder, "document.ts"), astToString(await openapiTypescript(document)));
  const use = join(folder, "use.ts");
  await writeFile(use, USE);
  const { config } = ts.readConfigFile("tsconfig.json", ts.sys.readFile);
  const {
    options: { tsBuildInfoFile: _, ...options },
  } = ts.parseJsonConfigFileContent({ ...config, files: [use] }, ts.sys, process.cwd());
  const program = ts.createProgram([use], { ...options, incremental: false });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

test("the client and the document agree", async () => {
  expect(await differences(JSON.stringify(server.app.swagger()))).toEqual([]);
});

test("a change of the document that the client does not know is found", async () => {
  const text = JSON.stringify(server.app.swagger());
  for (const [known, other] of [
    ['"nextCursor"', '"next"'],
    ['"enum":["delete"]', '"enum":["remove"]'],
    ['"name":"append"', '"name":"add"'],
  ] as const) {
    const changed = text.replaceAll(known, other);
    expect(changed, known).not.toBe(text);
    expect(await differences(changed), known).not.toEqual([]);
  }
});
