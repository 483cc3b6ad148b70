/** What the two ends of a session agree on (channel_attrs4, RFC 8881 §18.36). */
import { StatusError } from "../status-error.ts";

/** Of the fore channel. Sizes in bytes, with the RPC headers. */
export interface ChannelAttributes {
  readonly headerPadding: number;
  readonly maximumRequest: number;
  readonly maximumResponse: number;
  readonly maximumCachedResponse: number;
  readonly maximumOperations: number;
  readonly maximumRequests: number;
}

/** The smallest sizes a session can work with: a request and a reply of nothing but SEQUENCE, with room for a status. */
const MIN_REQUEST = 256;
const MIN_RESPONSE = 256;

/** What the server grants of what a client asks for. @throws {StatusError} NFS4ERR_TOOSMALL */
export function negotiate(asked: ChannelAttributes, limits: ChannelAttributes): ChannelAttributes {
  const isTooSmall =
    asked.maximumRequest < MIN_REQUEST ||
    asked.maximumResponse < MIN_RESPONSE ||
    asked.maximumOperations < 2 ||
    asked.maximumRequests < 1;
  if (isTooSmall) throw new StatusError("NFS4ERR_TOOSMALL");
  return {
    headerPadding: 0,
    maximumRequest: Math.min(asked.maximumRequest, limits.maximumRequest),
    maximumResponse: Math.min(asked.maximumResponse, limits.maximumResponse),
    maximumCachedResponse: Math.min(asked.maximumCachedResponse, limits.maximumCachedResponse),
    maximumOperations: Math.min(asked.maximumOperations, limits.maximumOperations),
    maximumRequests: Math.min(asked.maximumRequests, limits.maximumRequests),
  };
}
