/** How old the replica of a standby is at most, in every response. */
import fp from "fastify-plugin";
import type { Region } from "../../region/region.ts";

const LAG_HEADER = "x-replica-lag-seconds";

interface ReplicaLagOptions {
  readonly region: Region;
}

export const replicaLag = fp<ReplicaLagOptions>(
  async (app, { region }) => {
    app.addHook("onRequest", (_request, reply, done) => {
      const { replicaLag } = region;
      if (replicaLag !== undefined) reply.header(LAG_HEADER, Math.ceil(replicaLag / 1_000));
      done();
    });
  },
  { name: "replica-lag", fastify: "5.x" },
);
