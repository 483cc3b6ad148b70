/**
 * AWS Systems Manager Parameter Store.
 *
 * Rules, errors and names: Systems Manager API reference, GetParameter and PutParameter.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { operationsOf } from "./operation.ts";
import type { AwsState, Parameter, ParameterTier } from "./state.ts";

/** Bytes a value may have. */
const MAX_BYTES: Record<ParameterTier, number> = { Standard: 4096, Advanced: 8192 };

const invalid = (message: string) => new AwsError("ValidationException", 400, message);
const { query, command } = operationsOf(invalid);

const getParameter = query(
  z.object({ Name: z.string(), WithDecryption: z.boolean().default(false) }),
  (state, { Name, WithDecryption }) => {
    const { name, version } = parseName(Name);
    const parameter = state.parameters.find((one) => one.name === name);
    if (parameter === undefined) throw new AwsError("ParameterNotFound", 400, `Parameter ${Name} not found.`);
    return { Parameter: describe(state, ofVersion(parameter, version), WithDecryption) };
  },
);

const putParameter = command(
  z.object({
    Name: z
      .string()
      .regex(/^[a-zA-Z0-9_.\-/]+$/, "only a-z, A-Z, 0-9, '_', '.', '-' and '/' are allowed")
      .refine((name) => !/^\/?(aws|ssm)/i.test(name), 'names can\'t be prefixed with "aws" or "ssm"'),
    Value: z.string().min(1),
    Type: z.enum(["String", "StringList", "SecureString"]).optional(),
    Overwrite: z.boolean().default(false),
    Tier: z.enum(["Standard", "Advanced", "Intelligent-Tiering"]).default("Standard"),
    Tags: z.array(z.unknown()).optional(),
  }),
  (state, { Name, Value, Type, Overwrite, Tier, Tags }, { now }) => {
    const before = state.parameters.find((one) => one.name === Name);
    if (before !== undefined && !Overwrite) {
      throw new AwsError(
        "ParameterAlreadyExists",
        400,
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
      );
    }
    if (Overwrite && Tags !== undefined) {
      throw invalid("tags and overwrite can't be used together. To update a parameter, remove tags.");
    }
    const type = Type ?? before?.type;
    if (type === undefined) throw invalid("A parameter type is required when you create a parameter.");
    const tier = chooseTier(Tier, Value, before);
    const version = (before?.version ?? 0) + 1;
    const parameter: Parameter = {
      ...{ name: Name, type, tier, value: Value, version, lastModifiedDate: now },
      ...(before && { previousValue: before.value }),
    };
    return {
      state: { ...state, parameters: [...state.parameters.filter((one) => one.name !== Name), parameter] },
      output: { Version: version, Tier: tier },
    };
  },
);

/** Parameter Store's operations by their API names. */
export const ssm = { GetParameter: getParameter, PutParameter: putParameter };

/** GetParameter takes a name or an ARN, and either with a version after a colon. */
function parseName(nameOrArn: string): { readonly name: string; readonly version: number | undefined } {
  const [, name = nameOrArn, version] =
    /^(?:arn:[^:]+:ssm:[^:]*:[^:]*:parameter)?([^:]+)(?::(\d+))?$/.exec(nameOrArn) ?? [];
  return { name, version: version === undefined ? undefined : Number(version) };
}

function ofVersion(parameter: Parameter, version = parameter.version): Parameter {
  if (version === parameter.version) return parameter;
  if (version !== parameter.version - 1 || parameter.previousValue === undefined) {
    const message = `Systems Manager could not find version ${version} of ${parameter.name}.`;
    throw new AwsError("ParameterVersionNotFound", 400, message);
  }
  return { ...parameter, version, value: parameter.previousValue };
}

function chooseTier(
  asked: ParameterTier | "Intelligent-Tiering",
  value: string,
  before: Parameter | undefined,
): ParameterTier {
  const bytes = Buffer.byteLength(value);
  const tier =
    asked === "Advanced" ||
    before?.tier === "Advanced" ||
    (asked === "Intelligent-Tiering" && bytes > MAX_BYTES.Standard)
      ? "Advanced"
      : "Standard";
  if (bytes > MAX_BYTES[tier]) {
    throw invalid(
      `${tier} tier parameters support a maximum parameter value of ${MAX_BYTES[tier]} characters, this one has ${bytes}.`,
    );
  }
  return tier;
}

function describe(state: AwsState, parameter: Parameter, decrypted: boolean): object {
  const { name, type, version, lastModifiedDate } = parameter;
  return {
    ARN: `arn:aws:ssm:${state.region}:${state.accountId}:parameter${name.startsWith("/") ? "" : "/"}${name}`,
    Name: name,
    Type: type,
    Value: type === "SecureString" && !decrypted ? ciphertext(parameter.value) : parameter.value,
    Version: version,
    LastModifiedDate: lastModifiedDate,
    DataType: "text",
  };
}

/** Not a secret here: only unreadable to a caller that forgets `WithDecryption`. */
function ciphertext(value: string): string {
  return Buffer.from(`encrypted:${value}`).toString("base64");
}
