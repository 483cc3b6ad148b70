import { AbortedError, BusyError, Deadline } from "nfs-client";
import { expect, test } from "vitest";
import { OwnerNames } from "../../../packages/nfs-client/src/files/owners.ts";

const soon = () => new Deadline(20);
const patient = () => new Deadline(5_000);

test("no more names are in use at once than the limit says, and they are used again", async () => {
  const names = new OwnerNames("lock", 3);
  const seen = new Set<string>();
  let inUse = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 50 }, () =>
      names.with(patient(), async (name) => {
        seen.add(name);
        inUse += 1;
        most = Math.max(most, inUse);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inUse -= 1;
      }),
    ),
  );
  expect(most).toBe(3);
  expect([...seen].sort()).toEqual(["lock-1", "lock-2", "lock-3"]);
});

test("who waits in vain is told to come again, and takes no name away", async () => {
  const names = new OwnerNames("open", 1);
  const name = await names.take(soon());
  const waiting = names.take(soon());
  await expect(waiting).rejects.toBeInstanceOf(BusyError);
  await expect(waiting).rejects.toThrow("All 1 opens that one client may have are in use");
  await expect(names.take(new Deadline(5_000, AbortSignal.abort()))).rejects.toBeInstanceOf(AbortedError);
  names.release(name);
  expect(await names.take(soon())).toBe(name);
});

test("a name stays in use while work in it goes on", async () => {
  const names = new OwnerNames("open", 1);
  let end = () => {};
  const work = new Promise<void>((resolve) => {
    end = resolve;
  });
  await names.with(soon(), async (_, busy) => busy(work));
  await expect(names.take(soon())).rejects.toBeInstanceOf(BusyError);
  end();
  expect(await names.take(patient())).toBe("open-1");
});
