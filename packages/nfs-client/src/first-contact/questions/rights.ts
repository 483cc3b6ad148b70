/** Whom does the server take us for, and what does it answer where a right is missing? */
import { messageOf, NfsError } from "../../errors.ts";
import type { TlsOptions } from "../../types.ts";
import { createDirectory } from "../../wire/operations/directories.ts";
import { getFileHandle, putFileHandle } from "../../wire/operations/file-handles.ts";
import { getOwners } from "../../wire/operations/metadata.ts";
import { openByName } from "../../wire/operations/opens-and-locks.ts";
import type { AuthSys } from "../../wire/rpc.ts";
import { answerOf, answerOfError, type Client, newOwner } from "../client.ts";
import type { Lab } from "../lab.ts";
import type { Answer, Rights } from "../report.ts";
import { handleOf } from "../workspace.ts";

/** Users that are neither root nor us: one of them is not. */
const OTHER_USERS = [65_533, 65_532];

/** @param invalidTls How to connect with a signature that is not valid. */
export async function askRights(lab: Lab, invalidTls: TlsOptions | undefined): Promise<Rights> {
  const { credential } = lab;
  const user = await lab.connectClient();
  const root = await lab.connectClient(lab.targets[0], { ...credential, uid: 0, gid: 0, gids: [] });
  return {
    user: { asked: `${credential.uid}:${credential.gid}`, created: await ownerOfCreated(lab, user) },
    root: { asked: "0:0", created: await ownerOfCreated(lab, root) },
    otherUser: await askOtherUser(lab, user),
    invalidSignature: invalidTls === undefined ? undefined : await askInvalidSignature(lab, invalidTls),
  };
}

/** Who owns what the client creates. */
async function ownerOfCreated(lab: Lab, client: Client): Promise<string | Answer> {
  const owners = getOwners();
  const creating = createDirectory(lab.newName(), lab.workspace.modeOf(0o755));
  try {
    const directory = await handleOf(client, lab.workspace.names);
    const { owner, group } = (await client.run([putFileHandle(directory), creating, owners])).orThrow().of(owners);
    return `${owner || "?"}:${group || "?"}`;
  } catch (error) {
    return answerOfError(error);
  }
}

async function askOtherUser(lab: Lab, user: Client): Promise<Answer> {
  const handle = getFileHandle();
  const ownersOnly = createDirectory(lab.newName(), lab.workspace.modeOf(0o700));
  const directory = (await user.run([putFileHandle(lab.workspace.handle), ownersOnly, handle])).orThrow().of(handle);
  const uid = OTHER_USERS.find((each) => each !== lab.credential.uid) ?? 0;
  const credential: AuthSys = { ...lab.credential, uid, gid: uid, gids: [] };
  const other = await lab.connectClient(lab.targets[0], credential);
  const create = { how: "unchecked", mode: lab.workspace.fileMode } as const;
  const open = openByName({ owner: other.stateOwner("owner"), access: "write", name: lab.newName(), create });
  return answerOf(await other.run([putFileHandle(directory), open]));
}

async function askInvalidSignature(lab: Lab, tls: TlsOptions): Promise<string> {
  const [first] = lab.targets;
  try {
    const connection = await lab.connect({ ...first, address: { ...first.address, tls } });
    await lab.identify(connection, newOwner());
    return "accepted";
  } catch (error) {
    if (!(error instanceof NfsError) || lab.signal.aborted) throw error;
    return messageOf(error);
  }
}
