/** Certificates that only a test trusts. */
import { generate } from "selfsigned";

/** As PEM. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
}

const DAY = 86_400_000;

export class CertificateAuthority {
  readonly certificate: string;
  readonly #key: string;

  private constructor(certificate: string, key: string) {
    this.certificate = certificate;
    this.#key = key;
  }

  static async create(name = "Test CA"): Promise<CertificateAuthority> {
    const pair = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      algorithm: "sha256",
      notBeforeDate: new Date(Date.now() - 30 * DAY),
      extensions: [{ name: "basicConstraints", cA: true, critical: true }],
    });
    return new CertificateAuthority(pair.cert, pair.private);
  }

  /** A server's certificate that began to be valid two days ago, and is valid for another day or ended a day ago. */
  async issue(serverName: string, validity: "valid" | "expired" = "valid"): Promise<ServerCertificate> {
    const pair = await generate([{ name: "commonName", value: serverName }], {
      keyType: "ec",
      algorithm: "sha256",
      notBeforeDate: new Date(Date.now() - 2 * DAY),
      notAfterDate: new Date(Date.now() + (validity === "valid" ? DAY : -DAY)),
      extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: serverName }] }],
      ca: { cert: this.certificate, key: this.#key },
    });
    return { certificate: pair.cert, key: pair.private };
  }
}
