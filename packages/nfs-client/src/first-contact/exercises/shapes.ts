/**
 * What the client does with files, in the COMPOUNDs that it uses for it. Long shapes take one COMPOUND for as much as
 * possible; short ones at most 8 operations in each, with the handle of the directory known.
 */
import { ANONYMOUS_STATEID, CURRENT_STATEID } from "../../wire/data-types.ts";
import { getAttributes, verifyIdentity, verifySize } from "../../wire/operations/attributes.ts";
import { commit, read, write } from "../../wire/operations/data.ts";
import { DIRECTORY_START, link, readDirectory, remove, rename } from "../../wire/operations/directories.ts";
import {
  getFileHandle,
  lookup,
  putFileHandle,
  restoreFileHandle,
  saveFileHandle,
} from "../../wire/operations/file-handles.ts";
import { close, lockFile, openByName, unlockFile } from "../../wire/operations/opens-and-locks.ts";
import { type Exercise, type Send, SMALL, type Stage } from "./stage.ts";

const small = { offset: 0, length: SMALL };

function creating(stage: Stage, name: string, how: "guarded" | "unchecked" = "unchecked") {
  return openByName({ owner: stage.owner, access: "write", name, create: { how, mode: stage.fileMode } });
}

function opening(stage: Stage, access: "read" | "write", name = stage.file.name) {
  return openByName({ owner: stage.owner, access, name });
}

function stableWrite({ data }: Stage, stateid = CURRENT_STATEID, offset = 0) {
  return write(stateid, { offset, data: [data], durable: true });
}

async function removeName(stage: Stage, name: string): Promise<void> {
  await stage.prepare([stage.directory, remove(name)]);
}

/** RENAME of a staged file over its own name. */
function naming({ directory }: Stage, temporary: string, name: string) {
  return [directory, saveFileHandle, rename(temporary, name), lookup(name), getAttributes()];
}

export const LONG_SHAPES: readonly Exercise[] = [
  {
    name: "stat",
    run: async ({ walk, file }, send) => void (await send([...walk, lookup(file.name), getAttributes()])),
  },
  {
    name: "read a small file",
    run: async ({ walk, file }, send) => {
      await send([...walk, lookup(file.name), getAttributes(), read(ANONYMOUS_STATEID, small)]);
    },
  },
  {
    name: "read a small file with an open",
    run: async (stage, send) => {
      const reading = [opening(stage, "read"), getAttributes(), read(CURRENT_STATEID, small), close(CURRENT_STATEID)];
      await send([...stage.walk, ...reading]);
    },
  },
  {
    name: "write a small file",
    run: async (stage, send) => {
      const [temporary, name] = [stage.newName(), stage.newName()];
      await send([
        ...stage.walk,
        saveFileHandle,
        creating(stage, temporary),
        stableWrite(stage),
        verifySize(SMALL),
        getAttributes(),
        close(CURRENT_STATEID),
        restoreFileHandle,
        rename(temporary, name),
        lookup(name),
        getAttributes(),
      ]);
      await removeName(stage, name);
    },
  },
  {
    name: "publish where absent, by LINK",
    run: async (stage, send) => {
      const { name: temporary, handle, stateid } = await stage.newOpenFile();
      const name = stage.newName();
      const file = putFileHandle(handle);
      const closing = [file, getAttributes(), close(stateid), file, saveFileHandle];
      await send([...closing, ...stage.walk, link(name), remove(temporary), lookup(name), getAttributes()]);
      await removeName(stage, name);
    },
  },
  {
    name: "lock, append, unlock",
    run: async (stage, send) => {
      const { name } = await stage.newFile();
      const [open, handle, lock] = [
        opening(stage, "write", name),
        getFileHandle(),
        lockFile(CURRENT_STATEID, stage.owner),
      ];
      const path = [...stage.walk, lookup(name), getAttributes()];
      const locked = await send([...stage.walk, open, handle, lock, getAttributes(), ...path]);
      const appending = [stableWrite(stage, locked.of(lock), SMALL), verifySize(2 * SMALL), getAttributes()];
      const file = putFileHandle(locked.of(handle));
      await send([file, ...appending, file, unlockFile(locked.of(lock)), close(locked.of(open))]);
      await removeName(stage, name);
    },
  },
  {
    name: "rename",
    run: async (stage, send) => {
      const { name } = await stage.newFile();
      const to = stage.newName();
      await send([...stage.walk, saveFileHandle, ...stage.walk, rename(name, to)]);
      await removeName(stage, to);
    },
  },
];

export const SHORT_SHAPES: readonly Exercise[] = [
  {
    name: "stat",
    run: async ({ directory, file }, send) => void (await send([directory, lookup(file.name), getAttributes()])),
  },
  {
    name: "read a small file",
    run: async ({ directory, file }, send) => {
      await send([directory, lookup(file.name), getAttributes(), read(ANONYMOUS_STATEID, small)]);
    },
  },
  {
    name: "read, current stateid",
    run: async (stage, send) => {
      const reading = [opening(stage, "read"), getAttributes(), read(CURRENT_STATEID, small), close(CURRENT_STATEID)];
      await send([stage.directory, ...reading]);
    },
  },
  {
    name: "read, real stateid",
    run: async (stage, send) => {
      const [open, handle] = [opening(stage, "read"), getFileHandle()];
      const opened = await send([stage.directory, open, handle, getAttributes()]);
      const stateid = opened.of(open);
      await send([putFileHandle(opened.of(handle)), read(stateid, small), close(stateid)]);
    },
  },
  {
    name: "write, current stateid",
    run: async (stage, send) => {
      const [temporary, name] = [stage.newName(), stage.newName()];
      const writing = [creating(stage, temporary), stableWrite(stage), getAttributes(), close(CURRENT_STATEID)];
      await send([stage.directory, ...writing]);
      await send(naming(stage, temporary, name));
      await removeName(stage, name);
    },
  },
  {
    name: "write, real stateid",
    run: async (stage, send) => {
      const [temporary, name] = [stage.newName(), stage.newName()];
      await writeStaged(stage, send, temporary);
      await send(naming(stage, temporary, name));
      await removeName(stage, name);
    },
  },
  {
    name: "publish where absent, LINK",
    run: async (stage, send) => {
      const { name: temporary, handle, stateid } = await stage.newOpenFile();
      const name = stage.newName();
      const file = putFileHandle(handle);
      await send([file, close(stateid)]);
      await send([file, saveFileHandle, stage.directory, link(name), remove(temporary), getAttributes()]);
      await removeName(stage, name);
    },
  },
  {
    name: "publish where absent, GUARDED",
    run: async (stage, send) => {
      const { name: temporary, ...staged } = await stage.newOpenFile();
      const name = stage.newName();
      const [open, handle] = [creating(stage, name, "guarded"), getFileHandle()];
      await stage.closeFile(staged);
      const empty = await send([stage.directory, open, handle]);
      await send([putFileHandle(empty.of(handle)), close(empty.of(open))]);
      await send(naming(stage, temporary, name));
      await removeName(stage, name);
    },
  },
  { name: "append with VERIFY", run: (stage, send) => append(stage, send, [verifySize(2 * SMALL)]) },
  { name: "append without VERIFY", run: (stage, send) => append(stage, send, []) },
  {
    name: "remove unchanged, VERIFY",
    run: async (stage, send) => {
      const { name, handle } = await stage.newFile();
      const attributes = getAttributes();
      const found = (await stage.prepare([putFileHandle(handle), attributes])).of(attributes);
      const checking = [saveFileHandle, lookup(name), verifyIdentity(found), restoreFileHandle];
      await send([stage.directory, ...checking, remove(name)]);
    },
  },
  {
    name: "remove unchanged, GETATTR",
    run: async (stage, send) => {
      const { name } = await stage.newFile();
      await send([stage.directory, lookup(name), getAttributes()]);
      await send([stage.directory, remove(name)]);
    },
  },
  {
    name: "rename",
    run: async (stage, send) => {
      const { name } = await stage.newFile();
      const to = stage.newName();
      await send([stage.directory, saveFileHandle, stage.directory, rename(name, to)]);
      await removeName(stage, to);
    },
  },
  {
    name: "list",
    run: async ({ directory }, send) => void (await send([directory, readDirectory(DIRECTORY_START, 32 * 1024)])),
  },
  {
    name: "write 1 MiB, COMMIT",
    run: async (stage, send) => {
      const length = stage.largest;
      const { name, handle, stateid } = await stage.newOpenFile();
      const file = putFileHandle(handle);
      await send([file, write(stateid, { offset: 0, data: [Buffer.alloc(length)], durable: false })]);
      await send([file, commit()]);
      await send([file, close(stateid)]);
      await removeName(stage, name);
    },
  },
];

/** Creates and writes a file, with the stateid that its OPEN returned. */
async function writeStaged(stage: Stage, send: Send, name: string): Promise<void> {
  const [open, handle] = [creating(stage, name), getFileHandle()];
  const opened = await send([stage.directory, open, handle]);
  const stateid = opened.of(open);
  const file = putFileHandle(opened.of(handle));
  await send([file, stableWrite(stage, stateid), getAttributes(), close(stateid)]);
}

async function append(stage: Stage, send: Send, checking: readonly ReturnType<typeof verifySize>[]): Promise<void> {
  const { name } = await stage.newFile();
  const [open, handle] = [opening(stage, "write", name), getFileHandle()];
  const opened = await send([stage.directory, open, handle]);
  const stateid = opened.of(open);
  const file = putFileHandle(opened.of(handle));
  const lock = lockFile(stateid, stage.owner);
  const locked = await send([file, lock, getAttributes(), stage.directory, lookup(name), getAttributes()]);
  const writing = stableWrite(stage, locked.of(lock), SMALL);
  await send([file, writing, ...checking, getAttributes(), unlockFile(locked.of(lock)), close(stateid)]);
  await removeName(stage, name);
}
