import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { mountTargetTls } from "../../../packages/efs-tls/src/mount-target-tls.ts";
import { CertificateAuthority } from "../../support/certificates.ts";

const SETTINGS = { serverName: "fs-0123abcd.efs.ap-northeast-1.amazonaws.com", fileSystemId: "fs-0123abcd" };

/** SHA-256 of Amazon Root CA 1 to 4 (Amazon Trust Services repository, https://www.amazontrust.com/repository/). */
const AMAZON_ROOTS = [
  "8ECDE6884F3D87B1125BA31AC3FCB13D7016DE7F57CC904FE1CB97C6AE98196E",
  "1BA5B2AA8C65401A82960118F80BEC4F62304D83CEC4713A19C39C011EA46DB4",
  "18CE6CFE7BF14E60B2E347B8DFE868CB31D02EBB3ADA271569F50343B46DB3A4",
  "E35D28419ED02025CFA69038CD623962458DA5C695FBDEA3C22B0BFB25897092",
];

function fingerprints(ca: ConnectionOptions["ca"]): string[] {
  return [ca ?? []].flat().map((pem) => new X509Certificate(pem).fingerprint256.replaceAll(":", ""));
}

test("only Amazon's four root certificates are trusted", async () => {
  const options = await mountTargetTls(SETTINGS);
  if (typeof options === "function") throw new Error("There is nothing to ask for at each connection");
  expect(fingerprints(options.ca)).toEqual(AMAZON_ROOTS);
  expect(options).toMatchObject({
    servername: "fs-0123abcd.efs.ap-northeast-1.amazonaws.com",
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
  });
  expect(options).not.toHaveProperty("cert");
});

describe("a file of certificate authorities", () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "authorities-"));
    file = join(folder, "ca.pem");
  });

  afterEach(() => rm(folder, { recursive: true }));

  test("takes the place of Amazon's", async () => {
    const authorities = await Promise.all([CertificateAuthority.create(), CertificateAuthority.create()]);
    const certificates = authorities.map(({ certificate }) => certificate);
    await writeFile(file, certificates.join("\nA comment\n"));
    expect(await mountTargetTls({ ...SETTINGS, certificateAuthorityFile: file })).toMatchObject({
      ca: certificates.map((pem) => new X509Certificate(pem).toString()),
    });
  });

  test.each([
    ["is not there", undefined, /no such file/],
    ["has no certificate", "no PEM here", /there is no BEGIN CERTIFICATE in it/],
    ["has a broken one", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", /ca\.pem: /],
  ])("that %s is an error that names it", async (_, content, message) => {
    if (content !== undefined) await writeFile(file, content);
    const options = mountTargetTls({ ...SETTINGS, certificateAuthorityFile: file });
    await expect(options).rejects.toThrow("No certificate authorities from");
    await expect(options).rejects.toThrow(message);
  });
});

describe("a client that says who it is", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => void vi.useRealTimers());

  test("makes a certificate for each connection, with the clock and the credentials of that moment", async () => {
    const sessions = ["first", "second"];
    const options = await mountTargetTls({ ...SETTINGS, iamRegion: "ap-northeast-1" }, async () => ({
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "secret",
      sessionToken: `the ${sessions.shift()} session`,
    }));
    if (typeof options !== "function") throw new Error("The same certificate is used for ever");

    vi.setSystemTime("2026-01-31T00:00:00Z");
    const first = await options();
    vi.setSystemTime("2026-02-01T00:00:00Z");
    const second = await options();

    for (const [{ cert, key }, session, notAfter] of [
      [first, "the first session", "Jan 31 03:00:00 2026 GMT"],
      [second, "the second session", "Feb  1 03:00:00 2026 GMT"],
    ] as const) {
      const certificate = new X509Certificate(String(cert));
      expect(certificate.validTo).toBe(notAfter);
      expect(certificate.raw.includes(session)).toBe(true);
      expect(certificate.raw.includes("secret")).toBe(false);
      expect(key).toContain("BEGIN PRIVATE KEY");
    }
  });

  test("does not need credentials to enter through an access point", async () => {
    const options = await mountTargetTls({ ...SETTINGS, accessPointId: "fsap-0123abcd" }, () => {
      throw new Error("There are no credentials");
    });
    if (typeof options !== "function") throw new Error("The same certificate is used for ever");
    const { cert } = await options();
    expect(new X509Certificate(String(cert)).raw.includes("fsap-0123abcd")).toBe(true);
  });
});
