/** Are sessions, client records and locks the same, whichever way one comes to the file system? */
import { putFileHandle } from "../../wire/operations/file-handles.ts";
import { lockFile } from "../../wire/operations/opens-and-locks.ts";
import { answerOf, type Client } from "../client.ts";
import { type Lab, type OpenedFile, openIn, openNew, type Target } from "../lab.ts";
import type { Answer, Sharing } from "../report.ts";
import { handleOf } from "../workspace.ts";

/** The ways to the file system besides the connection that a client came over. */
export function waysOf({ targets: [first, ...others] }: Lab): { readonly target: Target; readonly via: string }[] {
  const another = { target: first, via: `${first.name}, another connection` };
  return [another, ...others.map((target) => ({ target, via: target.name }))];
}

export async function askSharing(lab: Lab): Promise<readonly Sharing[]> {
  const results: Sharing[] = [];
  const ways = waysOf(lab);
  for (const { target, via } of ways) {
    lab.onProgress(results.length / ways.length, via);
    const client = await lab.connectClient();
    const connection = await lab.connect(target);
    const { clientId, confirmed } = await lab.identify(connection, client.owner, target);
    results.push({
      via,
      session: answerOf(await client.runOver(connection)),
      sameClientId: confirmed && clientId === client.clientId,
      lock: await askLock(lab, client, target),
    });
    await lab.release();
  }
  return results;
}

async function askLock(lab: Lab, holder: Client, target: Target): Promise<Answer> {
  const name = lab.newName();
  const held = await openNew(lab, holder, name);
  (await lock(holder, held)).orThrow(name);
  const other = await lab.connectClient(target);
  const opened = await openIn(other, await handleOf(other, lab.workspace.names), name, { access: "write" });
  return answerOf(await lock(other, opened));
}

function lock(client: Client, { handle, stateid }: OpenedFile) {
  return client.run([putFileHandle(handle), lockFile(stateid, client.stateOwner("owner"))]);
}
