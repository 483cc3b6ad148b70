import { openSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Inode } from "../../../packages/nfs-server/src/file-system/inode.ts";
import { OpenFile } from "../../../packages/nfs-server/src/file-system/open-file.ts";
import { Client, type LockState, type OpenState } from "../../../packages/nfs-server/src/state/client.ts";
import { Files } from "../../../packages/nfs-server/src/state/files.ts";
import { statusOf } from "../../../packages/nfs-server/src/status-error.ts";

const quotas = { openFilesPerClient: 2, locksPerClient: 6, locksPerFile: 4 };
const mountTarget = {};

const inodes = [1n, 2n].map((number): Inode => ({ identity: { device: 1n, number, birth: 0n }, type: 1, paths: [] }));

function newClient(id: bigint): Client {
  return new Client(id, { owner: `${id}`, verifier: "", principal: "" }, 0);
}

function open(files: Files, client: Client, inode: Inode): OpenState {
  const file = new OpenFile(openSync("/dev/null", "r+"), true, () => {});
  return files.open({ client, owner: "owner", inode, file, access: 3 }, quotas);
}

/** Locks a byte range, or says why not. */
function lock(files: Files, opened: OpenState, owner: string, start: bigint, end: bigint): LockState | string {
  const lockOwner = { clientId: opened.client.id, owner: Buffer.from(owner) };
  const wanted = { start, end, exclusive: true };
  if (files.conflict(opened.inode, lockOwner, wanted)) return "NFS4ERR_DENIED";
  try {
    return files.lock(opened, lockOwner, wanted, quotas, mountTarget);
  } catch (error) {
    return String(statusOf(error));
  }
}

test("whatever a client locks and unlocks, it has its whole quota again once nothing of it is open", () => {
  const step = fc.record({
    does: fc.constantFrom("lock" as const, "lock" as const, "unlock" as const, "free" as const),
    file: fc.nat(1),
    owner: fc.constantFrom("a", "b"),
    start: fc.nat(12),
    length: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const files = new Files();
      const client = newClient(1n);
      const opens = inodes.map((inode) => open(files, client, inode));
      const held = new Map<string, LockState>();
      for (const { does, file, owner, start, length } of steps) {
        const opened = opens[file];
        if (opened === undefined) throw new Error("there are two");
        const range = { start: BigInt(start), end: BigInt(start + length) };
        const key = `${file} ${owner}`;
        const state = held.get(key);
        if (does === "lock") {
          const got = lock(files, opened, owner, range.start, range.end);
          if (typeof got === "object") held.set(key, got);
          else expect(["NFS4ERR_DENIED", "NFS4ERR_DQUOT"]).toContain(got);
        } else if (state && does === "unlock") {
          files.unlock(state, range);
        } else if (state) {
          files.forgetLocks(state);
          held.delete(key);
        }
      }
      for (const opened of opens) files.close(opened);
      expect([client.opens.size, client.locks.size]).toEqual([0, 0]);

      const again = inodes.map((inode) => open(files, client, inode));
      const take = (index: number, byte: number) => {
        const opened = again[index];
        return opened && lock(files, opened, "a", BigInt(2 * byte), BigInt(2 * byte + 1));
      };
      const taken = [0, 1, 2, 3].map((byte) => take(0, byte)).concat([0, 1].map((byte) => take(1, byte)));
      for (const each of taken) expect(each).toBeTypeOf("object");
      expect([take(0, 4), take(1, 2)]).toEqual(["NFS4ERR_DQUOT", "NFS4ERR_DQUOT"]);
      for (const opened of again) files.close(opened);
    }),
  );
});

test("a client that is gone opens nothing, and one client's quota is not another's", () => {
  const files = new Files();
  const [one, other, gone] = [newClient(1n), newClient(2n), newClient(3n)];
  const opens = inodes.map((inode) => open(files, one, inode));
  const third: Inode = { identity: { device: 1n, number: 3n, birth: 0n }, type: 1, paths: [] };
  expect(() => open(files, one, third)).toThrow("NFS4ERR_DQUOT");
  opens.push(open(files, other, third));
  gone.isGone = true;
  expect(() => open(files, gone, third)).toThrow("NFS4ERR_DEADSESSION");
  for (const opened of opens) files.close(opened);
});
