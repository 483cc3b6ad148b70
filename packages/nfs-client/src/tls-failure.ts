/** What was wrong when TLS failed, in words: name, trust, validity, or a server that does not speak it. */
import { DeadlineError } from "./errors.ts";

/** Why a TLS handshake came to no end, although the server accepted the TCP connection. */
export function handshakeFailure(error: unknown): string {
  const { code, reason } = partsOf(error);
  if (error instanceof DeadlineError) {
    return `the server did not answer the TLS handshake, it may speak plain text only: ${reason}`;
  }
  if (code === "ECONNRESET" || code === "EPIPE") {
    return `the server hung up in the TLS handshake, it may speak plain text only: ${reason}`;
  }
  return tlsFailure(error);
}

/** Why an error ended a connection, perhaps one that spoke TLS. */
export function tlsFailure(error: unknown): string {
  const { code, reason } = partsOf(error);
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the server's certificate is for another name: ${reason}`;
    case "CERT_HAS_EXPIRED":
      return "the server's certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "the server's certificate is not valid yet";
    case "CERT_SIGNATURE_FAILURE":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `the server's certificate is not from a trusted certificate authority: ${reason}`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return `the server speaks plain text, not TLS: ${reason}`;
  }
  return code.startsWith("ERR_SSL_") ? `TLS failed: ${reason}` : reason;
}

function partsOf(error: unknown): { code: string; reason: string } {
  if (!(error instanceof Error)) return { code: "", reason: String(error) };
  // OpenSSL's own message says where in its source code it was.
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return { code: String(code ?? ""), reason: typeof reason === "string" ? reason : error.message };
}
