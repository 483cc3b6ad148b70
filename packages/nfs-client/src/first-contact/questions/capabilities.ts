/** Does the server take what the client would like to use, and RFC 8881 lets a server refuse, or servers refuse anyway? */
import type { Operation, Operations } from "../../wire/compound.ts";
import { Attribute, Op } from "../../wire/constants.ts";
import { ANONYMOUS_STATEID, CURRENT_STATEID } from "../../wire/data-types.ts";
import { verifySize } from "../../wire/operations/attributes.ts";
import { read, write } from "../../wire/operations/data.ts";
import { link, rename } from "../../wire/operations/directories.ts";
import { putFileHandle, saveFileHandle } from "../../wire/operations/file-handles.ts";
import { close, lockFile, type OpenAccess, openByName, unlockFile } from "../../wire/operations/opens-and-locks.ts";
import { answerOf, type Client } from "../client.ts";
import { createFile, type Lab } from "../lab.ts";
import type { Answer, Capabilities } from "../report.ts";

/** The attributes that the client asks for, or sets. */
const USED_ATTRIBUTES = [
  "TYPE",
  "CHANGE",
  "SIZE",
  "LEASE_TIME",
  "FILEID",
  "MAXREAD",
  "MAXWRITE",
  "MODE",
  "TIME_MODIFY",
] as const satisfies readonly (keyof typeof Attribute)[];

const DATA = Buffer.from("first contact");
const WHOLE = { offset: 0, length: DATA.length };

export async function askCapabilities(lab: Lab): Promise<Capabilities> {
  const client = await lab.connectClient();
  const directory = putFileHandle(lab.workspace.handle);
  const name = lab.newName();
  const handle = await createFile(lab, client, name, DATA);
  const ask = async (...operations: Operations) => answerOf(await client.run(operations));
  const { supported = [] } = lab.workspace.attributes;
  return {
    anonymousRead: await ask(putFileHandle(handle), read(ANONYMOUS_STATEID, WHOLE)),
    currentStateid: await askCurrentStateid(lab, client, name, handle),
    verify: {
      right: await ask(putFileHandle(handle), verifySize(DATA.length)),
      wrong: await ask(putFileHandle(handle), verifySize(DATA.length + 1)),
    },
    link: await ask(putFileHandle(handle), saveFileHandle, directory, link(lab.newName())),
    guardedCreate: await askGuardedCreate(lab, client, name, handle),
    renameOver: await askRenameOver(lab, client),
    attributes: {
      supported: USED_ATTRIBUTES.filter((each) => supported.includes(Attribute[each])),
      missing: USED_ATTRIBUTES.filter((each) => !supported.includes(Attribute[each])),
    },
  };
}

async function askCurrentStateid(
  lab: Lab,
  client: Client,
  name: string,
  handle: Buffer,
): Promise<Capabilities["currentStateid"]> {
  const owner = client.stateOwner("owner");
  /** Opens the file, and uses the stateid in the same COMPOUND; what that leaves open or locked is given back. */
  const use = async <Result>(
    access: OpenAccess,
    operation: Operation<Result>,
    undo?: (result: Result) => Operation<void>,
  ) => {
    const open = openByName({ owner, access, name });
    const reply = await client.run([putFileHandle(lab.workspace.handle), open, operation]);
    const undoing = undo && reply.reached(operation) ? [undo(reply.of(operation))] : [];
    const isClosed = operation.code === Op.CLOSE && reply.succeeded;
    const closing = reply.reached(open) && !isClosed ? [close(reply.of(open))] : [];
    const givingBack = [...undoing, ...closing];
    if (givingBack.length > 0) (await client.run([putFileHandle(handle), ...givingBack])).orThrow(name);
    return answerOf(reply);
  };
  return {
    read: await use("read", read(CURRENT_STATEID, WHOLE)),
    write: await use("write", write(CURRENT_STATEID, { offset: 0, data: [DATA], durable: true })),
    close: await use("read", close(CURRENT_STATEID)),
    lock: await use("write", lockFile(CURRENT_STATEID, owner), unlockFile),
  };
}

async function askGuardedCreate(lab: Lab, client: Client, name: string, handle: Buffer): Promise<Answer> {
  const create = { how: "guarded", mode: lab.workspace.fileMode } as const;
  const open = openByName({ owner: client.stateOwner("owner"), access: "write", name, create });
  const reply = await client.run([putFileHandle(lab.workspace.handle), open]);
  if (reply.reached(open)) (await client.run([putFileHandle(handle), close(reply.of(open))])).orThrow();
  return answerOf(reply);
}

async function askRenameOver(lab: Lab, client: Client): Promise<Answer> {
  const directory = putFileHandle(lab.workspace.handle);
  const [from, to] = [lab.newName(), lab.newName()];
  await createFile(lab, client, from, DATA);
  await createFile(lab, client, to, Buffer.alloc(0));
  return answerOf(await client.run([directory, saveFileHandle, rename(from, to)]));
}
