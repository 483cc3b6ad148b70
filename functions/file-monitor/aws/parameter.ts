/**
 * SSM Parameter Store: the parameter that holds the mount table.
 */
import { GetParameterCommand, ParameterNotFound, ParameterType, PutParameterCommand } from "@aws-sdk/client-ssm";
import * as z from "zod";
import { type AwsSession, call } from "./session.ts";

export interface Parameter {
  readonly value: string;
  readonly type: ParameterType;
  readonly lastModified: Date;
}

const parameterSchema = z
  .object({
    Parameter: z.object({ Value: z.string(), Type: z.enum(ParameterType), LastModifiedDate: z.date() }),
  })
  .transform(
    ({ Parameter: { Value, Type, LastModifiedDate } }): Parameter => ({
      value: Value,
      type: Type,
      lastModified: LastModifiedDate,
    }),
  );

/** The parameter, decrypted; undefined when there is none. @throws {AwsCallError} */
export function readParameter({ ssm, signal }: AwsSession, name: string): Promise<Parameter | undefined> {
  return call("GetParameter", parameterSchema.optional(), async () => {
    try {
      return await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }), { abortSignal: signal });
    } catch (error) {
      if (error instanceof ParameterNotFound) return undefined;
      throw error;
    }
  });
}

/**
 * Creates or overwrites the parameter.
 *
 * @param keyId only for a SecureString: Parameter Store uses its default key where none is named.
 * @throws {AwsCallError}
 */
export async function writeParameter(
  { ssm, signal }: AwsSession,
  parameter: {
    readonly name: string;
    readonly value: string;
    readonly type: ParameterType;
    readonly keyId: string | undefined;
  },
): Promise<void> {
  await call("PutParameter", z.unknown(), () =>
    ssm.send(
      new PutParameterCommand({
        Name: parameter.name,
        Value: parameter.value,
        Type: parameter.type,
        Overwrite: true,
        ...(parameter.type === "SecureString" && { KeyId: parameter.keyId }),
      }),
      { abortSignal: signal },
    ),
  );
}
