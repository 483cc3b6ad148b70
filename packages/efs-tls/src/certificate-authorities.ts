/** The certificate authorities that a client trusts to sign the certificate of a mount target. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { messageOf } from "nfs-client";

/** Amazon Root CA 1 to 4, as PEM: no other authority signs for EFS (aws/efs-utils, `efs-utils.crt`). */
export function amazonRootCertificates(): string[] {
  const subject = /^C=US\nO=Amazon\nCN=Amazon Root CA [1-4]$/;
  return rootCertificates.filter((certificate) => subject.test(new X509Certificate(certificate).subject));
}

/**
 * The certificates in a PEM file.
 *
 * @throws {Error} when the file cannot be read, or has none, or a broken one.
 */
export async function readCertificates(file: string): Promise<string[]> {
  try {
    const content = await readFile(file, "utf8");
    const blocks = content.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs);
    if (blocks === null) throw new Error("there is no BEGIN CERTIFICATE in it");
    return blocks.map((block) => new X509Certificate(block).toString());
  } catch (cause) {
    throw new Error(`No certificate authorities from ${file}: ${messageOf(cause)}`, { cause });
  }
}
