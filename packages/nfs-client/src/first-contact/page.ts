/** The report as one page of plain text, 100 columns wide at most. */
import {
  type Answer,
  type Capabilities,
  type ExerciseResult,
  type Exercises,
  type Fencing,
  type Finding,
  type Grants,
  isOk,
  type Latency,
  type Ownership,
  type Reconnects,
  type Report,
  type Rights,
  type Sharing,
  type Throughputs,
} from "./report.ts";
import { type Column, table, wrap } from "./table.ts";
import { type Judgement, judge, retryText, textOf, type Verdict } from "./verdicts.ts";

export const PAGE_WIDTH = 100;

const MARKS: Readonly<Record<Verdict, string>> = { holds: "yes", fallback: "no", refused: "REFUSED", unknown: "?" };

export function renderPage(report: Report): string {
  const sections = [
    head(report),
    section("What the router assumes, and what it does", verdictTable(judge(report))),
    found("Session", report.grants, grantLines),
    found("Support", report.capabilities, capabilityLines),
    found("Reconnects", report.reconnects, reconnectLines),
    found("Another way to the same files", report.sharing, sharingLines),
    found("Fencing: a client's write after another client has ended its session", report.fencing, fencingLines),
    found("Operations, each alone behind SEQUENCE and PUTFH", report.exercises, ({ operations }) =>
      exerciseLines(operations),
    ),
    found("Shapes of as many operations as it takes", report.exercises, ({ longShapes }) => exerciseLines(longShapes)),
    found("Shapes of at most 8 operations", report.exercises, ({ shortShapes }: Exercises) =>
      exerciseLines(shortShapes),
    ),
    found("Throughput, MiB a second", report.throughput, throughputLines),
    found("Rights", report.rights, rightsLines),
    section("Left behind", report.leftBehind.length === 0 ? ["nothing"] : report.leftBehind.flatMap(paragraph)),
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function head({ targets, path, tls, quick, startedAt, seconds }: Report): string[] {
  const time = startedAt.toISOString().slice(0, 16).replace("T", " ");
  const how = `${tls ? "TLS" : "plain TCP"}${quick ? ", quick: the latencies are of few samples" : ""}`;
  return [
    ...paragraph(`First contact: ${targets.join(", ")}`),
    ...paragraph(`Directory ${path}, ${how}. ${time} UTC, ${seconds.toFixed(1)} s.`),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, "=".repeat(title.length), ...lines];
}

function found<T>(title: string, finding: Finding<T>, render: (value: T) => readonly string[]): string[] {
  const lines = "found" in finding ? render(finding.found) : paragraph(`Not answered: ${finding.failed}`);
  return section(title, lines);
}

function paragraph(text: string): string[] {
  return wrap(text, PAGE_WIDTH);
}

function verdictTable(judgements: readonly Judgement[]): string[] {
  const columns: Column[] = [
    { title: "assumption", maximumWidth: 30 },
    { title: "holds" },
    { title: "found", maximumWidth: 20 },
    { title: "what the router does", maximumWidth: 37 },
  ];
  return table(
    columns,
    judgements.map((each) => [each.assumption, MARKS[each.verdict], each.found, each.consequence]),
  );
}

function grantLines({ asked, granted, most, longestCompound, leaseSeconds, maximumRead, maximumWrite }: Grants) {
  const row = (name: string, key: keyof Grants["asked"]) => [name, `${asked[key]}`, `${granted[key]}`, `${most[key]}`];
  const rows = [
    row("operations in a COMPOUND", "maximumOperations"),
    row("slots", "maximumRequests"),
    row("bytes in a request", "maximumRequestSize"),
    row("bytes in a response", "maximumResponseSize"),
    row("bytes in a response that is kept", "maximumCachedResponseSize"),
  ];
  const columns: Column[] = [
    { title: "CREATE_SESSION" },
    { title: "router asks", alignment: "right" },
    { title: "granted", alignment: "right" },
    { title: "at most", alignment: "right" },
  ];
  const known = (value: number | undefined, unit: string) => (value === undefined ? "not said" : `${value} ${unit}`);
  return [
    ...table(columns, rows),
    "",
    `A COMPOUND of ${granted.maximumOperations} operations: ${textOf(longestCompound)}`,
    `Lease: ${known(leaseSeconds, "s")}. MAXREAD: ${known(maximumRead, "bytes")}. MAXWRITE: ${known(maximumWrite, "bytes")}.`,
  ];
}

function capabilityLines(found: Capabilities): string[] {
  const { anonymousRead, currentStateid, verify, link, guardedCreate, renameOver, attributes } = found;
  const rows: [string, Answer][] = [
    ["READ with the anonymous stateid", anonymousRead],
    ["READ with the current stateid", currentStateid.read],
    ["WRITE with the current stateid", currentStateid.write],
    ["CLOSE with the current stateid", currentStateid.close],
    ["LOCK with the current stateid", currentStateid.lock],
    ["VERIFY of the right size", verify.right],
    ["VERIFY of a wrong size", verify.wrong],
    ["LINK", link],
    ["OPEN GUARDED of a name that is taken", guardedCreate],
    ["RENAME over a file", renameOver],
  ];
  const missing = attributes.missing.length === 0 ? "none" : attributes.missing.join(" ");
  return [
    ...table(
      [{ title: "what" }, { title: "answer" }],
      rows.map(([what, answer]) => [what, textOf(answer)]),
    ),
    "",
    ...paragraph(`Attributes: ${attributes.supported.join(" ")}. Missing: ${missing}.`),
  ];
}

function reconnectLines({ connections, knewSession, afterLoss, retry, connecting }: Reconnects): string[] {
  const after = afterLoss === undefined ? "not tried, a new connection does not know it" : textOf(afterLoss);
  return table(
    [{ title: "what" }, { title: "answer" }],
    [
      ["connections that knew the session", `${knewSession} of ${connections}`],
      ["SEQUENCE after the only connection was closed", after],
      ["retry in the same slot, same connection", retryText(retry.sameConnection)],
      ["retry in the same slot, another connection", retryText(retry.otherConnection)],
      ["making a connection", `p50 ${milliseconds(connecting.p50)} ms, p99 ${milliseconds(connecting.p99)} ms`],
    ],
  );
}

function sharingLines(found: readonly Sharing[]): string[] {
  return table(
    [
      { title: "via", maximumWidth: 40 },
      { title: "session" },
      { title: "client id" },
      { title: "LOCK of a locked file" },
    ],
    found.map(({ via, session, sameClientId, lock }) => [
      via,
      isOk(session) ? "known" : textOf(session),
      sameClientId ? "the same" : "another",
      isOk(lock) ? "GRANTED" : textOf(lock),
    ]),
  );
}

function fencingLines(found: readonly Fencing[]): string[] {
  const written = ({ fence, write }: Fencing["newIncarnation"]) => {
    if (!isOk(fence)) return `not fenced: ${textOf(fence)}`;
    return isOk(write) ? "DONE" : textOf(write);
  };
  return table(
    [
      { title: "via", maximumWidth: 36 },
      { title: "by a new incarnation", maximumWidth: 29 },
      { title: "by DESTROY_SESSION", maximumWidth: 29 },
    ],
    found.map(({ via, newIncarnation, destroySession }) => [via, written(newIncarnation), written(destroySession)]),
  );
}

function exerciseLines(results: readonly ExerciseResult[]): string[] {
  return table(
    [
      { title: "what" },
      { title: "operations" },
      { title: "answer", maximumWidth: 28 },
      { title: "p50 ms", alignment: "right" },
      { title: "p99 ms", alignment: "right" },
      { title: "samples", alignment: "right" },
    ],
    results.map(({ name, compounds, answer, latency }) => [
      name,
      compounds.join(" + "),
      textOf(answer),
      ...latencyCells(latency),
    ]),
  );
}

function latencyCells(latency: Latency | undefined): string[] {
  if (latency === undefined) return [];
  return [milliseconds(latency.p50), milliseconds(latency.p99), `${latency.samples}`];
}

function throughputLines({ chunk, oneTarget, allTargets }: Throughputs): string[] {
  const columns: Column[] = ["connections", "read", "write"].map((title) => ({ title, alignment: "right" }));
  if (allTargets.length > 0) {
    for (const title of ["read, all targets", "write, all targets"]) columns.push({ title, alignment: "right" });
  }
  const rows = oneTarget.map(({ connections, read, write }, index) => {
    const all = allTargets[index];
    const rates = all === undefined ? [read, write] : [read, write, all.read, all.write];
    return [`${connections}`, ...rates.map((rate) => rate.toFixed(rate < 10 ? 1 : 0))];
  });
  return [...table(columns, rows), "", `${chunk / 1024} KiB in each READ and WRITE, 4 in flight on each connection.`];
}

function rightsLines({ user, root, otherUser, invalidSignature }: Rights): string[] {
  const owner = ({ created }: Ownership) => (typeof created === "string" ? `belongs to ${created}` : textOf(created));
  return [
    ...table(
      [{ title: "what" }, { title: "answer", maximumWidth: 50 }],
      [
        [`a directory that ${user.asked} creates`, owner(user)],
        [`a directory that ${root.asked} creates`, owner(root)],
        ["another user, in a directory that is its owner's only", isOk(otherUser) ? "ALLOWED" : textOf(otherUser)],
        ["a connection with a signature that is not valid", invalidSignature ?? "not tried: no signatures here"],
      ],
    ),
    "",
    ...paragraph(
      "Not tried: a right that is revoked while we are connected. It takes someone who may change policies.",
    ),
  ];
}

function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
