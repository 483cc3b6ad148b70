/** Files without a router: table, routing, identity and failover in this process. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { openFiles } from "efs-files/embedded";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createAccount, FILE_SYSTEM_ID, REGION, SUBNETS } from "../../../local/account.ts";
import { startControlPlane } from "../../../local/control-plane/server.ts";
import type { MountTarget } from "../../../local/control-plane/state.ts";
import { clients } from "../../support/aws-clients.ts";
import { stubAws } from "../../support/aws-environment.ts";
import { CertificateAuthority } from "../../support/certificates.ts";
import { type EmbeddedFileSystem, startEmbeddedFileSystem } from "../../support/embedded-files.ts";
import { tableOf } from "../../support/router-bundle.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { startZoneMetadata } from "../../support/task-metadata.ts";
import { terminateTls } from "../../support/terminate-tls.ts";
import { describeFiles } from "./contract.ts";

describeFiles("files at the mount targets, in this process", async () => {
  const fileSystem = await startEmbeddedFileSystem();
  return {
    files: await fileSystem.open(),
    another: () => fileSystem.open(),
    close: () => fileSystem.close(),
  };
});

describe("opening files", () => {
  let fileSystem: EmbeddedFileSystem;

  beforeAll(async () => {
    fileSystem = await startEmbeddedFileSystem();
  });

  afterAll(() => fileSystem?.close());

  test("says through which mount targets they are reached, and how a path is routed", async () => {
    const files = await fileSystem.open();
    const targets = files.mountTargets;
    expect(targets.map(({ id, state }) => [id, state])).toEqual([
      ["fsmt-0", "connected"],
      ["fsmt-1", "connected"],
      ["fsmt-2", "connected"],
    ]);
    const [first] = files.routeOf("routed/file");
    expect(files.routeOf("/routed//file")).toEqual(files.routeOf("routed/file"));
    await files.writeFile("routed/file", "content");
    await files.readFile("routed/file");
    expect(files.mountTargets.filter(({ bytesWritten }) => bytesWritten > 0)).toMatchObject([
      { id: first, bytesWritten: 7, bytesRead: 7 },
    ]);
  });

  test("finds the zone that the task is in, and goes there first where it is asked to", async () => {
    const metadata = await startZoneMetadata();
    onTestFinished(() => metadata.close());
    vi.stubEnv("ECS_CONTAINER_METADATA_URI_V4", metadata.uri("ap-northeast-1c"));
    onTestFinished(() => void vi.stubEnv("ECS_CONTAINER_METADATA_URI_V4", undefined));
    const files = await fileSystem.open({ routingStrategy: "zone-aware" });
    const firsts = new Set(Array.from({ length: 50 }, (_, index) => files.routeOf(`zone/${index}`)[0]));
    expect([...firsts]).toEqual(["fsmt-1"]);
  });

  test("says what it does to a log", async () => {
    const lines: string[] = [];
    const note = (_details: object, message: string) => void lines.push(message);
    await fileSystem.open({ log: { debug: note, info: note, warn: note, error: note } });
    expect(lines).toContain("Using the mount table of the SSM parameter /efs-mount-autoscaling/mount-targets");
    expect(lines).toContain("Mount target fsmt-0 is connected");
  });

  test("fails where there is no mount table, and where no mount target can be reached", async () => {
    const unavailable = { code: "ERR_UNAVAILABLE" };
    await expect(fileSystem.open({ parameterName: "/none" })).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("No mount table from the SSM parameter /none"),
    });
    await fileSystem.publish(tableOf([{ host: "127.0.0.1", port: 9 }]));
    onTestFinished(() => fileSystem.publish(fileSystem.table));
    await expect(fileSystem.open({ startTimeout: 100 })).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("None of the 1 mount targets could be connected to"),
    });
  });

  test("ends when it is aborted", async () => {
    const aborted = { name: "AbortError", code: "ABORT_ERR" };
    await expect(fileSystem.open({ signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    const controller = new AbortController();
    const opening = fileSystem.open({ signal: controller.signal });
    controller.abort();
    await expect(opening).rejects.toMatchObject(aborted);
  });

  test("leaves nothing connected when it is aborted, neither to AWS nor to a mount target", async () => {
    const connected = new Set<Socket>();
    const silent = await ScriptedServer.start((socket) => {
      connected.add(socket.resume().on("close", () => connected.delete(socket)));
    });
    onTestFinished(() => silent.stop());
    await fileSystem.publish(tableOf([silent]));
    onTestFinished(() => fileSystem.publish(fileSystem.table));
    const abortOnceConnected = async () => {
      const controller = new AbortController();
      const opening = fileSystem.open({ signal: controller.signal, connectTimeout: 100_000 });
      const aborted = expect(opening).rejects.toMatchObject({ code: "ABORT_ERR" });
      await expect.poll(() => connected.size).toBeGreaterThan(0);
      controller.abort();
      await aborted;
      await expect.poll(() => connected.size).toBe(0);
    };
    await abortOnceConnected();
    const { AWS_ENDPOINT_URL } = process.env;
    onTestFinished(() => void vi.stubEnv("AWS_ENDPOINT_URL", AWS_ENDPOINT_URL));
    vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${silent.port}`);
    await abortOnceConnected();
  });

  test("refuses options that cannot be, and says what is allowed", async () => {
    await expect(fileSystem.open({ fileSystemId: "efs", connections: 9 })).rejects.toMatchObject({
      code: "EINVAL",
      message:
        "The files cannot be opened: fileSystemId must be an EFS file system id like fs-0123abcd; " +
        "connections must be a number from 1 to 5",
    });
  });
});

describe("over TLS", () => {
  test("goes by the name of the file system that the mount target is of, and says which role this is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "embedded-tls-"));
    const authority = await CertificateAuthority.create();
    await writeFile(join(folder, "ca.pem"), authority.certificate);
    const nfs = await startNfsServer({ directory: folder, host: "127.0.0.1", durable: false });
    const certificate = await authority.issue(`${FILE_SYSTEM_ID}.efs.${REGION}.amazonaws.com`);
    const front = await terminateTls(nfs.port, certificate);
    const table = tableOf([{ host: "127.0.0.1", port: front.port }]);
    const controlPlane = await startControlPlane({
      state: { ...createAccount(new Date()), mountTargets: [mountTargetOf("fsmt-0")] },
    });
    stubAws(controlPlane.url);
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      await controlPlane.close();
      await front.close();
      await nfs.close();
      await rm(folder, { recursive: true });
    });
    const Value = serializeMountTable(table);
    const parameterName = "/embedded/tls";
    await clients(controlPlane.url).ssm.send(new PutParameterCommand({ Name: parameterName, Value, Type: "String" }));

    const tls = { certificateAuthorityFile: join(folder, "ca.pem") };
    const files = await openFiles({
      parameterName,
      rootDirectory: "/",
      accessPointId: "fsap-0123abcd",
      iam: true,
      tls,
    });
    await files.writeFile("sealed", "content");
    expect(await files.readFile("sealed", "utf8")).toBe("content");
    await files.close();
    expect(front.certificates.length).toBeGreaterThan(0);
    for (const { raw } of front.certificates) {
      for (const part of [FILE_SYSTEM_ID, "fsap-0123abcd", "test"]) expect(raw.includes(part)).toBe(true);
    }
    await expect(openFiles({ parameterName, startTimeout: 100 })).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
  });
});

function mountTargetOf(mountTargetId: string): MountTarget {
  const [subnet] = SUBNETS;
  if (subnet === undefined) throw new Error("The account has no subnets");
  return {
    mountTargetId,
    fileSystemId: FILE_SYSTEM_ID,
    subnetId: subnet.subnetId,
    vpcId: subnet.vpcId,
    availabilityZoneId: subnet.availabilityZoneId,
    availabilityZoneName: subnet.availabilityZone,
    ipAddress: "127.0.0.1",
    networkInterfaceId: "eni-0",
    securityGroups: [],
    lifeCycleState: "available",
  };
}
