/**
 * An error that an AWS service answers with. Each protocol writes it in its own shape.
 */
export class AwsError extends Error {
  override readonly name = "AwsError";
  /** The error's code, such as `MountTargetConflict`. */
  readonly code: string;
  /** The HTTP status of the answer. */
  readonly statusCode: number;

  constructor(code: string, statusCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusCode = statusCode;
  }
}
