/** What does CREATE_SESSION grant? */
import { wantedChannel } from "../../session/session.ts";
import { putRootFileHandle } from "../../wire/operations/file-handles.ts";
import type { ChannelAttributes } from "../../wire/operations/sessions.ts";
import { answerOf } from "../client.ts";
import type { Lab } from "../lab.ts";
import type { Grants } from "../report.ts";

const GREEDY_CHANNEL: ChannelAttributes = {
  maximumRequestSize: 8 * 1024 * 1024,
  maximumResponseSize: 8 * 1024 * 1024,
  maximumCachedResponseSize: 1024 * 1024,
  maximumOperations: 1024,
  maximumRequests: 1024,
};

export async function askGrants(lab: Lab): Promise<Grants> {
  const client = await lab.connectClient();
  const greedy = await lab.client(await lab.connect(), lab.targets[0], { channel: GREEDY_CHANNEL });
  const granted = client.session.channel;
  const all = Array.from({ length: Math.min(granted.maximumOperations, 1024) - 1 }, () => putRootFileHandle);
  const { leaseTime: leaseSeconds, maximumRead, maximumWrite } = lab.workspace.attributes;
  return {
    asked: wantedChannel(),
    granted,
    most: greedy.session.channel,
    longestCompound: answerOf(await client.run(all)),
    leaseSeconds,
    maximumRead,
    maximumWrite,
  };
}
