/** How many COMPOUNDs, and so round trips, each operation takes: on a server that refuses nothing, and on others. */
import { setImmediate } from "node:timers/promises";
import { type Dialect, type NfsServer, type Profile, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { connectNfs, etagOf, type NfsClient, onDiagnostics } from "nfs-client";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { type Bench, boundedFigure, type Figure, type Row } from "../row.ts";

export const compounds: Row = {
  name: "compounds",
  what: "COMPOUNDs of all operations on a file two directories deep, on servers that refuse different things",
  seconds: 10,
  check,
};

interface Server {
  readonly name: string;
  readonly profile: Profile;
  readonly dialect?: Partial<Dialect>;
  /** COMPOUNDs of all {@link OPERATIONS} together, at most. */
  readonly limit: number;
}

const SERVERS: readonly Server[] = [
  { name: "full", profile: "full", limit: 33 },
  { name: "8 operations", profile: "full", dialect: { maximumOperations: 8 }, limit: 41 },
  { name: "no VERIFY", profile: "full", dialect: { unsupportedOperations: ["VERIFY", "NVERIFY"] }, limit: 37 },
  { name: "no LINK", profile: "full", dialect: { unsupportedOperations: ["LINK"] }, limit: 35 },
  { name: "no current stateid", profile: "full", dialect: { currentStateid: false }, limit: 38 },
  { name: "no anonymous READ", profile: "full", dialect: { anonymousRead: false }, limit: 33 },
  { name: "efs", profile: "efs", limit: 41 },
  { name: "strictest", profile: "strictest", limit: 49 },
];

const KIBIBYTE = 1024;
const SMALL = Buffer.alloc(4 * KIBIBYTE);
const LARGE = Buffer.alloc(4 * KIBIBYTE * KIBIBYTE);
const FILE = "/dir/sub/file";
const OTHER = "/dir/sub/other";

/** What is counted, after what has to be known for it. */
type Prepare = (client: NfsClient) => Promise<() => Promise<unknown>>;

const nothingBefore =
  (operation: (client: NfsClient) => Promise<unknown>): Prepare =>
  async (client) =>
  () =>
    operation(client);

const knowingEtag =
  (operation: (client: NfsClient, etag: string) => Promise<unknown>): Prepare =>
  async (client) => {
    const etag = etagOf(await client.stat(FILE));
    return () => operation(client, etag);
  };

/** In this order: each finds what the ones before it left. */
const OPERATIONS: Readonly<Record<string, Prepare>> = {
  "write 4 KiB": nothingBefore((client) => client.writeFile(FILE, SMALL)),
  "write 4 KiB where no file is": nothingBefore((client) => client.writeFile(OTHER, SMALL, { when: "absent" })),
  "write 4 KiB over an etag": knowingEtag((client, etag) => client.writeFile(FILE, SMALL, { when: { etag } })),
  "append 4 KiB": nothingBefore((client) => client.appendFile(FILE, SMALL)),
  "read 4 KiB": nothingBefore((client) => client.readFile(OTHER)),
  stat: nothingBefore((client) => client.stat(FILE)),
  rename: nothingBefore((client) => client.rename(OTHER, `${OTHER}-2`)),
  "write 4 MiB": nothingBefore((client) => client.writeFile(OTHER, LARGE)),
  "read 4 MiB": nothingBefore((client) => client.readFile(OTHER)),
  "list 3 names": nothingBefore((client) => count(client.readDirectory("/dir/sub"))),
  remove: nothingBefore((client) => client.remove(OTHER)),
  "remove an etag": knowingEtag((client, etag) => client.remove(FILE, { when: { etag } })),
  "make a directory": nothingBefore((client) => client.makeDirectory(OTHER)),
};

/** Of one operation; SEQUENCE counts as an operation of the protocol. */
interface Count {
  compounds: number;
  operations: number;
}

async function check(bench: Bench): Promise<Figure[]> {
  const counts: Record<string, Count>[] = [];
  for (const server of SERVERS) counts.push(await countOn(bench, server));
  bench.note(tableOf(counts));
  return SERVERS.map(({ name, limit }, index) => {
    const total = Object.values(counts[index] ?? {}).reduce((sum, { compounds }) => sum + compounds, 0);
    return boundedFigure(`${name}: COMPOUNDs`, total, limit);
  });
}

async function countOn({ cleanups }: Bench, { profile, dialect = {} }: Server): Promise<Record<string, Count>> {
  const directory = await makeTemporaryDirectory("bench-compounds-");
  cleanups.add(() => directory.remove());
  const server = await startNfsServer({ directory: directory.path, profile, dialect, durable: false });
  cleanups.add(() => server.close());
  const client = await connectNfs({ host: server.host, port: server.port });
  cleanups.add(() => client.close());
  // It learns what the server refuses, and leaves nothing.
  await client.makeDirectory("/dir/sub", { recursive: true });
  for (const prepare of Object.values(OPERATIONS)) await (await prepare(client))();
  for (const left of [OTHER, `${OTHER}-2`]) await client.remove(left);

  const counts: Record<string, Count> = {};
  for (const [name, prepare] of Object.entries(OPERATIONS)) {
    const operation = await prepare(client);
    const counted = { compounds: 0, operations: 0 };
    const end = onDiagnostics("nfs-client:compound", (message) => {
      if (message.client !== client.name || message.operations.includes(PING)) return;
      counted.compounds += 1;
      counted.operations += message.operations.length;
    });
    await operation();
    await settled(client, server);
    end();
    counts[name] = counted;
  }
  return counts;
}

/** What {@link NfsClient.ping} sends. */
const PING = "EXCHANGE_ID";

/** Some files are closed when nobody waits for it any more. What the server says after that comes after its reply. */
async function settled(client: NfsClient, server: NfsServer): Promise<void> {
  while (server.statistics().opens > 0) await setImmediate();
  await client.ping();
}

async function count(entries: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of entries);
}

/** COMPOUNDs, and in brackets the operations in them. */
function tableOf(counts: readonly Readonly<Record<string, Count>>[]): string {
  const cells = (name: string) =>
    counts.map((each) => `${each[name]?.compounds ?? ""} (${each[name]?.operations ?? ""})`);
  const lines = [
    ["operation", ...SERVERS.map(({ name }) => name)],
    ["---", ...SERVERS.map(() => "--:")],
    ...Object.keys(OPERATIONS).map((name) => [name, ...cells(name)]),
  ];
  const table = lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
  return `COMPOUNDs of each operation and, in brackets, the operations of the protocol in them:\n\n${table}`;
}
