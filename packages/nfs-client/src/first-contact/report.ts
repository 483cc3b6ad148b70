/** What first contact finds out about a server: plain data, of which verdicts, page and JSON line are made. */
import type { ChannelAttributes } from "../wire/operations/sessions.ts";

/** How a COMPOUND was answered. */
export interface Answer {
  /** `NFS4_OK`, or the status it stopped with: a name of RFC 8881, or the bare number. */
  readonly status: string;
  /** The operation it stopped at. */
  readonly operation?: string;
}

/** What a question found out, or why it could not be answered. */
export type Finding<T> = { readonly found: T } | { readonly failed: string };

export interface Grants {
  /** What the client asks for, and what it is granted for that. */
  readonly asked: ChannelAttributes;
  readonly granted: ChannelAttributes;
  /** What is granted to a client that asks for far more. */
  readonly most: ChannelAttributes;
  /** How a COMPOUND of all the operations of {@link granted} is answered. */
  readonly longestCompound: Answer;
  /** Seconds. */
  readonly leaseSeconds: number | undefined;
  /** Bytes in one READ and one WRITE (attributes MAXREAD and MAXWRITE). */
  readonly maximumRead: number | undefined;
  readonly maximumWrite: number | undefined;
}

export interface Capabilities {
  /** READ with the anonymous stateid. */
  readonly anonymousRead: Answer;
  /** The current stateid behind an OPEN, in each operation that the client would use it in. */
  readonly currentStateid: Readonly<Record<"read" | "write" | "close" | "lock", Answer>>;
  /** VERIFY of the size that a file has, and of one that it does not have. */
  readonly verify: { readonly right: Answer; readonly wrong: Answer };
  readonly link: Answer;
  /** A GUARDED OPEN of a name that is taken. */
  readonly guardedCreate: Answer;
  /** RENAME over a file that exists. */
  readonly renameOver: Answer;
  /** Names of the attributes that the client uses. */
  readonly attributes: { readonly supported: readonly string[]; readonly missing: readonly string[] };
}

/** What a retry with the same slot and sequence id gets. */
export type RetryResult = "cached reply" | "executed again" | Answer;

export interface Reconnects {
  /** Connections that were made one after the other, and how many of them knew the session of the first one. */
  readonly connections: number;
  readonly knewSession: number;
  /** Of a session whose only connection was closed first. Not tried where a new connection did not know the session. */
  readonly afterLoss: Answer | undefined;
  readonly retry: { readonly sameConnection: RetryResult; readonly otherConnection: RetryResult };
  /** Of making a connection, TLS included. */
  readonly connecting: Latency;
}

/** What one way to the file system knows of a client that came another way. */
export interface Sharing {
  /** Example: `10.0.1.5:2049, another connection`. */
  readonly via: string;
  /** SEQUENCE in the client's session. */
  readonly session: Answer;
  /** EXCHANGE_ID in the client's name leads to the same client id. */
  readonly sameClientId: boolean;
  /** LOCK of a file that the client has locked. */
  readonly lock: Answer;
}

/** How an open file of a client can be written to after another client has tried to fence it. */
export interface Fencing {
  readonly via: string;
  /** By a new incarnation of the client: EXCHANGE_ID with another verifier, and CREATE_SESSION. */
  readonly newIncarnation: { readonly fence: Answer; readonly write: Answer };
  /** By DESTROY_SESSION. */
  readonly destroySession: { readonly fence: Answer; readonly write: Answer };
}

/** Milliseconds. */
export interface Latency {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
}

/** One operation, or one thing that the client does with a file, and the COMPOUNDs it takes. */
export interface ExerciseResult {
  readonly name: string;
  /** Operations of each of its COMPOUNDs, SEQUENCE included. */
  readonly compounds: readonly number[];
  readonly answer: Answer;
  readonly latency: Latency | undefined;
}

export interface Exercises {
  readonly operations: readonly ExerciseResult[];
  /** With as many operations in one COMPOUND as they need. */
  readonly longShapes: readonly ExerciseResult[];
  /** With at most 8 operations in one COMPOUND. */
  readonly shortShapes: readonly ExerciseResult[];
}

/** MiB per second over so many connections. */
export interface Throughput {
  readonly connections: number;
  readonly read: number;
  readonly write: number;
}

export interface Throughputs {
  /** Bytes in each READ and WRITE. */
  readonly chunk: number;
  readonly oneTarget: readonly Throughput[];
  /** Connections dealt out to all targets in turn; nothing where there is one target. */
  readonly allTargets: readonly Throughput[];
}

/** Who owns what a user creates: `uid:gid` as the server names them, or why nothing could be created. */
export interface Ownership {
  readonly asked: string;
  readonly created: string | Answer;
}

export interface Rights {
  readonly user: Ownership;
  readonly root: Ownership;
  /** What another user gets who creates a file in a directory that only its owner may change. */
  readonly otherUser: Answer;
  /** How a connection ended whose signature is not valid. Not tried where connections bear none. */
  readonly invalidSignature: string | undefined;
}

/** All that was found out. */
export interface Report {
  /** `host:port`. */
  readonly targets: readonly string[];
  readonly path: string;
  readonly tls: boolean;
  readonly quick: boolean;
  readonly startedAt: Date;
  readonly seconds: number;
  readonly grants: Finding<Grants>;
  readonly capabilities: Finding<Capabilities>;
  readonly reconnects: Finding<Reconnects>;
  readonly sharing: Finding<readonly Sharing[]>;
  readonly fencing: Finding<readonly Fencing[]>;
  readonly exercises: Finding<Exercises>;
  readonly throughput: Finding<Throughputs>;
  readonly rights: Finding<Rights>;
  /** What could not be removed. */
  readonly leftBehind: readonly string[];
}

export function isOk(answer: Answer): boolean {
  return answer.status === "NFS4_OK";
}

/** The value of a finding, if the question was answered. */
export function foundOf<T>(finding: Finding<T>): T | undefined {
  return "found" in finding ? finding.found : undefined;
}
