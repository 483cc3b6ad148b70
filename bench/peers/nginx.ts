/** nginx (Debian): files off the disk, by one worker process. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { startProcess } from "../../local/machine/process.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { debianProgram } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";

const nginx = debianProgram("nginx", "nginx-light");
const HOST = "127.0.0.1";
const START_TIMEOUT = 5_000;
const STOP_TIMEOUT = 2_000;

/**
 * Serves a directory at `/files/`.
 *
 * @returns the server's URL; undefined when nginx is missing, which is noted.
 */
export async function startNginx(
  { cleanups, note }: Pick<Bench, "cleanups" | "note">,
  directory: string,
): Promise<string | undefined> {
  const command = nginx.find();
  if (command === undefined) {
    note(`nginx is missing (${nginx.howToGet}).`);
    return undefined;
  }
  const port = await findCommonPort([HOST]);
  const folder = await makeTemporaryDirectory("bench-nginx-");
  cleanups.add(() => folder.remove());
  const configuration = join(folder.path, "nginx.conf");
  await writeFile(configuration, configurationOf(folder.path, directory, port));
  const lines: string[] = [];
  const server = startProcess([...command, "-p", folder.path, "-e", join(folder.path, "errors"), "-c", configuration], {
    env: {},
    onLine: (line) => lines.push(line),
  });
  cleanups.add(() => server.stop(STOP_TIMEOUT));

  const url = `http://${HOST}:${port}`;
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    const answered = await fetch(url).catch(() => undefined);
    if (answered !== undefined) return url;
    if (Date.now() > deadline) throw new Error(`nginx did not start: ${lines.join("; ")}`);
    await sleep(20);
  }
}

function configurationOf(folder: string, directory: string, port: number): string {
  const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  // Who runs this can read the directory; the user whom nginx would choose for its worker cannot.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `
${user}
daemon off;
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
${temporaryPaths.map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n")}
  server {
    listen ${HOST}:${port};
    location /files/ { alias ${directory}/; }
  }
}
`;
}
