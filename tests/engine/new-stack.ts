import { type InlineProgramArgs, LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import { PROJECT } from "../../config.ts";
import { runProgram } from "./program.ts";
import type { Project } from "./project.ts";

/** For whoever calls AWS, which is the local control plane. */
export const OFFLINE_ACCOUNT = {
  AWS_ACCESS_KEY_ID: "offline",
  AWS_SECRET_ACCESS_KEY: "offline",
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
} as const;

/** Makes an empty stack of the project. */
export function newStack(
  project: Project,
  stackName: string,
  environment: Readonly<Record<string, string>>,
): Promise<Stack> {
  return newStackOf({ projectName: PROJECT, program: runProgram }, project, stackName, environment);
}

/** Makes an empty stack of a program whose `Pulumi.yaml` is in the folder. */
export function newStackOf(
  program: Pick<InlineProgramArgs, "projectName" | "program">,
  { folder, home, backend }: Pick<Project, "folder" | "home" | "backend">,
  stackName: string,
  environment: Readonly<Record<string, string>>,
): Promise<Stack> {
  return LocalWorkspace.createStack(
    { stackName, ...program },
    {
      workDir: folder,
      pulumiHome: home,
      envVars: {
        PULUMI_BACKEND_URL: backend,
        PULUMI_CONFIG_PASSPHRASE: "offline",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        ...environment,
      },
    },
  );
}
