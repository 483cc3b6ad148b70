import * as pulumi from "@pulumi/pulumi";

/** The components whose parts did not bear their name in version 0.1: a part `network-vpc` was called `vpc`. */
const COMPONENTS = [
  "alarms",
  "backup",
  "file-storage",
  "log-router-logs",
  "log-router",
  "network",
  "roles",
  "security-groups",
  "router",
  "vpc-endpoints",
];

/** Lets the stack find what version 0.1 made, by the names of then, instead of making it again. */
export function findByFormerNames(): void {
  pulumi.runtime.registerStackTransformation(({ name, props, opts }) => {
    const aliases = [name, ...aliasesOf(opts)].flatMap((each) => {
      const former = formerNameOf(each);
      return former === undefined ? [] : [{ name: former }];
    });
    if (aliases.length === 0) return undefined;
    return { props, opts: pulumi.mergeOptions(opts, { aliases }) };
  });
}

/** The names that a resource has had since. */
function aliasesOf({ aliases }: pulumi.ResourceOptions): string[] {
  if (!Array.isArray(aliases)) return [];
  return aliases.flatMap((alias) =>
    typeof alias === "object" && "name" in alias && typeof alias.name === "string" ? [alias.name] : [],
  );
}

/** @returns undefined for a name that is as it was. */
export function formerNameOf(name: string): string | undefined {
  const component = COMPONENTS.find((each) => name.startsWith(`${each}-`));
  return component && name.slice(component.length + 1);
}
