/** FastAPI with uvicorn (PyPI): the service that a user would write after the documents this project began with. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { pythonProgram } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";
import { startHttpPeer } from "./http-peer.ts";

const uvicorn = pythonProgram("uvicorn", "fastapi 'uvicorn[standard]'");
const HOST = "127.0.0.1";

/** As many as the documents have. */
const MOUNT_POINTS = 3;

/**
 * Serves a directory at `/files/`, as if it were mounted several times.
 *
 * @returns the server's URL; undefined when uvicorn is missing, which is noted.
 */
export async function startFastApi(
  bench: Pick<Bench, "cleanups" | "note">,
  directory: string,
): Promise<string | undefined> {
  const command = uvicorn.find();
  if (command === undefined) {
    bench.note(`FastAPI is missing (${uvicorn.howToGet}).`);
    return undefined;
  }
  const port = await findCommonPort([HOST]);
  const folder = dirname(fileURLToPath(import.meta.url));
  const parameters = ["--app-dir", folder, "--host", HOST, "--port", `${port}`, "--no-access-log", "fastapi_peer:app"];
  const environment = {
    MOUNT_POINTS: Array.from({ length: MOUNT_POINTS }, () => directory).join(":"),
    // No bytecode beside the program, in this repository.
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const url = `http://${HOST}:${port}`;
  await startHttpPeer(bench, { name: "FastAPI", command: [...command, ...parameters], environment, url });
  return url;
}
