/** Timeouts of AWS calls: a router that cannot reach an endpoint must start all the same, and soon. */

/** For the SDK's clients. */
export const AWS_CLIENT_OPTIONS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
} as const;

/** Milliseconds for a request and its retries. */
export const AWS_REQUEST_TIMEOUT = 10_000;
