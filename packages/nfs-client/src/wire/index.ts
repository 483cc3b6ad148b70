/** The wire format of NFSv4.1: XDR (RFC 4506), ONC RPC (RFC 5531), and what NFS puts into them (RFC 8881, RFC 5662). */
export * from "./bitmap.ts";
export * from "./protocol.ts";
export * from "./record.ts";
export * from "./rpc.ts";
export * from "./stateid.ts";
export * from "./status.ts";
export * from "./xdr.ts";
