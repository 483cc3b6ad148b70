/** What a server grants and supports: learned when a session is made, and from what it refuses later. */
import type { FileAttributeName } from "../wire/operations/attributes.ts";

/** What the server granted, in bytes, counts and seconds. */
export interface SessionLimits {
  readonly maximumRequest: number;
  /** Data in one READ; its reply fits into the session's response size. */
  readonly maximumRead: number;
  /** Data in one WRITE that is alone in its COMPOUND with SEQUENCE and PUTFH. */
  readonly maximumWrite: number;
  /** Bytes of a reply that the server keeps for a retry. */
  readonly maximumCachedReply: number;
  /** Bytes of one READDIR page. */
  readonly maximumDirectoryPage: number;
  /** Operations in one COMPOUND, besides SEQUENCE. */
  readonly maximumOperations: number;
  readonly leaseTime: number;
}

/**
 * What a server can be without, although RFC 8881 requires it or lets a server have it. Each has another way to the same
 * result, with more COMPOUNDs.
 */
export interface Features {
  /** VERIFY (§18.31). Without it, attributes are read and compared, in a COMPOUND before the change. */
  readonly verify: boolean;
  /** LINK (§18.9). Without it, a file that must not exist yet is made empty, and then replaced. */
  readonly link: boolean;
  /** READ with the anonymous stateid (§8.2.3). Without it, files are opened to be read. */
  readonly anonymousRead: boolean;
  /** The stateid of an earlier operation of the same COMPOUND (§16.2.3.1.2). Without it, OPEN is alone. */
  readonly currentStateid: boolean;
  /** The same for LOCK, where the NFS server of Linux does not take it (fs/nfsd/current_stateid.h). */
  readonly lockOnCurrentStateid: boolean;
}

export interface Capabilities extends SessionLimits, Features {
  /** Requests that may be in flight at once. */
  readonly slots: number;
  /** Of the attributes that the client asks for, those that the server has. */
  readonly attributes: ReadonlySet<FileAttributeName>;
  /**
   * Who knows this client (eir_server_scope and so_major_id, §2.10.5): where another connection has another one, the
   * sessions, opens and locks that were made here are not known there, and stay until the lease ends.
   */
  readonly serverOwner: string;
}
