import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findOnPath } from "../support/programs.ts";

/** There is no Pulumi engine here; the message says why, and how to get one. */
export class EngineMissingError extends Error {
  override readonly name = "EngineMissingError";
}

/**
 * The folder with `pulumi`: the one on the PATH, or else one that Go builds, once, from its module.
 *
 * @throws {EngineMissingError}
 */
export async function findEngine(): Promise<string> {
  const pulumi = findOnPath("pulumi");
  if (pulumi) return dirname(pulumi[0]);
  if (!findOnPath("go")) {
    throw new EngineMissingError(
      "neither pulumi nor go is on the PATH. Install Pulumi (https://www.pulumi.com/docs/install), or Go, which builds it",
    );
  }
  try {
    const { stdout } = await promisify(execFile)(join(import.meta.dirname, "build-pulumi"), {
      timeout: 30 * 60_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.trim();
  } catch (cause) {
    const output = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim().split("\n").at(-1) : "";
    throw new EngineMissingError(
      `Go could not build pulumi: ${output}. Install Pulumi (https://www.pulumi.com/docs/install)`,
      { cause },
    );
  }
}
