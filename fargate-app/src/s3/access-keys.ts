/** The access keys of the S3 API, as they are now, and what each may do. */
import * as z from "zod";
import { FollowedSource, type FollowOptions, type SecretSource } from "../authentication/followed-source.ts";
import { versionsOf } from "../authentication/secret.ts";
import { S3Error } from "./errors.ts";

/** 2^32 - 1 stands for no user (chown(2)). */
const userNumber = z
  .int()
  .min(0)
  .max(2 ** 32 - 2);

const accessKey = z.strictObject({
  accessKeyId: z.string().regex(/^\w{16,128}$/),
  secretAccessKey: z.string().regex(/^[\x21-\x7e]{32,256}$/),
  /** Whether it may change nothing. */
  readOnly: z.boolean().default(false),
  /** Where it may act: what `BUCKET/KEY` must begin with, such as `reports/2026/`. Everywhere where absent. */
  prefixes: z.array(z.string().min(1)).min(1).optional(),
  /** Whom the file system takes its requests for. The router where absent. */
  user: z
    .strictObject({
      uid: userNumber,
      gid: userNumber,
      /** Further groups: as many as AUTH_SYS allows (RFC 5531 appendix A). */
      gids: z.array(userNumber).max(16).optional(),
    })
    .optional(),
});

export type AccessKey = z.output<typeof accessKey>;

/**
 * The access keys in a secret, and those that were in it before.
 *
 * @param areUsersAllowed Whether the file system takes each request for the user that it names. Where it does not, an
 *   access key that is to be a user would be more than that user, so the secret is refused.
 */
export function accessKeySource(secretId: string, areUsersAllowed: boolean): SecretSource<readonly AccessKey[]> {
  const form = areUsersAllowed ? accessKey : accessKey.omit({ user: true });
  const document = z.strictObject({ accessKeys: z.array(form).min(1) });
  const user = areUsersAllowed ? ',"user":{"uid":1001,"gid":1001,"gids":[]}' : "";
  return versionsOf(secretId, {
    allowed:
      'JSON like {"accessKeys":[{"accessKeyId":"16 to 128 letters and digits","secretAccessKey":"32 to 256 characters",' +
      `"readOnly":false,"prefixes":["bucket/prefix"]${user}}]}${areUsersAllowed ? "" : " (with S3_USERS also user)"}`,
    parse: (text) => {
      try {
        return document.parse(JSON.parse(text)).accessKeys;
      } catch {
        return undefined;
      }
    },
  });
}

export class AccessKeys {
  readonly #versions: FollowedSource<readonly AccessKey[]>;

  /** @throws what the source throws. */
  static async start(source: SecretSource<readonly AccessKey[]>, options: FollowOptions): Promise<AccessKeys> {
    return new AccessKeys(await FollowedSource.start(source, "The S3 access keys", options));
  }

  private constructor(versions: FollowedSource<readonly AccessKey[]>) {
    this.#versions = versions;
  }

  /** Those of an id: several, while it is rotated. */
  readonly of = (accessKeyId: string): readonly AccessKey[] =>
    this.#versions.values.flat().filter((each) => each.accessKeyId === accessKeyId);

  stop(): void {
    this.#versions.stop();
  }
}

/**
 * @param resource `BUCKET/KEY`, or what all that is asked for begins with.
 * @throws {S3Error} AccessDenied
 */
export function authorize({ readOnly, prefixes }: AccessKey, access: "read" | "write", resource: string): void {
  if (access === "write" && readOnly) throw new S3Error("AccessDenied", "The access key is read-only");
  if (prefixes === undefined || prefixes.some((prefix) => resource.startsWith(prefix))) return;
  throw new S3Error("AccessDenied", "The access key has no rights there");
}

/** Whether anything in the bucket may be seen. */
export function mayEnter({ prefixes }: AccessKey, bucket: string): boolean {
  const root = `${bucket}/`;
  return prefixes === undefined || prefixes.some((prefix) => prefix.startsWith(root) || root.startsWith(prefix));
}
