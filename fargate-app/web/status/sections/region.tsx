import type { RegionStatus } from "../../../src/status/document.ts";
import { stateIn, type View } from "../view.ts";
import { StateWord } from "./parts.tsx";

/** The role of the region, where there are two, and why it takes no writes. */
export function Region({ status: { ownRegion }, words, format }: View) {
  if (ownRegion === undefined) return null;
  const { role, epoch, region, peer, writableRouters, routers, reasons, replicaLagSeconds, refusedWrites } = ownRegion;
  const refused = Object.values(refusedWrites).reduce((sum, count) => sum + count, 0);
  const facts = [
    { name: words.epoch, value: epoch === undefined ? "–" : format.whole(epoch) },
    ...(replicaLagSeconds === undefined
      ? []
      : [{ name: words.replicaLag, value: format.duration(1_000 * replicaLagSeconds) }]),
    { name: words.refusedWrites, value: format.whole(refused) },
    ...(peer === undefined
      ? []
      : [
          {
            name: words.otherRegion,
            value: peer.url === undefined ? peer.region : <a href={peer.url}>{peer.region}</a>,
          },
        ]),
  ];
  return (
    <section aria-labelledby="region" class="region">
      <h2 id="region">
        {words.region} {region}
      </h2>
      <p>
        <StateWord state={stateOf(ownRegion)} text={role === undefined ? "–" : stateIn(words.roles, role)} />{" "}
        <span class="muted">
          {writableRouters === routers ? words.takesWrites : words.someTakeWrites(writableRouters, routers)}
        </span>
      </p>
      {reasons.map((reason) => (
        <p key={reason}>{stateIn(words.refusals, reason)}</p>
      ))}
      <dl>
        {facts.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Coloured as the states of mount targets are. */
function stateOf({ role, writableRouters, routers }: RegionStatus): string {
  if (role === "primary") return writableRouters === routers ? "connected" : "failed";
  return role === "standby" ? "retiring" : "probing";
}
