/**
 * A provider for the real engine that creates nothing: `aws` and `docker-build`, played by the stand-in.
 *
 * It has no previews, so the engine leaves every output unknown there.
 */
import { isDeepStrictEqual } from "node:util";
import { main, type Provider } from "@pulumi/pulumi/provider/index.js";
import { create, FIXED_INPUTS, lookUp, type Properties } from "../infra/aws-stand-in.ts";

const standIn: Provider = {
  version: "0.0.0",
  async create(urn, inputs: Properties) {
    const { id, outputs } = create(typeOf(urn), nameOf(urn), inputs);
    return { id, outs: outputs };
  },
  // Whether anything changed is left to the engine.
  async diff(_id, urn, olds: Properties, news: Properties) {
    const replaces = (FIXED_INPUTS[typeOf(urn)] ?? []).filter((input) => !isDeepStrictEqual(olds[input], news[input]));
    return { replaces };
  },
  async update(_id, urn, olds: Properties, inputs: Properties) {
    refuseStaleValue(urn, olds, inputs);
    return { outs: create(typeOf(urn), nameOf(urn), inputs).outputs };
  },
  async delete() {},
  async invoke(token, inputs: Properties) {
    return { outputs: lookUp(token, inputs) };
  },
};

/** With any change but that of tags, AWS's provider writes a parameter's value, which others have written since. */
function refuseStaleValue(urn: string, { tags: _, ...olds }: Properties, { tags: __, ...inputs }: Properties): void {
  if (typeOf(urn) !== "aws:ssm/parameter:Parameter") return;
  const changed = Object.keys(inputs).filter((input) => !isDeepStrictEqual(olds[input], inputs[input]));
  if (changed.length > 0) throw new Error(`${urn} gets its first value with a change of ${changed.join(", ")}`);
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME` */
function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

await main(standIn, process.argv.slice(2));
