/**
 * An error as an AWS service responds with it. Each protocol writes it in its own form.
 */
export class AwsError extends Error {
  override readonly name = "AwsError";
  /** The error's code, such as `MountTargetConflict`. */
  readonly code: string;
  /** The HTTP status of the response. */
  readonly statusCode: number;

  constructor(code: string, statusCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusCode = statusCode;
  }
}
