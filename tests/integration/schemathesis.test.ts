/** What schemathesis makes of the document of the API: requests that fit it, and requests that do not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { startMemoryServer } from "../support/memory-server.ts";
import { pythonProgram } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";

const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
];

describeRequiring([pythonProgram("schemathesis", "schemathesis")], "schemathesis", ([[program, ...leading]]) => {
  test("finds every response as the document of the API describes it", async () => {
    const server = await startMemoryServer();
    const home = await makeTemporaryDirectory("schemathesis-");
    try {
      for (const path of ["a/b.bin", "c.bin"])
        await fetch(`${server.url}/files/${path}`, { method: "PUT", body: path });
      const parameters = [
        ...["run", `${server.url}/openapi.json`, "--no-color", "--generation-deterministic"],
        ...["--checks", CHECKS.join(","), "--max-examples", "30", "--request-timeout", "60"],
        // A machine may be slow.
        ...["--suppress-health-check", "all"],
        // What follows changes has no end.
        ...["--exclude-path", "/events"],
      ];
      const child = spawn(program, [...leading, ...parameters], { cwd: home.path, stdio: ["ignore", "pipe", "pipe"] });
      const [output, complaints, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, "close"),
      ]);
      expect(code, output + complaints).toBe(0);
      expect(output).toMatch(/^ *Tested: [1-9]/m);
    } finally {
      await home.remove();
      await server.close();
    }
  });
});
