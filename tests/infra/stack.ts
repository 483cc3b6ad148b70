/** The stack's program, and that of an example, run against mocks: what it registers, and nothing is created. */
import * as pulumi from "@pulumi/pulumi";
import { vi } from "vitest";
import * as z from "zod";
import { PROJECT } from "../../config.ts";
import { create, existingMountTargetsOf, lookUp, type Properties } from "./aws-stand-in.ts";
import { DYNAMIC_RESOURCES, dynamicResource } from "./dynamic-resources.ts";

/** A resource as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Properties;
  /** What the stand-in for AWS made of it. */
  readonly outputs: Properties;
  /** Names that it had before, beside those that version 0.1 gave. */
  readonly aliases: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly replaceOnChanges: readonly string[];
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  /** Names of what it is made after, and deleted before; of a component, all of it. */
  readonly dependsOn: readonly string[];
  readonly customTimeouts: pulumi.CustomTimeouts;
  /** What the resource is replaced for, when it changes. */
  readonly replacementTrigger: unknown;
  /** Whether AWS can tag it. */
  readonly taggable: boolean;
}

/** A resource that a component made. */
export interface Part {
  readonly name: string;
  readonly component: string;
}

export interface RegisteredStack {
  readonly resources: readonly Registered[];
  readonly parts: readonly Part[];
  readonly outputs: Properties;
  /** What the program looked up, such as `aws:index/getRegion:getRegion`. */
  readonly lookUps: readonly string[];
}

/**
 * Runs the stack's program.
 *
 * @param config the stack's configuration, by key without the project's name.
 */
export function registerStack(config: Readonly<Record<string, string>>, stackName = "test"): Promise<RegisteredStack> {
  return registerProgram({ project: PROJECT, config, stackName, load: () => import("../../index.ts") });
}

/**
 * Runs the program of `examples/fastapi-sidecar`.
 *
 * @param files outputs of the stack whose files it uses.
 */
export function registerSidecarExample(
  files: Properties,
  config: Readonly<Record<string, string>> = {},
): Promise<RegisteredStack> {
  return registerProgram({
    project: "fastapi-sidecar",
    stackName: "test",
    config: { ...SIDECAR_EXAMPLE_CONFIG, ...config },
    stackReferences: { [SIDECAR_EXAMPLE_CONFIG.filesStack]: files },
    load: () => import("../../examples/fastapi-sidecar/index.ts"),
  });
}

/** Runs what makes components of the stack, and nothing else. It imports them as it runs. */
export function registerComponents(make: () => Promise<void>): Promise<RegisteredStack> {
  const load = async () => {
    await make();
    return {};
  };
  return registerProgram({ project: PROJECT, config: {}, stackName: "test", load });
}

/** The engine fills in the defaults. */
const SIDECAR_EXAMPLE_CONFIG = {
  filesStack: "organization/efs-mount-autoscaling/test",
  allowedCidr: "10.0.0.0/16",
  tasks: "2",
};

interface Program {
  readonly project: string;
  readonly stackName: string;
  readonly config: Readonly<Record<string, string>>;
  /** Outputs of other stacks, by the stacks' names. */
  readonly stackReferences?: Readonly<Record<string, Properties>>;
  readonly load: () => Promise<object>;
}

async function registerProgram({
  project,
  stackName,
  config,
  stackReferences = {},
  load,
}: Program): Promise<RegisteredStack> {
  const resources: Registered[] = [];
  const parts: Promise<Part>[] = [];
  const lookUps: string[] = [];
  const declared = new Map<string, { readonly taggable: boolean; readonly opts: pulumi.CustomResourceOptions }>();
  await pulumi.runtime.setMocks(
    {
      newResource: async ({ type, name, inputs, custom }) => {
        if (type === "pulumi:pulumi:StackReference")
          return {
            id: name,
            state: { ...inputs, outputs: stackReferences[String(inputs.name)], secretOutputNames: [] },
          };
        if (custom !== true) return { id: undefined, state: inputs };
        const { id, outputs } = create(type, name, inputs);
        const { taggable = false, opts } = declared.get(`${type} ${name}`) ?? {};
        resources.push({
          type,
          name,
          inputs: withoutSecrets(inputs),
          outputs: { ...withoutSecrets(outputs), id },
          aliases: await aliasesOf(opts),
          ignoreChanges: opts?.ignoreChanges ?? [],
          replaceOnChanges: opts?.replaceOnChanges ?? [],
          retainOnDelete: opts?.retainOnDelete ?? false,
          deleteBeforeReplace: opts?.deleteBeforeReplace ?? false,
          dependsOn: await namesOf(opts?.dependsOn),
          customTimeouts: opts?.customTimeouts ?? {},
          replacementTrigger: await resolved(opts?.replacementTrigger),
          taggable,
        });
        return { id, state: outputs };
      },
      call: ({ token, inputs }) => {
        lookUps.push(token);
        return lookUp(token, inputs);
      },
    },
    project,
    stackName,
  );
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(config).map(([key, value]) => [`${project}:${key}`, value])),
  );
  vi.resetModules();
  // Other suites run the bundles; the rules need none.
  vi.doMock("../../build.ts", () => ({ buildBundles: async () => {} }));
  vi.doMock("../../components/existing-mount-targets.ts", () => ({
    findMountTargets: async ({ fileSystemId }: { readonly fileSystemId: string }) =>
      existingMountTargetsOf(fileSystemId),
  }));
  // Pulumi keeps the code of dynamic resources in the stack's state, and cannot keep what vitest makes of it.
  for (const [file, type] of Object.entries(DYNAMIC_RESOURCES)) {
    vi.doMock(`../../components/${file}.ts`, () => ({ [type]: dynamicResource(type) }));
  }
  const outputs = await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) => {
      if (opts.parent !== undefined) parts.push(partOf(opts.parent, name));
      declared.set(`${type} ${name}`, { taggable: type.startsWith("aws:") && "tags" in props, opts });
      return undefined;
    });
    return { ...(await load()) };
  });
  await pulumi.runtime.disconnect();
  return { resources, parts: await Promise.all(parts), outputs: withoutSecrets(outputs ?? {}), lookUps };
}

async function partOf(component: pulumi.Resource, name: string): Promise<Part> {
  return { name, component: await nameOf(component) };
}

async function nameOf({ urn }: pulumi.Resource): Promise<string> {
  return (
    String(await resolved(urn))
      .split("::")
      .at(-1) ?? ""
  );
}

async function namesOf(resources: pulumi.ResourceOptions["dependsOn"]): Promise<string[]> {
  const given = await resources;
  const all = await Promise.all(Array.isArray(given) ? given : [given]);
  return Promise.all(all.flatMap((each) => (each instanceof pulumi.Resource ? [nameOf(each)] : [])));
}

async function aliasesOf(opts: pulumi.ResourceOptions | undefined): Promise<string[]> {
  const aliases = z.array(z.object({ name: z.string().optional() })).parse(await resolved(opts?.aliases ?? []));
  // The others are names that its type had.
  return aliases.flatMap(({ name }) => name ?? []);
}

function resolved(input: unknown): Promise<unknown> {
  return new Promise((resolve) => pulumi.output([input]).apply(([value]) => resolve(value)));
}

/** The values of secrets, in the clear: Pulumi wraps each in an object that it marks. */
function withoutSecrets(properties: Properties): Properties {
  return JSON.parse(JSON.stringify(properties), (_key, value: unknown) =>
    typeof value === "object" && value !== null && SECRET_MARK in value && "value" in value ? value.value : value,
  );
}

/** `specialSigKey` of the Pulumi SDK. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";
