/** Each operation that the client uses, alone in its COMPOUND but for SEQUENCE and PUTFH. */
import { ANONYMOUS_STATEID } from "../../wire/data-types.ts";
import { getAttributes, setSize, verifySize } from "../../wire/operations/attributes.ts";
import { commit, read, write } from "../../wire/operations/data.ts";
import {
  createDirectory,
  DIRECTORY_START,
  link,
  readDirectory,
  remove,
  rename,
} from "../../wire/operations/directories.ts";
import { lookup, putFileHandle, saveFileHandle } from "../../wire/operations/file-handles.ts";
import { close, lockFile, openByName, unlockFile } from "../../wire/operations/opens-and-locks.ts";
import { type Exercise, SMALL, type Stage } from "./stage.ts";

const small = { offset: 0, length: SMALL };

async function removeNames(stage: Stage, ...names: readonly string[]): Promise<void> {
  for (const name of names) await stage.prepare([stage.directory, remove(name)]);
}

export const OPERATIONS: readonly Exercise[] = [
  { name: "SEQUENCE alone", run: async (_stage, send) => void (await send([])) },
  {
    name: "LOOKUP",
    run: async ({ directory, file }, send) => void (await send([directory, lookup(file.name)])),
  },
  {
    name: "GETATTR",
    run: async ({ file }, send) => void (await send([putFileHandle(file.handle), getAttributes()])),
  },
  {
    name: "VERIFY",
    run: async ({ file }, send) => void (await send([putFileHandle(file.handle), verifySize(SMALL)])),
  },
  {
    name: "SETATTR size",
    run: async ({ file }, send) => void (await send([putFileHandle(file.handle), setSize(file.write, SMALL)])),
  },
  {
    name: "READDIR",
    run: async ({ directory }, send) => void (await send([directory, readDirectory(DIRECTORY_START, 32 * 1024)])),
  },
  {
    name: "READ 4 KiB",
    run: async ({ file }, send) => void (await send([putFileHandle(file.handle), read(file.read, small)])),
  },
  {
    name: "READ 4 KiB, anonymous",
    run: async ({ file }, send) => void (await send([putFileHandle(file.handle), read(ANONYMOUS_STATEID, small)])),
  },
  {
    name: "WRITE 4 KiB, stable",
    run: async ({ file, data }, send) => {
      await send([putFileHandle(file.handle), write(file.write, { offset: 0, data: [data], durable: true })]);
    },
  },
  {
    name: "WRITE 4 KiB, unstable",
    run: async ({ file, data }, send) => {
      await send([putFileHandle(file.handle), write(file.write, { offset: 0, data: [data], durable: false })]);
    },
  },
  {
    name: "COMMIT after it",
    run: async (stage, send) => {
      const { file, data } = stage;
      await stage.prepare([putFileHandle(file.handle), write(file.write, { offset: 0, data: [data], durable: false })]);
      await send([putFileHandle(file.handle), commit()]);
    },
  },
  {
    name: "OPEN of a file",
    run: async (stage, send) => {
      const open = openByName({ owner: stage.owner, access: "read", name: stage.file.name });
      const reply = await send([stage.directory, open]);
      await stage.closeFile({ handle: stage.file.handle, stateid: reply.of(open) });
    },
  },
  {
    name: "OPEN that creates",
    run: async (stage, send) => {
      const name = stage.newName();
      const create = { how: "unchecked", mode: stage.fileMode } as const;
      const open = openByName({ owner: stage.owner, access: "write", name, create });
      const stateid = (await send([stage.directory, open])).of(open);
      await stage.prepare([stage.directory, lookup(name), close(stateid)]);
      await removeNames(stage, name);
    },
  },
  {
    name: "CLOSE",
    run: async (stage, send) => {
      const open = openByName({ owner: stage.owner, access: "read", name: stage.file.name });
      const stateid = (await stage.prepare([stage.directory, open])).of(open);
      await send([putFileHandle(stage.file.handle), close(stateid)]);
    },
  },
  {
    name: "LOCK",
    run: async (stage, send) => {
      const { file, writer } = stage;
      const lock = lockFile(file.write, writer);
      const stateid = (await send([putFileHandle(file.handle), lock])).of(lock);
      await stage.prepare([putFileHandle(file.handle), unlockFile(stateid)]);
    },
  },
  {
    name: "LOCKU",
    run: async (stage, send) => {
      const { file, writer } = stage;
      const lock = lockFile(file.write, writer);
      const stateid = (await stage.prepare([putFileHandle(file.handle), lock])).of(lock);
      await send([putFileHandle(file.handle), unlockFile(stateid)]);
    },
  },
  {
    name: "CREATE of a directory",
    run: async (stage, send) => {
      const name = stage.newName();
      await send([stage.directory, createDirectory(name, stage.directoryMode)]);
      await removeNames(stage, name);
    },
  },
  {
    name: "LINK",
    run: async (stage, send) => {
      const name = stage.newName();
      await send([putFileHandle(stage.file.handle), saveFileHandle, stage.directory, link(name)]);
      await removeNames(stage, name);
    },
  },
  {
    name: "RENAME over a file",
    run: async (stage, send) => {
      const [from, to] = [await stage.newFile(), await stage.newFile()];
      await send([stage.directory, saveFileHandle, rename(from.name, to.name)]);
      await removeNames(stage, to.name);
    },
  },
  {
    name: "REMOVE",
    run: async (stage, send) => {
      const { name } = await stage.newFile();
      await send([stage.directory, remove(name)]);
    },
  },
];
