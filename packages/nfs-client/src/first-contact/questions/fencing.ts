/** Can a client be fenced by another one, so that nothing more of what it sent is executed? */
import { write } from "../../wire/operations/data.ts";
import { putFileHandle } from "../../wire/operations/file-handles.ts";
import { destroySession } from "../../wire/operations/sessions.ts";
import { answerOf, answerOfError, type Client, newOwner } from "../client.ts";
import { type Lab, openNew, type Target } from "../lab.ts";
import type { RawConnection } from "../raw-connection.ts";
import type { Answer, Fencing } from "../report.ts";
import { waysOf } from "./sharing.ts";

export async function askFencing(lab: Lab): Promise<readonly Fencing[]> {
  const results: Fencing[] = [];
  const ways = waysOf(lab);
  for (const { target, via } of ways) {
    lab.onProgress(results.length / ways.length, via);
    results.push({
      via,
      newIncarnation: await tryToFence(lab, target, startNewIncarnation),
      destroySession: await tryToFence(lab, target, destroyItsSession),
    });
  }
  return results;
}

type Fence = (lab: Lab, holder: Client, connection: RawConnection, target: Target) => Promise<Answer>;

async function tryToFence(lab: Lab, target: Target, fence: Fence): Promise<Fencing["newIncarnation"]> {
  const holder = await lab.connectClient();
  const { handle, stateid } = await openNew(lab, holder, lab.newName());
  const fenced = await fence(lab, holder, await lab.connect(target), target);
  const late = { offset: 0, data: [Buffer.from("late")], durable: true };
  const reply = await holder.run([putFileHandle(handle), write(stateid, late)]);
  await lab.release();
  return { fence: fenced, write: answerOf(reply) };
}

/** As the client does it: in the name of the one that is to be fenced, which makes the server drop what that had. */
async function startNewIncarnation(
  lab: Lab,
  holder: Client,
  connection: RawConnection,
  target: Target,
): Promise<Answer> {
  try {
    const next = await lab.client(connection, target, { owner: newOwner(holder.owner.name) });
    await lab.end(next);
    return { status: "NFS4_OK" };
  } catch (error) {
    return answerOfError(error);
  }
}

async function destroyItsSession(_lab: Lab, holder: Client, connection: RawConnection): Promise<Answer> {
  // A session can be destroyed over a connection that belongs to it: SEQUENCE makes it one (RFC 8881 §18.37.3).
  const joined = await holder.runOver(connection);
  if (!joined.succeeded) return answerOf(joined);
  return answerOf(await connection.send([destroySession(holder.session.id)]));
}
