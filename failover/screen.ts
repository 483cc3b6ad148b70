/** What the operator sees: each step as it is done, what is waited for, and both regions. */
import type { WriteStream } from "node:tty";
import Table from "cli-table3";
import { adviceOn } from "./advice.ts";
import { declaredSide, highestEpoch, takeoverOf } from "./declaration.ts";
import { SIDES, type Side } from "./observation.ts";
import type { Glimpse, Progress } from "./run.ts";

/** Milliseconds between two lines about a wait, where lines cannot be replaced. */
const LINE_INTERVAL = 15_000;

export class Screen {
  readonly #output: WriteStream;
  #lastWait: { readonly say: string; readonly at: number } | undefined;
  #isOpen = false;

  constructor(output: WriteStream) {
    this.#output = output;
  }

  show(progress: Progress): void {
    if (progress.kind === "acting") this.#line(`→ ${progress.say}`);
    else if (progress.kind === "waiting") this.#wait(progress.say, progress.seconds);
  }

  note(text: string): void {
    this.#line(text);
  }

  end(text?: string): void {
    if (this.#isOpen) this.#output.write("\n");
    this.#isOpen = false;
    if (text !== undefined) this.#line(`✓ ${text}`);
  }

  #wait(say: string, seconds: number): void {
    const text = `  ${say} … ${Math.round(seconds)} s`;
    if (this.#output.isTTY) {
      this.#output.write(`\r\u001B[2K${text.slice(0, this.#output.columns - 1)}`);
      this.#isOpen = true;
      return;
    }
    const now = performance.now();
    if (this.#lastWait?.say === say && now - this.#lastWait.at < LINE_INTERVAL) return;
    this.#lastWait = { say, at: now };
    this.#line(text);
  }

  #line(text: string): void {
    if (this.#isOpen) this.#output.write("\n");
    this.#isOpen = false;
    this.#output.write(`${text}\n`);
  }
}

export function showStatus(regions: Readonly<Record<Side, Glimpse>>, asJson: boolean): void {
  if (asJson) {
    console.log(JSON.stringify(regions));
    return;
  }
  const table = new Table({
    head: ["", ...SIDES],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [20, 44, 44],
  });
  const row = (name: string, of: (region: Glimpse) => string) =>
    table.push([name, ...SIDES.map((side) => of(regions[side]))]);
  row("region", ({ name }) => name);
  row("APIs", ({ reachable, problem }) => (reachable ? "answer" : `do not answer: ${problem ?? "no reason is known"}`));
  row("routers", routersInWords);
  table.push(["role", ...SIDES.map((side) => roleInWords(regions, side))]);
  row("epoch", ({ role }) => (role === undefined ? "" : `${role.epoch}, since ${role.changed_at}`));
  row(
    "file system",
    ({ fileSystem, fenced }) => `${fileSystem ?? "unknown"}${fenced ? ", its policy denies writes" : ""}`,
  );
  row("replication", replicationInWords);
  row("replicated until", ({ replication }) =>
    replication?.replicatedUntil === undefined
      ? ""
      : `${new Date(replication.replicatedUntil).toISOString()} (${ageOf(replication.replicatedUntil)})`,
  );
  row("last takeover", ({ role }) => {
    const until = role && takeoverOf(role);
    return until === undefined ? "" : `with what was replicated until ${until}`;
  });
  console.log(table.toString());
  console.log(`next: ${adviceOn(regions)}`);
}

function roleInWords(regions: Readonly<Record<Side, Glimpse>>, side: Side): string {
  const { role } = regions[side];
  if (role === undefined) return "unknown";
  const words = `${role.role}${role.alone ? ", alone" : ""}`;
  const isDeclared = declaredSide(regions) === side;
  if (isDeclared && role.role === "standby") return `${words}; declared the next primary`;
  if (!isDeclared && role.role !== "standby") return `${words}; replaced at epoch ${highestEpoch(regions)}`;
  return words;
}

function routersInWords({ routersAnswer, routersWrite }: Glimpse): string {
  if (!routersAnswer) return "do not answer";
  if (routersWrite === undefined) return "answer";
  return routersWrite === true ? "answer, and take writes" : `answer, and take no writes: ${routersWrite.refusal}`;
}

function replicationInWords({ replication, reachable }: Glimpse): string {
  if (replication === undefined) return reachable ? "none" : "unknown";
  return `${replication.source ?? "?"} → ${replication.destination ?? "?"}, ${replication.status}`;
}

function ageOf(time: number): string {
  return `${Math.round((Date.now() - time) / 1_000)} s ago`;
}
