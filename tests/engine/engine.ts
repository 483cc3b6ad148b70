import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { findOnPath } from "../support/programs.ts";

/** Beside a checkout there may be a command that prints the folder of an engine. */
const ENGINE_COMMAND = resolve(import.meta.dirname, "../../../shared/tools/pulumi-engine");

/** There is no Pulumi engine here; the message says why in one line. */
export class EngineMissingError extends Error {
  override readonly name = "EngineMissingError";
}

/**
 * The folder with `pulumi` and `pulumi-language-nodejs`.
 *
 * @throws {EngineMissingError}
 */
export async function findEngine(): Promise<string> {
  const pulumi = findOnPath("pulumi");
  if (pulumi && findOnPath("pulumi-language-nodejs")) return dirname(pulumi[0]);
  if (!existsSync(ENGINE_COMMAND)) {
    throw new EngineMissingError("pulumi and pulumi-language-nodejs are not on the PATH");
  }
  try {
    const { stdout } = await promisify(execFile)(ENGINE_COMMAND, { timeout: 30 * 60_000, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim().split("\n").at(-1) : "";
    throw new EngineMissingError(`no engine can be had: ${said || "pulumi-engine failed"}`, { cause });
  }
}
