/** What the findings mean: for each thing that the client assumes of a server, whether it holds, and what follows. */
import {
  type Answer,
  type Capabilities,
  type Exercises,
  type Fencing,
  type Finding,
  foundOf,
  type Grants,
  isOk,
  type Reconnects,
  type Report,
  type RetryResult,
  type Rights,
  type Sharing,
} from "./report.ts";

/**
 * `holds`: as assumed. `fallback`: not so, and there is another way. `refused`: nothing can work, or not safely.
 * `unknown`: it could not be found out.
 */
export type Verdict = "holds" | "fallback" | "refused" | "unknown";

export interface Judgement {
  readonly assumption: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** What the router does about it. */
  readonly consequence: string;
}

const MEBIBYTE = 1024 * 1024;

/** Bytes of a message besides the data of its READ or WRITE. */
const ENVELOPE = 4096;

/** Operations for a small write in one COMPOUND, to a file three directories deep. */
const MIN_ONE_COMPOUND = 16;

/** Operations of the longest COMPOUND that there is no shorter way for. */
const MIN_OPERATIONS = 8;

export function judge(report: Report): readonly Judgement[] {
  return [
    ...about(report.grants, "what a session is granted", judgeGrants),
    ...about(report.capabilities, "what the server supports", judgeCapabilities),
    ...about(report.exercises, "the client's COMPOUNDs", judgeShapes),
    ...about(report.reconnects, "what survives a connection", judgeReconnects),
    ...about(report.sharing, "what the ways to the files share", (found) => judgeSharing(found, report.targets.length)),
    ...about(report.fencing, "fencing", judgeFencing),
    ...about(report.rights, "what a missing right answers", judgeRights),
  ];
}

function about<T>(
  finding: Finding<T>,
  assumption: string,
  judgeFound: (found: T) => readonly Judgement[],
): readonly Judgement[] {
  if ("found" in finding) return judgeFound(finding.found);
  const consequence = "The router finds out by itself, at the first refusal. Run first contact again.";
  return [{ assumption, verdict: "unknown", found: finding.failed, consequence }];
}

function judgement(
  assumption: string,
  found: string,
  ...cases: readonly [when: boolean, verdict: Verdict, consequence: string][]
): Judgement {
  const [, verdict, consequence] = cases.find(([when]) => when) ?? [true, "unknown" as const, "Nothing is known."];
  return { assumption, verdict, found, consequence };
}

function judgeGrants({ granted, longestCompound, leaseSeconds }: Grants): Judgement[] {
  const { maximumOperations, maximumRequests, maximumRequestSize, maximumResponseSize } = granted;
  const data = Math.max(0, Math.min(maximumRequestSize, maximumResponseSize) - ENVELOPE);
  return [
    judgement(
      `${MIN_ONE_COMPOUND} operations in a COMPOUND`,
      isOk(longestCompound) ? `${maximumOperations}` : `${maximumOperations}, but ${textOf(longestCompound)}`,
      [maximumOperations < MIN_OPERATIONS, "refused", `Does not use the server: it needs ${MIN_OPERATIONS}.`],
      [!isOk(longestCompound), "fallback", "Sends shorter COMPOUNDs than that in any case."],
      [
        maximumOperations < MIN_ONE_COMPOUND,
        "fallback",
        "Looks directories up beforehand. 1 COMPOUND for a small read, 2 for a small write.",
      ],
      [true, "holds", "1 COMPOUND for a small read, and 1 for a small write."],
    ),
    judgement(
      "64 requests in flight",
      `${maximumRequests}`,
      [maximumRequests < 64, "fallback", `${maximumRequests} at each mount target; what is more waits.`],
      [true, "holds", "64 at each mount target."],
    ),
    judgement(
      "1 MiB in a READ and a WRITE",
      data >= MEBIBYTE ? "1 MiB" : `${Math.floor(data / 1024)} KiB`,
      [data >= MEBIBYTE, "holds", "1 MiB in each."],
      [true, "fallback", "Reads and writes less at once; large files take more requests."],
    ),
    judgement(
      "a lease of known length",
      leaseSeconds === undefined ? "not said" : `${leaseSeconds} s`,
      [leaseSeconds === undefined, "fallback", "Takes it for 90 s."],
      [true, "holds", "Renews it in time. What a router that dies has locked is free after it."],
    ),
  ];
}

function judgeCapabilities(found: Capabilities): Judgement[] {
  const { anonymousRead, currentStateid, verify, link, guardedCreate, renameOver, attributes } = found;
  const onOpen = [currentStateid.read, currentStateid.write, currentStateid.close];
  const refusedOnOpen = onOpen.find((answer) => !isOk(answer));
  const missing = new Set(attributes.missing);
  const hasIdentity = !missing.has("CHANGE") && !missing.has("FILEID");
  return [
    judgement(
      "READ without an OPEN",
      textOf(anonymousRead),
      [isOk(anonymousRead), "holds", "Reads small files without opening them."],
      [
        refusedOnOpen === undefined,
        "fallback",
        "Opens, reads and closes in the same COMPOUND. As many round trips, more work for the server.",
      ],
      [true, "fallback", "Opens each file, then reads and closes it: 1 more COMPOUND a read."],
    ),
    judgement(
      "the current stateid",
      refusedOnOpen === undefined ? "taken" : textOf(refusedOnOpen),
      [refusedOnOpen === undefined, "holds", "Opens, writes and closes in one COMPOUND."],
      [true, "fallback", "Opens first, then uses the stateid: 1 more COMPOUND a write."],
    ),
    judgement(
      "the same in LOCK",
      textOf(currentStateid.lock),
      [isOk(currentStateid.lock), "holds", "Opens and locks in one COMPOUND."],
      [true, "fallback", "Opens first, then locks: 1 more COMPOUND an append."],
    ),
    judgement(
      "VERIFY",
      isVerifyTaken(verify) ? "taken" : `${textOf(verify.right)}; wrong size: ${textOf(verify.wrong)}`,
      [isVerifyTaken(verify), "holds", "Sizes and etags are checked in the COMPOUND that relies on them."],
      [
        true,
        "fallback",
        "Sizes are checked by WRITE's own count, 1 more COMPOUND a write. Etags are compared under the lock: writers " +
          "that do not take it are not noticed.",
      ],
    ),
    judgement(
      "LINK",
      textOf(link),
      [isOk(link), "holds", "A new file appears whole, and only where there is none."],
      [
        guardedCreate.status === "NFS4ERR_EXIST",
        "fallback",
        "A file that must be new is made empty first, then replaced: readers may see it empty for a moment.",
      ],
      [true, "refused", "Writes that must not replace a file are refused."],
    ),
    judgement(
      "GUARDED OPEN of a name that is taken",
      textOf(guardedCreate),
      [guardedCreate.status === "NFS4ERR_EXIST", "holds", "Of two that create a file, one learns that it exists."],
      [true, "refused", "Does not use the server: two appends may create the same file."],
    ),
    judgement(
      "RENAME over a file",
      textOf(renameOver),
      [isOk(renameOver), "holds", "Files are replaced in one step."],
      [true, "refused", "Does not use the server: no file can be replaced."],
    ),
    judgement(
      "the attributes that are used",
      missing.size === 0 ? "all" : `without ${attributes.missing.join(", ")}`,
      [missing.size === 0, "holds", "Etags, modes and times are the server's."],
      [!hasIdentity, "refused", "Does not use the server: without CHANGE and FILEID there is no etag."],
      [true, "fallback", attributes.missing.map(withoutAttribute).join(" ")],
    ),
  ];
}

function withoutAttribute(name: string): string {
  switch (name) {
    case "MODE":
      return "The server chooses the permissions of new files.";
    case "TIME_MODIFY":
      return "No time of change; orphaned temporary files are not swept.";
    case "MAXREAD":
    case "MAXWRITE":
      return `${name}: the session's limits count.`;
    default:
      return `${name} is not shown.`;
  }
}

function judgeShapes({ shortShapes, longShapes }: Exercises): Judgement[] {
  const refused = shortShapes.filter(({ answer }) => !isOk(answer));
  const refusedLong = longShapes.filter(({ answer }) => !isOk(answer));
  const hasOne = (...names: readonly string[]) =>
    names.some((name) => shortShapes.some((each) => each.name === name && isOk(each.answer)));
  const isComplete =
    hasOne("stat") &&
    hasOne("rename") &&
    hasOne("list") &&
    hasOne("read a small file", "read, current stateid", "read, real stateid") &&
    hasOne("write, current stateid", "write, real stateid") &&
    hasOne("publish where absent, LINK", "publish where absent, GUARDED") &&
    hasOne("append with VERIFY", "append without VERIFY") &&
    hasOne("remove unchanged, VERIFY", "remove unchanged, GETATTR");
  const count = (taken: number, all: number) => `${all - taken} of ${all} taken`;
  return [
    judgement(
      "long COMPOUNDs",
      count(refusedLong.length, longShapes.length),
      [refusedLong.length === 0, "holds", "Each thing that is done with a file is 1 or 2 COMPOUNDs."],
      [true, "fallback", "The short ones are used instead."],
    ),
    judgement(
      "COMPOUNDs of 8 operations at most",
      count(refused.length, shortShapes.length),
      [refused.length === 0, "holds", "There is a way for everything."],
      [isComplete, "fallback", "There is a way for everything: see the shapes below."],
      [true, "refused", "Does not use the server: some things can be done in no way."],
    ),
  ];
}

function judgeReconnects({ connections, knewSession, afterLoss, retry }: Reconnects): Judgement[] {
  const survives = knewSession === connections && afterLoss !== undefined && isOk(afterLoss);
  return [
    judgement(
      "a session survives its connection",
      `${knewSession} of ${connections}${afterLoss && !isOk(afterLoss) ? `, then ${textOf(afterLoss)}` : ""}`,
      [survives, "holds", "After a reconnect, requests go on in the session."],
      [
        true,
        "fallback",
        "A new session for each connection. Locks of the old one stay until its lease ends: appends to such a file wait.",
      ],
    ),
    judgement(
      "the reply cache survives it",
      retryText(retry.otherConnection),
      [retry.otherConnection === "cached reply", "holds", "A change whose reply was lost is asked for again."],
      [
        retry.otherConnection === "executed again",
        "refused",
        "Does not retry a change over a new connection: it would be done twice. The outcome is unknown.",
      ],
      [true, "fallback", "A change whose reply was lost is examined where possible, else its outcome is unknown."],
    ),
  ];
}

function judgeSharing(found: readonly Sharing[], targets: number): Judgement[] {
  const across = found.slice(1);
  const notLocked = found.filter(({ lock }) => isOk(lock));
  const locks = judgement(
    "locks count everywhere",
    notLocked.length === 0 ? "yes" : `not at ${notLocked.map(({ via }) => via).join(", ")}`,
    [notLocked.length === 0, "holds", "Appends and conditional writes may come through any mount target."],
    [true, "refused", "Does not use the server: appends through two mount targets could lose data."],
  );
  if (targets === 1) return [locks];
  const known = across.filter(({ sameClientId }) => sameClientId).length;
  const clients = judgement(
    "client records are shared by the targets",
    `at ${known} of ${across.length}`,
    [known === across.length, "holds", "A router can fence itself at a lost target through another one."],
    [true, "fallback", "Only what is harmless when it comes late is repeated at another target."],
  );
  return [locks, clients];
}

function judgeFencing(found: readonly Fencing[]): Judgement[] {
  return found.map(({ via, newIncarnation }) =>
    judgement(
      `fencing via ${via}`,
      isFenced(newIncarnation.write) ? `works: ${newIncarnation.write.status}` : "the old write was done",
      [
        isFenced(newIncarnation.write),
        "holds",
        "A change that was sent to a lost target cannot come late: it is done elsewhere.",
      ],
      [
        true,
        "fallback",
        "A change that is not harmless when it comes late fails as unknown, and is not done elsewhere.",
      ],
    ),
  );
}

function judgeRights({ otherUser, invalidSignature }: Rights): Judgement[] {
  const { status, operation = "" } = otherUser;
  const isSessions = ["SEQUENCE", "EXCHANGE_ID", "CREATE_SESSION"].includes(operation);
  const missing = judgement(
    "a missing right is the operation's",
    isOk(otherUser) ? "it is not missed" : textOf(otherUser),
    [isOk(otherUser), "fallback", "The server does not tell users apart: one user owns all, and may do all."],
    [isSessions, "fallback", "Takes the mount target for lost, and connects anew: requests are 503."],
    [status === "NFS4ERR_ACCESS" || status === "NFS4ERR_PERM", "holds", "403 for the file; the target stays in use."],
    [true, "fallback", "The request fails with that status."],
  );
  if (invalidSignature === undefined) return [missing];
  const signature = judgement(
    "a connection needs a valid signature",
    invalidSignature,
    [invalidSignature === "accepted", "fallback", "The file system's policy lets anybody in: see its policy."],
    [true, "holds", "Each connection has a signature of its own, made at that moment."],
  );
  return [missing, signature];
}

/** Whether a write says that its client has no session any more. */
export function isFenced(write: Answer): boolean {
  return !isOk(write) && write.operation === "SEQUENCE";
}

export function isVerifyTaken({ right, wrong }: Capabilities["verify"]): boolean {
  return isOk(right) && wrong.status === "NFS4ERR_NOT_SAME";
}

/** An answer in short. Example: `NOTSUPP at LINK`. */
export function textOf({ status, operation }: Answer): string {
  if (status === "NFS4_OK") return "taken";
  const name = status.replace(/^NFS4ERR_/, "");
  return operation === undefined ? name : `${name} at ${operation}`;
}

export function retryText(result: RetryResult): string {
  return typeof result === "string" ? result : textOf(result);
}

/** The findings in one flat record; `null` where nothing is known. */
export function summaryOf(report: Report) {
  const grants = foundOf(report.grants);
  const capabilities = foundOf(report.capabilities);
  const reconnects = foundOf(report.reconnects);
  const sharing = foundOf(report.sharing);
  const fencing = foundOf(report.fencing);
  const across = sharing?.slice(1);
  const stateid = capabilities?.currentStateid;
  const ofJudgements = (verdict: Verdict) => judge(report).filter((each) => each.verdict === verdict);
  return {
    maxOperations: grants?.granted.maximumOperations ?? null,
    slots: grants?.granted.maximumRequests ?? null,
    maxRequestBytes: grants?.granted.maximumRequestSize ?? null,
    maxResponseBytes: grants?.granted.maximumResponseSize ?? null,
    anonymousRead: capabilities ? isOk(capabilities.anonymousRead) : null,
    currentStateid: stateid ? [stateid.read, stateid.write, stateid.close].every(isOk) : null,
    currentStateidInLock: stateid ? isOk(stateid.lock) : null,
    verify: capabilities ? isVerifyTaken(capabilities.verify) : null,
    link: capabilities ? isOk(capabilities.link) : null,
    missingAttributes: capabilities?.attributes.missing ?? null,
    sessionSurvivesReconnect: reconnects
      ? reconnects.knewSession === reconnects.connections &&
        reconnects.afterLoss !== undefined &&
        isOk(reconnects.afterLoss)
      : null,
    replyCacheSurvivesReconnect: reconnects ? reconnects.retry.otherConnection === "cached reply" : null,
    clientsSharedAcrossTargets: across?.length ? across.every(({ sameClientId }) => sameClientId) : null,
    locksSharedAcrossTargets: across?.length ? across.every(({ lock }) => !isOk(lock)) : null,
    fencingAcrossTargets:
      fencing && fencing.length > 1
        ? fencing.slice(1).every(({ newIncarnation }) => isFenced(newIncarnation.write))
        : null,
    leaseSeconds: grants?.leaseSeconds ?? null,
    refused: ofJudgements("refused").map(({ assumption }) => assumption),
    unknown: ofJudgements("unknown").map(({ assumption }) => assumption),
    leftBehind: report.leftBehind,
  };
}
