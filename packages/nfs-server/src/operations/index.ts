/** The operations this server has; the others of NFSv4.1 are answered with NFS4ERR_NOTSUPP. */
import { Op } from "nfs-client/wire";
import { access, getAttributes, setAttributesOfFile, verify, verifyNot } from "./attributes.ts";
import { commit, read, write } from "./data.ts";
import { create, link, readDirectory, readLink, removeEntry, rename } from "./entries.ts";
import {
  getHandle,
  lookup,
  lookupParent,
  putHandle,
  putRootHandle,
  restoreHandle,
  saveHandle,
  securityOfName,
  securityWithoutName,
} from "./file-handles.ts";
import { lock, testLock, unlock } from "./locks.ts";
import { close, open, openDowngrade } from "./opens.ts";
import type { Operation } from "./operation.ts";
import {
  bindConnectionToSession,
  createSession,
  destroyClientId,
  destroySession,
  exchangeId,
  reclaimComplete,
} from "./sessions.ts";
import { freeStateid, testStateids } from "./stateids.ts";

/** All but SEQUENCE, which is not run like the others: it decides whether they are run at all. */
export const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [Op.ACCESS, access],
  [Op.BIND_CONN_TO_SESSION, bindConnectionToSession],
  [Op.CLOSE, close],
  [Op.COMMIT, commit],
  [Op.CREATE, create],
  [Op.CREATE_SESSION, createSession],
  [Op.DESTROY_CLIENTID, destroyClientId],
  [Op.DESTROY_SESSION, destroySession],
  [Op.EXCHANGE_ID, exchangeId],
  [Op.FREE_STATEID, freeStateid],
  [Op.GETATTR, getAttributes],
  [Op.GETFH, getHandle],
  [Op.LINK, link],
  [Op.LOCK, lock],
  [Op.LOCKT, testLock],
  [Op.LOCKU, unlock],
  [Op.LOOKUP, lookup],
  [Op.LOOKUPP, lookupParent],
  [Op.NVERIFY, verifyNot],
  [Op.OPEN, open],
  [Op.OPEN_DOWNGRADE, openDowngrade],
  [Op.PUTFH, putHandle],
  [Op.PUTPUBFH, putRootHandle],
  [Op.PUTROOTFH, putRootHandle],
  [Op.READ, read],
  [Op.READDIR, readDirectory],
  [Op.READLINK, readLink],
  [Op.RECLAIM_COMPLETE, reclaimComplete],
  [Op.REMOVE, removeEntry],
  [Op.RENAME, rename],
  [Op.RESTOREFH, restoreHandle],
  [Op.SAVEFH, saveHandle],
  [Op.SECINFO, securityOfName],
  [Op.SECINFO_NO_NAME, securityWithoutName],
  [Op.SETATTR, setAttributesOfFile],
  [Op.TEST_STATEID, testStateids],
  [Op.VERIFY, verify],
  [Op.WRITE, write],
]);

/** Those that a COMPOUND without a session consists of, alone (RFC 8881 §2.10.6.1). */
export const WITHOUT_SESSION: ReadonlySet<number> = new Set([
  Op.BIND_CONN_TO_SESSION,
  Op.CREATE_SESSION,
  Op.DESTROY_CLIENTID,
  Op.DESTROY_SESSION,
  Op.EXCHANGE_ID,
]);
