/** The call by which a connection learns its partition (aws/efs-utils, `src/proxy/src/xdr/awsfile_prot.x`). */
import { AcceptStatus, BIND_CLIENT_TO_PARTITION, Procedure, readConnectionOwner, writeBinding } from "nfs-client/wire";
import type { MountTarget } from "./mount-target.ts";
import { beginReply, type Call, replyWith } from "./rpc.ts";

/** Seconds; the proxy's own, where it is not told. */
const SCALE_UP_SECONDS = 1;

/** @throws {XdrError} when the arguments cannot be decoded. */
export function bindToPartition(
  { dialect, partitions }: MountTarget,
  { xid, procedure, args }: Call,
  connection: object,
): readonly Buffer[] {
  if (dialect.partitions === 0) return replyWith(xid, AcceptStatus.PROG_UNAVAIL).segments();
  if (procedure === Procedure.NULL) return beginReply(xid).segments();
  if (procedure !== BIND_CLIENT_TO_PARTITION) return replyWith(xid, AcceptStatus.PROC_UNAVAIL).segments();
  readConnectionOwner(args);
  const { id: partition } = partitions.bind(connection, dialect.partitions);
  const reply = beginReply(xid);
  writeBinding(reply, {
    answer: { kind: "ready", partition },
    scaling: {
      maximumConnections: dialect.partitionConnections,
      threshold: dialect.scaleUpBytesPerSecond,
      duration: SCALE_UP_SECONDS,
      window: SCALE_UP_SECONDS,
    },
  });
  return reply.segments();
}
