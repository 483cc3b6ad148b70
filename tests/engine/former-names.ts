/** What version 0.1 called the stack's resources, and how the state of a stack that it made looks. */
import { readFileSync } from "node:fs";
import type { Deployment } from "@pulumi/pulumi/automation/index.js";
import { formerNameOf } from "../../components/former-names.ts";

/** The ends of the URNs of every resource that version 0.1 could make: `TYPE::NAME`, the type with those of its parents. */
const RECORDED = readFileSync(new URL("version-0.1.txt", import.meta.url), "utf8")
  .trim()
  .split("\n");

/** The clients of the configurations: version 0.1 called their rules by their numbers in `allowedCidrs`. */
const CLIENTS = ["10.0.0.0-16", "172.16.0.0-12"];

/** @returns the resource's URN in version 0.1, or undefined where it had no such resource. */
function formerUrnOf(urn: string): string | undefined {
  const [scope, name] = split(urn);
  const former = formerNameOf(name) ?? name;
  const numbered = former.replace(/(?<=^clients-)[\d.-]+(?=-to-)/, (range) => String(CLIENTS.indexOf(range) + 1));
  return [`${scope}::${numbered}`, urn].find((each) => RECORDED.includes(endOf(each)));
}

/** The recorded resources that are none of these. */
export function lostResources(urns: readonly string[]): string[] {
  const found = new Set(urns.map(formerUrnOf).map((urn) => urn && endOf(urn)));
  return RECORDED.filter((end) => !found.has(end));
}

/** A stack's state as version 0.1 would have left it: what it did not have stays. */
export function asVersion01(state: Deployment): Deployment {
  return JSON.parse(JSON.stringify(state), (_key, value: unknown) =>
    typeof value === "string" && value.startsWith("urn:") ? (formerUrnOf(value) ?? value) : value,
  );
}

/** A URN's parts before and after the last `::`. */
function split(urn: string): [scope: string, name: string] {
  const at = urn.lastIndexOf("::");
  return [urn.slice(0, at), urn.slice(at + 2)];
}

/** `TYPE::NAME` of `urn:pulumi:STACK::PROJECT::TYPE::NAME`. */
function endOf(urn: string): string {
  return urn.split("::").slice(2).join("::");
}
