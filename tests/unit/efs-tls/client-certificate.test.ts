import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type ClientIdentity, makeClientCertificate } from "../../../packages/efs-tls/src/client-certificate.ts";
import { signConnect } from "../../../packages/efs-tls/src/connect-signature.ts";
import { debianProgram } from "../../support/programs.ts";
import { describeRequiring } from "../../support/requirements.ts";

const TIME = new Date("2026-01-31T23:59:07.654Z");

const IAM = {
  region: "ap-northeast-1",
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    sessionToken: "IQoJb3Jp//Z2lu+X2Vj==".repeat(40),
  },
};

const IDENTITY: ClientIdentity = { fileSystemId: "fs-0123abcd", accessPointId: "fsap-0123456789abcdef0", iam: IAM };

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 3072 });

describeRequiring([debianProgram("openssl", "openssl")], "the client certificate, read by OpenSSL", ([[program]]) => {
  const folder = mkdtempSync(join(tmpdir(), "client-certificate-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string, content: string | Buffer) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const openssl = (...args: string[]) => execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });

  /** The extensions by their names, each as the DER bytes in its OCTET STRING. */
  function extensionsOf(certificate: string): Record<string, string> {
    const dump = openssl("asn1parse", "-in", file("certificate.pem", certificate));
    const extensions = dump.slice(dump.indexOf("cont [ 3 ]"));
    return Object.fromEntries(
      [...extensions.matchAll(/OBJECT +:(.*)\n.*OCTET STRING +\[HEX DUMP\]:(.*)\n/g)].map(([, name, value]) => [
        name,
        value,
      ]),
    );
  }

  /** What OpenSSL encodes of a value in its own language (ASN1_generate_nconf). */
  function encoded(value: string, ...sections: string[]): string {
    const output = join(folder, "encoded.der");
    openssl(
      "asn1parse",
      "-noout",
      "-out",
      output,
      "-genconf",
      file("asn1.cnf", [`asn1=${value}`, ...sections].join("\n")),
    );
    return readFileSync(output).toString("hex").toUpperCase();
  }

  function publicKeyHash(): string {
    const key = file("key.pem", createPublicKey(privateKey).export({ type: "spki", format: "pem" }));
    openssl("rsa", "-pubin", "-in", key, "-RSAPublicKey_out", "-outform", "DER", "-out", join(folder, "key.der"));
    return openssl("dgst", "-sha1", "-r", join(folder, "key.der")).slice(0, 40);
  }

  test("names access point and file system, and carries the signature for IAM", () => {
    const signature = signConnect({ ...IAM, fileSystemId: "fs-0123abcd", publicKeyHash: publicKeyHash(), time: TIME });
    expect(extensionsOf(makeClientCertificate(IDENTITY, privateKey, TIME))).toEqual({
      "X509v3 Subject Key Identifier": encoded(`FORMAT:HEX,OCTETSTRING:${publicKeyHash()}`),
      "1.3.6.1.4.1.4843.7.1": encoded("UTF8:fsap-0123456789abcdef0"),
      "1.3.6.1.4.1.4843.7.2": encoded(
        "SEQUENCE:authorization",
        "[authorization]",
        "a=UTF8:AKIAIOSFODNN7EXAMPLE",
        `b=OCTETSTRING:${signature}`,
        "c=UTCTIME:260131235907Z",
        `d=EXPLICIT:0,UTF8:${IAM.credentials.sessionToken}`,
      ),
      "1.3.6.1.4.1.4843.7.3": encoded("UTF8:fs-0123abcd"),
    });
  });

  test("has no session token where the credentials have none", () => {
    const { sessionToken: _, ...credentials } = IAM.credentials;
    const certificate = makeClientCertificate({ ...IDENTITY, iam: { ...IAM, credentials } }, privateKey, TIME);
    const request = { ...IAM, credentials, fileSystemId: "fs-0123abcd", publicKeyHash: publicKeyHash(), time: TIME };
    expect(extensionsOf(certificate)["1.3.6.1.4.1.4843.7.2"]).toBe(
      encoded(
        "SEQUENCE:authorization",
        "[authorization]",
        "a=UTF8:AKIAIOSFODNN7EXAMPLE",
        `b=OCTETSTRING:${signConnect(request)}`,
        "c=UTCTIME:260131235907Z",
      ),
    );
  });

  test("says nothing of what the client does not use", () => {
    const names = (identity: ClientIdentity) =>
      Object.keys(extensionsOf(makeClientCertificate(identity, privateKey, TIME)));
    const fileSystemId = "fs-0123abcd";
    expect(names({ fileSystemId, accessPointId: "fsap-0123abcd" })).toEqual([
      "X509v3 Subject Key Identifier",
      "1.3.6.1.4.1.4843.7.1",
      "1.3.6.1.4.1.4843.7.3",
    ]);
    expect(names({ fileSystemId, iam: IAM })).toEqual([
      "X509v3 Subject Key Identifier",
      "1.3.6.1.4.1.4843.7.2",
      "1.3.6.1.4.1.4843.7.3",
    ]);
  });

  test("verifies as its own issuer, in the hours around its making and not outside them", () => {
    const path = file("certificate.pem", makeClientCertificate(IDENTITY, privateKey, TIME));
    const verifyAt = (minutes: number) => {
      const seconds = Math.floor(TIME.getTime() / 1000) + minutes * 60;
      return () => openssl("verify", "-attime", String(seconds), "-CAfile", path, path);
    };
    for (const minutes of [-14, 0, 179]) expect(verifyAt(minutes)()).toContain("OK");
    expect(verifyAt(-16)).toThrow("certificate is not yet valid");
    expect(verifyAt(181)).toThrow("certificate has expired");
  });
});

test("every certificate has a serial number of its own, positive and of 16 bytes", () => {
  const serials = Array.from({ length: 8 }, () => {
    return new X509Certificate(makeClientCertificate(IDENTITY, privateKey, TIME)).serialNumber;
  });
  expect(new Set(serials).size).toBe(8);
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
});
