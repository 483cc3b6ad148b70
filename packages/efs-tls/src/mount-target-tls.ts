/** TLS to the mount targets of an EFS file system, and in it the client's identity. */
import type { ConnectionOptions } from "node:tls";
import type { TlsOptions } from "nfs-client";
import { amazonRootCertificates, readCertificates } from "./certificate-authorities.ts";
import { clientKey } from "./client-key.ts";
import type { Credentials } from "./connect-signature.ts";

export interface MountTargetTlsSettings {
  /** The name that the mount targets' certificate must be for. Example: `fs-0123abcd.efs.ap-northeast-1.amazonaws.com`. */
  readonly serverName: string;
  /** PEM file of the only authorities to trust. Default: Amazon's. */
  readonly certificateAuthorityFile?: string | undefined;
  readonly fileSystemId: string;
  /** Default: the root of the file system. */
  readonly accessPointId?: string | undefined;
  /** With IAM authorization: the file system's region. */
  readonly iamRegion?: string | undefined;
}

/**
 * What the NFS client needs to connect to a mount target by its IP address. Where the client has to say who it is, each
 * connection gets a certificate of its own, made at that moment: it is never near its end, nor are the credentials
 * that signed it.
 *
 * @param credentials default: what the SDK finds, in a task the task role's, renewed before they expire.
 * @throws {Error} when the file of authorities is of no use.
 */
export async function mountTargetTls(
  settings: MountTargetTlsSettings,
  credentials: () => Promise<Credentials> = defaultCredentials(),
): Promise<TlsOptions> {
  const { serverName, certificateAuthorityFile, fileSystemId, accessPointId, iamRegion } = settings;
  const server: ConnectionOptions = {
    servername: serverName,
    ca:
      certificateAuthorityFile === undefined
        ? amazonRootCertificates()
        : await readCertificates(certificateAuthorityFile),
    minVersion: "TLSv1.2",
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
  };
  if (accessPointId === undefined && iamRegion === undefined) return server;

  // What writes certificates is loaded while the key is made.
  const [privateKey, { makeClientCertificate }] = await Promise.all([clientKey(), import("./client-certificate.ts")]);
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  return async () => {
    const iam = iamRegion === undefined ? undefined : { region: iamRegion, credentials: await credentials() };
    const cert = makeClientCertificate({ fileSystemId, accessPointId, iam }, privateKey, new Date());
    return { ...server, key, cert };
  };
}

/** What the SDK finds. It is loaded when it is first asked: many connections need no credentials. */
function defaultCredentials(): () => Promise<Credentials> {
  let provider: Promise<() => Promise<Credentials>> | undefined;
  return async () => {
    provider ??= import("@aws-sdk/credential-provider-node").then(({ defaultProvider }) => defaultProvider());
    return (await provider)();
  };
}
