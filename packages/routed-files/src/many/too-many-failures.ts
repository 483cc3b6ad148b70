/** So many names have failed that the rest is not tried. */
export class TooManyFailuresError extends Error {
  override readonly name = "TooManyFailuresError";
  /** Of the last of the names. */
  readonly last: Error;

  constructor(failures: number, last: Error) {
    super(`${failures} names failed, and the rest was not tried`, { cause: last });
    this.last = last;
  }
}
