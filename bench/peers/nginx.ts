/** nginx (Debian): files off the disk, by one worker process. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { debianProgram } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";
import { startHttpPeer } from "./http-peer.ts";

const nginx = debianProgram("nginx", "nginx-light");
const HOST = "127.0.0.1";

/**
 * Serves a directory at `/files/`.
 *
 * @returns the server's URL; undefined when nginx is missing, which is noted.
 */
export async function startNginx(
  bench: Pick<Bench, "cleanups" | "note">,
  directory: string,
): Promise<string | undefined> {
  const command = nginx.find();
  if (command === undefined) {
    bench.note(`nginx is missing (${nginx.howToGet}).`);
    return undefined;
  }
  const port = await findCommonPort([HOST]);
  const folder = await makeTemporaryDirectory("bench-nginx-");
  bench.cleanups.add(() => folder.remove());
  const configuration = join(folder.path, "nginx.conf");
  await writeFile(configuration, configurationOf(folder.path, directory, port));
  const url = `http://${HOST}:${port}`;
  const parameters = ["-p", folder.path, "-e", join(folder.path, "errors"), "-c", configuration];
  await startHttpPeer(bench, { name: "nginx", command: [...command, ...parameters], url });
  return url;
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
