/** TLS to an NFS server, as to the mount targets of EFS: who is let in, who is refused, and what the refusal says. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { ConnectionError, connectNfs, type TlsOptions } from "nfs-client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { CertificateAuthority } from "../support/certificates.ts";
import { GaneshaServer, ganesha } from "../support/ganesha.ts";
import { runNfs } from "../support/nfs-bundle.ts";
import { describeRequiring } from "../support/requirements.ts";
import { startRouter, tableOf } from "../support/router-bundle.ts";
import { Stunnel, stunnel } from "../support/stunnel.ts";
import { terminateTls } from "../support/terminate-tls.ts";

const FILE_SYSTEM_ID = "fs-0123abcd";
const SERVER_NAME = `${FILE_SYSTEM_ID}.efs.ap-northeast-1.amazonaws.com`;

let folder: string;
let authority: CertificateAuthority;
let trusted: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tls-"));
  authority = await CertificateAuthority.create();
  trusted = join(folder, "ca.pem");
  await writeFile(trusted, authority.certificate);
});

afterAll(() => rm(folder, { recursive: true }));

const tlsTo = (serverName: string) =>
  mountTargetTls({ serverName, fileSystemId: FILE_SYSTEM_ID, certificateAuthorityFile: trusted });

/** The message of the error that refuses the connection. */
async function refusal(port: number, tls: TlsOptions): Promise<string> {
  try {
    const client = await connectNfs({ host: "127.0.0.1", port, tls, connectTimeout: 2000 });
    await client.close();
    return "not refused";
  } catch (error) {
    if (error instanceof ConnectionError) return error.message;
    throw error;
  }
}

describeRequiring([ganesha, stunnel], "nfs-ganesha behind stunnel", ([ganeshaCommand, stunnelCommand]) => {
  let server: GaneshaServer;
  const started: Stunnel[] = [];

  beforeAll(async () => {
    server = await GaneshaServer.start(ganeshaCommand);
  });

  afterEach(async () => {
    for (const each of started.splice(0)) await each.stop();
  });

  afterAll(() => server?.stop());

  async function startStunnel(
    certificate: Awaited<ReturnType<CertificateAuthority["issue"]>>,
    clientCertificate?: string,
  ): Promise<Stunnel> {
    const options = { certificate, connect: server.port, ...(clientCertificate && { clientCertificate }) };
    const each = await Stunnel.start(stunnelCommand, options);
    started.push(each);
    return each;
  }

  test("the right name, from the right authority, is let in by IP address", async () => {
    const { host, port } = await startStunnel(await authority.issue(SERVER_NAME));
    const client = await connectNfs({ host, port, tls: await tlsTo(SERVER_NAME) });
    try {
      for (const data of [Buffer.from("sealed"), randomBytes(3 * 1024 * 1024)]) {
        await client.writeFile("/export/over-tls", data);
        expect((await client.readFile("/export/over-tls")).data.equals(data)).toBe(true);
      }
    } finally {
      await client.close();
    }
  });

  test("a certificate for another name is refused", async () => {
    const { port } = await startStunnel(await authority.issue("fs-ffff.efs.ap-northeast-1.amazonaws.com"));
    const message = await refusal(port, await tlsTo(SERVER_NAME));
    expect(message).toContain(`Cannot connect to 127.0.0.1:${port}: the server's certificate is for another name`);
    expect(message).toContain("DNS:fs-ffff.efs.ap-northeast-1.amazonaws.com");
  });

  test.each([
    ["another authority", "Another CA"],
    ["an authority that took the trusted one's name", "Test CA"],
  ])("a certificate from %s is refused, also where Node is told to accept any", async (_, name) => {
    const stranger = await CertificateAuthority.create(name);
    const { port } = await startStunnel(await stranger.issue(SERVER_NAME));
    const expected = "the server's certificate is not from a trusted certificate authority";
    expect(await refusal(port, await tlsTo(SERVER_NAME))).toContain(expected);
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      expect(await refusal(port, await tlsTo(SERVER_NAME))).toContain(expected);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("a private authority is refused where only Amazon's are trusted", async () => {
    const { port } = await startStunnel(await authority.issue(SERVER_NAME));
    const tls = await mountTargetTls({ serverName: SERVER_NAME, fileSystemId: FILE_SYSTEM_ID });
    expect(await refusal(port, tls)).toContain("not from a trusted certificate authority");
  });

  test("a certificate that has expired is refused", async () => {
    const { port } = await startStunnel(await authority.issue(SERVER_NAME, "expired"));
    expect(await refusal(port, await tlsTo(SERVER_NAME))).toBe(
      `Cannot connect to 127.0.0.1:${port}: the server's certificate has expired`,
    );
  });

  test("a server that speaks plain text is refused, whether it hangs up or waits for more", async () => {
    const tls = await tlsTo(SERVER_NAME);
    expect(await refusal(server.port, tls)).toMatch(/did not answer the TLS handshake, it may speak plain text only/);
    const local = await startNfsServer({ directory: folder, host: "127.0.0.1", port: 0 });
    try {
      expect(await refusal(local.port, tls)).toMatch(/hung up in the TLS handshake, it may speak plain text only/);
    } finally {
      await local.close();
    }
  });

  test("the client's certificate arrives, and one the server does not know is refused", async () => {
    const identified = await mountTargetTls({
      serverName: SERVER_NAME,
      fileSystemId: FILE_SYSTEM_ID,
      accessPointId: "fsap-0123abcd",
      certificateAuthorityFile: trusted,
    });
    if (typeof identified !== "function") throw new Error("A client with an access point says so in a certificate");
    const one = await identified();
    const { host, port } = await startStunnel(await authority.issue(SERVER_NAME), String(one.cert));
    const client = await connectNfs({ host, port, tls: one });
    await client.close();
    expect(await refusal(port, await identified())).toContain("TLS failed");
    expect(await refusal(port, await tlsTo(SERVER_NAME))).toContain("certificate required");
  });
});

describe("a connection that is made again", () => {
  test("comes with a certificate of its own, signed with the credentials of that moment", async () => {
    const nfs = await startNfsServer({ directory: folder, host: "127.0.0.1", port: 0 });
    const front = await terminateTls(nfs.port, await authority.issue(SERVER_NAME));
    let made = 0;
    const tls = await mountTargetTls(
      {
        serverName: SERVER_NAME,
        fileSystemId: FILE_SYSTEM_ID,
        certificateAuthorityFile: trusted,
        iamRegion: "ap-northeast-1",
      },
      async () => ({ accessKeyId: `AKID${++made}`, secretAccessKey: "secret" }),
    );
    const client = await connectNfs({ host: "127.0.0.1", port: front.port, tls });
    try {
      await client.writeFile("/file", Buffer.from("first"));
      front.cut();
      await client.writeFile("/file", Buffer.from("second"));
      expect(client.statistics().reconnects).toBe(1);
      expect(front.certificates.map(({ raw }) => [raw.includes("AKID1"), raw.includes("AKID2")])).toEqual([
        [true, false],
        [false, true],
      ]);
    } finally {
      await client.close();
      await front.close();
      await nfs.close();
    }
  });

  test("is refused while there are no credentials, and says so", async () => {
    const tls = await mountTargetTls(
      { serverName: SERVER_NAME, fileSystemId: FILE_SYSTEM_ID, iamRegion: "ap-northeast-1" },
      async () => {
        throw new Error("Could not load credentials from any providers");
      },
    );
    expect(await refusal(9, tls)).toBe("Cannot connect to 127.0.0.1:9: Could not load credentials from any providers");
  });
});

describe("the router's bundle", () => {
  const tlsOn = () => ({
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    EFS_FILE_SYSTEM_ID: FILE_SYSTEM_ID,
    ROOT_DIRECTORY: "/",
    NFS_TLS: "on",
    NFS_TLS_CA_FILE: trusted,
    EFS_ACCESS_POINT_ID: "fsap-0123abcd",
    EFS_IAM_AUTHORIZATION: "on",
  });

  test("serves files over TLS, as the identity that its environment has", async () => {
    const nfs = await startNfsServer({ directory: folder, host: "127.0.0.1", port: 0 });
    const front = await terminateTls(nfs.port, await authority.issue(SERVER_NAME));
    const table = serializeMountTable(tableOf([{ host: "127.0.0.1", port: front.port }]));
    const router = await startRouter({ ...tlsOn(), DEFAULT_MOUNT_TARGETS: table });
    try {
      const file = `${router.url}/files/served.txt`;
      expect((await fetch(file, { method: "PUT", body: "sealed" })).status).toBe(201);
      expect(await (await fetch(file)).text()).toBe("sealed");
      for (const { raw } of front.certificates) {
        for (const part of [FILE_SYSTEM_ID, "fsap-0123abcd", "AKIDLOCAL"]) expect(raw.includes(part)).toBe(true);
      }
      expect(front.certificates.length).toBeGreaterThan(0);
      expect(await router.stop()).toBe(0);
    } finally {
      router.child.kill("SIGKILL");
      await front.close();
      await nfs.close();
    }
  });

  test("does not start where its mount targets speak plain text", async () => {
    const nfs = await startNfsServer({ directory: folder, host: "127.0.0.1", port: 0 });
    const table = serializeMountTable(tableOf([nfs]));
    const router = await startRouter({ ...tlsOn(), DEFAULT_MOUNT_TARGETS: table });
    try {
      expect(await router.exited).toBe(1);
      expect(router.lines.map(({ msg }) => msg).join("\n")).toContain("it may speak plain text only");
    } finally {
      router.child.kill("SIGKILL");
      await nfs.close();
    }
  });
});

describe("the command line in the router's image", () => {
  test("reads and changes files as the identity of its environment, through the first mount target that answers", async () => {
    const nfs = await startNfsServer({ directory: folder, host: "127.0.0.1", port: 0 });
    const front = await terminateTls(nfs.port, await authority.issue(SERVER_NAME));
    const table = tableOf([
      { host: "127.0.0.1", port: 9 },
      { host: "127.0.0.1", port: front.port },
    ]);
    const environment = { ...identified(), DEFAULT_MOUNT_TARGETS: serializeMountTable(table) };
    try {
      expect(await runNfs(["mkdir", "-p", "/maintained/x%E9"], environment)).toMatchObject({ code: 0, stdout: "" });
      await runNfs(["put", "/maintained/file"], environment, "content");
      expect((await runNfs(["ls", "/maintained"], environment)).stdout.split("\n").sort()).toEqual([
        "",
        "file",
        "x%E9/",
      ]);
      expect((await runNfs(["cat", "/maintained/file"], environment)).stdout).toBe("content");
      expect(front.certificates).toHaveLength(4);
      for (const { raw } of front.certificates) {
        for (const part of [FILE_SYSTEM_ID, "fsap-0123abcd", "AKIDLOCAL"]) expect(raw.includes(part)).toBe(true);
      }
    } finally {
      await front.close();
      await nfs.close();
    }
  });

  test("says what is wrong: no mount target, no file system, a place elsewhere", async () => {
    const environment = {
      ...identified(),
      DEFAULT_MOUNT_TARGETS: serializeMountTable(tableOf([{ host: "127.0.0.1", port: 9 }])),
    };
    const unreachable = await runNfs(["ls", "/"], environment);
    expect(unreachable).toMatchObject({ code: 1, stdout: "" });
    expect(unreachable.stderr).toContain("No mount target can be reached: fsmt-0 in ap-northeast-1a: Cannot connect");
    const nameless = await runNfs(["ls", "/"], {});
    expect([nameless.code, nameless.stderr]).toEqual([1, expect.stringContaining("EFS_FILE_SYSTEM_ID is missing")]);
    expect(await runNfs(["ls", "nfs://127.0.0.1/"], environment)).toMatchObject({ code: 2, stdout: "" });
  });

  test("asks the mount targets of its environment all that first contact asks, and leaves nothing behind", async () => {
    const nfs = await startNfsServer({ directory: folder, host: "127.0.0.1", port: 0, durable: false });
    const front = await terminateTls(nfs.port, await authority.issue(SERVER_NAME));
    const table = tableOf([{ host: "127.0.0.1", port: front.port }]);
    const environment = { ...identified(), ROOT_DIRECTORY: "/", DEFAULT_MOUNT_TARGETS: serializeMountTable(table) };
    const before = await readdir(folder);
    try {
      const { code, stdout } = await runNfs(["first-contact", "--quick", "--json"], environment);
      expect(code).toBe(0);
      expect(stdout).toContain(`First contact: 127.0.0.1:${front.port}\nDirectory /, TLS, quick`);
      // Nobody here checks signatures.
      expect(stdout).toMatch(/a connection with a signature that is not valid +accepted/);
      expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
        maxOperations: 64,
        clientsSharedAcrossTargets: null,
        leftBehind: [],
      });
      expect(front.certificates.length).toBeGreaterThan(50);
      for (const { raw } of front.certificates) {
        for (const part of [FILE_SYSTEM_ID, "fsap-0123abcd", "AKIDLOCAL"]) expect(raw.includes(part)).toBe(true);
      }
      expect(await readdir(folder)).toEqual(before);
    } finally {
      await front.close();
      await nfs.close();
    }
  });

  test("says what is wrong with first contact's arguments, and with its environment", async () => {
    const bad = await runNfs(["first-contact", "--fast"], identified());
    expect(bad).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Usage: ") });
    const nameless = await runNfs(["first-contact"], {});
    expect([nameless.code, nameless.stderr]).toEqual([1, expect.stringContaining("EFS_FILE_SYSTEM_ID is missing")]);
  });

  const identified = () => ({
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    AWS_REGION: "ap-northeast-1",
    AWS_ACCESS_KEY_ID: "AKIDLOCAL",
    AWS_SECRET_ACCESS_KEY: "local",
    EFS_FILE_SYSTEM_ID: FILE_SYSTEM_ID,
    NFS_TLS: "on",
    NFS_TLS_CA_FILE: trusted,
    EFS_ACCESS_POINT_ID: "fsap-0123abcd",
    EFS_IAM_AUTHORIZATION: "on",
  });
});
