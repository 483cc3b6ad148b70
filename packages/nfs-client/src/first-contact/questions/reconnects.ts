/** Does a session survive its connection, and do the replies that the server keeps for a retry? */
import { createDirectory } from "../../wire/operations/directories.ts";
import { putFileHandle } from "../../wire/operations/file-handles.ts";
import { answerOf, type Client } from "../client.ts";
import type { Lab } from "../lab.ts";
import { latencyOf } from "../latency.ts";
import type { RawConnection } from "../raw-connection.ts";
import type { Answer, Reconnects, RetryResult } from "../report.ts";

/**
 * Connections are made one after the other. The old one is closed when the new one knows the session; else the new one
 * is: over the old one, all that we have at the server can then still be ended.
 */
export async function askReconnects(lab: Lab): Promise<Reconnects> {
  const client = await lab.connectClient();
  const retry = await askRetries(lab, client);
  const connections = lab.effort.reconnects;
  const durations: number[] = [];
  let holder = client.connection;
  let knewSession = 0;
  for (let made = 0; made < connections; made++) {
    lab.onProgress(made / connections, `connection ${made + 1}`);
    const begin = performance.now();
    const next = await lab.connect();
    durations.push(performance.now() - begin);
    const knows = (await client.runOver(next)).succeeded;
    if (knows) knewSession += 1;
    lab.disconnect(knows ? holder : next);
    if (knows) holder = next;
  }
  const afterLoss = knewSession === connections ? await askAfterLoss(lab, client, holder) : undefined;
  if (afterLoss === undefined) await lab.end(client, holder);
  return { connections, knewSession, afterLoss, retry, connecting: latencyOf(durations) };
}

async function askAfterLoss(lab: Lab, client: Client, only: RawConnection): Promise<Answer> {
  lab.disconnect(only);
  const next = await lab.connect();
  const reply = await client.runOver(next);
  await lab.end(client, reply.succeeded ? next : undefined);
  return answerOf(reply);
}

async function askRetries(lab: Lab, client: Client): Promise<Reconnects["retry"]> {
  const create = () => [
    putFileHandle(lab.workspace.handle),
    createDirectory(lab.newName(), lab.workspace.modeOf(0o755)),
  ];
  const retryOver = async (connection: RawConnection): Promise<RetryResult> => {
    const operations = create();
    (await client.run(operations, { cacheThis: true })).orThrow();
    const reply = await client.retry(operations, connection);
    if (reply.succeeded) return "cached reply";
    return reply.failedWith("NFS4ERR_EXIST") ? "executed again" : answerOf(reply);
  };
  const sameConnection = await retryOver(client.connection);
  const another = await lab.connect();
  const otherConnection = await retryOver(another);
  lab.disconnect(another);
  return { sameConnection, otherConnection };
}
