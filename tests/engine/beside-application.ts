/** The program of `examples/fastapi-sidecar`, which asks a deployed stack what its router needs: `pulumi up` to `pulumi destroy`. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { PROJECT } from "../../config.ts";
import { REGION } from "../infra/aws-stand-in.ts";
import { newStackOf } from "./new-stack.ts";
import { report, watch } from "./outcome.ts";
import type { Project } from "./project.ts";

const EXAMPLE = "examples/fastapi-sidecar";

export async function liveBesideAnApplication(
  project: Project,
  files: Stack,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = await mkdtemp(join(project.home, "application-"));
  for (const file of ["Pulumi.yaml", "index.ts"])
    await copyFile(join(project.folder, EXAMPLE, file), join(folder, file));
  let runs = 0;
  const program = async () => {
    runs += 1;
    return { ...(await import(`../../${EXAMPLE}/index.ts?run=${runs}`)) };
  };
  const stack = await newStackOf(
    { projectName: "fastapi-sidecar", program },
    { ...project, folder },
    "test",
    environment,
  );
  await stack.setAllConfig({
    "aws:region": { value: REGION },
    filesStack: { value: `organization/${PROJECT}/${files.name}` },
  });

  const previewed = await watch((onEvent) => stack.preview({ onEvent }));
  report("preview of an application", previewed);
  const created = await watch((onEvent) => stack.up({ onEvent }));
  report("up", created);
  assert.deepEqual(created.counts, previewed.counts, "up does what the preview promised");
  const again = await watch((onEvent) => stack.up({ onEvent }));
  report("up again", again);
  assert.deepEqual(again.counts, { same: created.counts.create }, "up without a change changes nothing");
  const deleted = await watch((onEvent) => stack.destroy({ onEvent }));
  report("destroy", deleted);
  // The reference to the other stack was only read, and is discarded.
  assert.deepEqual(deleted.counts, { delete: created.counts.create, discard: 1 }, "destroy deletes what up created");
}
