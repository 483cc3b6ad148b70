/** The traces of the bundle that ships, as a collector gets them. */
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { startTaskMetadata } from "../../local/ecs/task-metadata.ts";
import { type OtlpCollector, type ReceivedSpan, startOtlpCollector } from "../support/otlp-collector.ts";
import { startRouterOverDirectory } from "../support/router-over-directory.ts";
import { ACCESS_KEY, startS3Router } from "../support/s3-router.ts";
import { startStandaloneRouter } from "../support/standalone-router.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;

/** A busy machine takes its time. */
const PATIENCE = { timeout: 20_000 };

/** The environment of a router whose spans the collector has as soon as they end, in the order of their ends. */
function tracedBy({ url }: OtlpCollector): Record<string, string> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: "10", ROUTER_WORKERS: "1" };
}

async function start(environment: Record<string, string>) {
  const { router, directory, close } = await startRouterOverDirectory(environment);
  onTestFinished(close);
  return { ...router, directory };
}

function request(url: string, method: string, options: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/files/a/b.txt`, { method, ...options });
}

/** The spans of one trace, once its request is among them: it ends last. */
async function traceOf({ spans }: OtlpCollector, traceId: string): Promise<readonly ReceivedSpan[]> {
  return vi.waitFor(() => {
    const trace = spans.filter((span) => span.traceId === traceId);
    if (!trace.some(({ kind }) => kind === SERVER)) throw new Error("The request's span has not come yet");
    return trace;
  }, PATIENCE);
}

const traceIdOf = (response: Response) => response.headers.get("traceresponse")?.split("-")[1] ?? "";

test("a request is a trace that continues the caller's: the request, its operations, their COMPOUNDs", async () => {
  const collector = await startOtlpCollector();
  const { url } = await start({
    ...tracedBy(collector),
    OTEL_SERVICE_NAME: "files",
    OTEL_RESOURCE_ATTRIBUTES: "team=a",
  });
  const headers = { traceparent: `00-${TRACE}-${CALLER}-01` };
  const response = await request(url, "PUT", { body: "content", headers });
  expect(response.status).toBe(201);

  const trace = await traceOf(collector, TRACE);
  const [server] = trace.filter(({ kind }) => kind === SERVER);
  expect(response.headers.get("traceresponse")).toBe(`00-${TRACE}-${server?.spanId}-01`);
  expect(server).toMatchObject({
    name: "PUT /files/*",
    parentSpanId: CALLER,
    attributes: {
      "http.request.method": "PUT",
      "http.response.status_code": 201,
      "http.route": "/files/*",
      "url.path": "/files/a/b.txt",
      "url.scheme": "http",
      "server.port": Number(new URL(url).port),
      "client.address": "127.0.0.1",
    },
    status: { code: 0 },
    resource: { "service.name": "files", team: "a", "telemetry.sdk.language": "nodejs" },
  });
  const [operation] = trace.filter(({ kind }) => kind === INTERNAL);
  expect(operation).toMatchObject({
    name: "file write",
    parentSpanId: server?.spanId,
    attributes: { "file.path": "a/b.txt", "routed_files.mount_targets": ["fsmt-0"] },
  });
  const compounds = trace.filter(({ kind }) => kind === CLIENT);
  expect(compounds.length).toBeGreaterThan(0);
  expect(compounds.at(-1)?.attributes).toMatchObject({
    "rpc.system.name": "onc_rpc",
    "rpc.method": "nfs/COMPOUND",
    "rpc.status_code": "NFS4_OK",
    "server.address": "127.0.0.1",
    "nfs_client.operations": expect.arrayContaining(["SEQUENCE", "OPEN", "WRITE"]),
  });
  for (const compound of compounds) {
    expect(compound).toMatchObject({ name: "nfs/COMPOUND", parentSpanId: operation?.spanId, status: { code: 0 } });
    expect(compound.startTimeUnixNano).toBeGreaterThanOrEqual(operation?.startTimeUnixNano ?? 0);
    expect(compound.endTimeUnixNano).toBeLessThanOrEqual(operation?.endTimeUnixNano ?? 0);
  }
});

test("a failover is one operation with a COMPOUND at each of two mount targets", async () => {
  const collector = await startOtlpCollector();
  const directory = await mkdtemp(join(tmpdir(), "tracing-"));
  await mkdir(join(directory, "data/a"), { recursive: true });
  await writeFile(join(directory, "data/a/b.txt"), "content");
  const servers = await Promise.all([0, 1].map(() => startNfsServer({ directory, durable: false })));
  const { url, close } = await startStandaloneRouter(servers, {
    ...tracedBy(collector),
    NFS_DETECTION_TIMEOUT_SECONDS: "1",
  });
  onTestFinished(async () => {
    await close();
    await Promise.all(servers.map((server) => server.close()));
    await rm(directory, { recursive: true, force: true });
  });
  const triedBy = async (response: Response) => {
    const trace = await traceOf(collector, traceIdOf(response));
    const [operation] = trace.filter(({ kind }) => kind === INTERNAL);
    return { trace, tried: operation?.attributes["routed_files.mount_targets"] };
  };
  const [first] = z.array(z.string()).parse((await triedBy(await request(url, "GET"))).tried);
  const [lost, other] = first === "fsmt-0" ? servers : servers.toReversed();
  lost?.stall(60_000);

  const response = await request(url, "GET");
  expect(await response.text()).toBe("content");
  const { trace, tried } = await triedBy(response);
  expect(tried).toEqual([first, first === "fsmt-0" ? "fsmt-1" : "fsmt-0"]);
  const compounds = trace.filter(({ kind }) => kind === CLIENT);
  expect(compounds.map(({ attributes, status }) => [attributes["server.port"], status.code])).toEqual([
    [lost?.port, 2],
    [other?.port, 0],
  ]);
  expect(compounds[0]?.attributes["error.type"]).toBe("AbortedError");
});

test("what is read while a response is sent belongs to its trace", async () => {
  const collector = await startOtlpCollector();
  const { url, directory } = await start(tracedBy(collector));
  const size = 16 * 2 ** 20;
  await mkdir(join(directory, "a"));
  await writeFile(join(directory, "a/b.txt"), "");
  await truncate(join(directory, "a/b.txt"), size);

  const response = await request(url, "GET");
  expect((await response.arrayBuffer()).byteLength).toBe(size);
  const trace = await traceOf(collector, traceIdOf(response));
  const received = trace.map(({ attributes }) => Number(attributes["nfs_client.bytes_received"] ?? 0));
  expect(received.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(size);
});

test("a request of S3 is a trace by its operation, without the signature of its URL", async () => {
  const collector = await startOtlpCollector();
  const { url, directory, close } = await startS3Router([ACCESS_KEY], tracedBy(collector));
  onTestFinished(close);
  await mkdir(join(directory, "bucket"));
  await writeFile(join(directory, "bucket/key"), "content");
  const client = new S3Client({
    endpoint: url,
    region: "ap-northeast-1",
    forcePathStyle: true,
    credentials: ACCESS_KEY,
  });
  onTestFinished(() => client.destroy());
  const presigned = await getSignedUrl(client, new GetObjectCommand({ Bucket: "bucket", Key: "key" }));
  const response = await fetch(presigned, { headers: { traceparent: `00-${TRACE}-${CALLER}-01` } });
  expect(await response.text()).toBe("content");

  const trace = await traceOf(collector, TRACE);
  const [server] = trace.filter(({ kind }) => kind === SERVER);
  expect(server).toMatchObject({
    name: "GET /GetObject",
    parentSpanId: CALLER,
    attributes: { "url.path": "/bucket/key" },
  });
  const query = new URLSearchParams(String(server?.attributes["url.query"]));
  expect(query.get("X-Amz-Signature")).toBe("REDACTED");
  expect(query.get("X-Amz-Credential")).toBe("REDACTED");
  expect(query.get("X-Amz-Expires")).toBe("900");
  expect(trace.filter(({ kind }) => kind === CLIENT).length).toBeGreaterThan(0);
});

describe("sampling", () => {
  test("a caller's decision counts where the sampler is based on it, and only then", async () => {
    const collector = await startOtlpCollector();
    const ratio = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" };
    const { url } = await start({ ...tracedBy(collector), ...ratio });
    const unsampled = await request(url, "GET");
    expect(unsampled.headers.get("traceresponse")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    const refused = await request(url, "GET", { headers: { traceparent: `00-${"1".repeat(32)}-${CALLER}-00` } });
    expect(refused.headers.get("traceresponse")).toMatch(new RegExp(`^00-${"1".repeat(32)}-[0-9a-f]{16}-00$`));
    await request(url, "GET", { headers: { traceparent: `00-${TRACE}-${CALLER}-01` } });
    // Over the connection of the one that is traced.
    await request(url, "GET");
    const last = "2".repeat(32);
    await request(url, "GET", { headers: { traceparent: `00-${last}-${CALLER}-01` } });
    await traceOf(collector, last);
    const operations = collector.spans.filter(({ kind }) => kind === INTERNAL);
    expect(operations.map(({ traceId }) => traceId)).toEqual([TRACE, last]);
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE, last]));
  });

  test("what load balancers and Prometheus ask for is no trace", async () => {
    const collector = await startOtlpCollector();
    const { url } = await start(tracedBy(collector));
    for (const path of ["/healthz", "/livez", "/readyz", "/metrics"]) {
      expect((await fetch(url + path)).headers.get("traceresponse")).toBeNull();
    }
  });
});

test("each line of the log about a request names its trace", async () => {
  const collector = await startOtlpCollector();
  const router = await start({ ...tracedBy(collector), ACCESS_LOG: "on" });
  const response = await request(router.url, "GET");
  const [, trace_id, span_id, trace_flags] = response.headers.get("traceresponse")?.split("-") ?? [];
  const line = await vi.waitFor(() => {
    const found = router
      .output()
      .split("\n")
      .find((each) => each.includes("GET /files/a/b.txt 404"));
    if (found === undefined) throw new Error("The line has not come yet");
    return found;
  }, PATIENCE);
  expect(JSON.parse(line)).toMatchObject({ trace_id, span_id, trace_flags });
});

test("spans say which task of ECS they are of", async () => {
  const collector = await startOtlpCollector();
  const cluster = "arn:aws:ecs:ap-northeast-1:123456789012:cluster/files";
  const arn = "arn:aws:ecs:ap-northeast-1:123456789012:task/files/0123abcd";
  const metadata = await startTaskMetadata(() => ({
    AvailabilityZone: "ap-northeast-1c",
    Cluster: cluster,
    TaskARN: arn,
    Family: "router",
  }));
  onTestFinished(() => metadata.close());
  const { url } = await start({ ...tracedBy(collector), ECS_CONTAINER_METADATA_URI_V4: metadata.uri("0123abcd") });
  const [span] = await traceOf(collector, traceIdOf(await request(url, "GET")));
  expect(span?.resource).toMatchObject({
    "service.name": "efs-mount-autoscaling-router",
    "service.instance.id": "0123abcd",
    "cloud.provider": "aws",
    "cloud.platform": "aws_ecs",
    "cloud.region": "ap-northeast-1",
    "cloud.availability_zone": "ap-northeast-1c",
    "aws.ecs.cluster.arn": cluster,
    "aws.ecs.task.arn": arn,
    "aws.ecs.task.family": "router",
  });
});

test("each worker exports what it does", async () => {
  const collector = await startOtlpCollector();
  const { url } = await start({ ...tracedBy(collector), ROUTER_WORKERS: "2" });
  await vi.waitFor(async () => {
    await request(url, "GET", { headers: { connection: "close" } });
    expect(new Set(collector.spans.map(({ resource }) => resource["process.pid"])).size).toBe(2);
  }, PATIENCE);
});

describe("a collector that fails", () => {
  const warnings = ({ lines }: Awaited<ReturnType<typeof start>>) =>
    lines.filter(({ level, msg }) => level === "WARN" && msg.startsWith("Spans cannot be exported")).length;

  test("is in nobody's way, and one line of the log says so, and one when it is back", async () => {
    const collector = await startOtlpCollector();
    collector.status = 400;
    const router = await start(tracedBy(collector));
    await vi.waitFor(async () => {
      expect((await request(router.url, "PUT", { body: "content" })).ok).toBe(true);
      expect(collector.requests).toBeGreaterThan(3);
    }, PATIENCE);
    await vi.waitFor(() => expect(warnings(router)).toBe(1), PATIENCE);
    collector.status = 200;
    const again = () => router.lines.filter(({ msg }) => /^Spans are exported to .* again: \d+ were lost$/.test(msg));
    await vi.waitFor(async () => {
      expect((await request(router.url, "GET")).ok).toBe(true);
      expect(again()).toHaveLength(1);
    }, PATIENCE);
    expect(warnings(router)).toBe(1);
  });

  test("does not keep a router from ending in time", async () => {
    const collector = await startOtlpCollector();
    // It is asked to wait, and retried.
    collector.status = 503;
    const router = await start({ ...tracedBy(collector), SHUTDOWN_TIMEOUT_SECONDS: "1" });
    await request(router.url, "GET");
    await vi.waitFor(() => expect(collector.requests).toBeGreaterThan(0), PATIENCE);
    expect(await router.stop()).toBe(0);
    expect(router.lines.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(/^The last spans could not be exported to .* in time, and are lost$/),
    );
  });
});

test("a router that is told to stop exports what it has", async () => {
  const collector = await startOtlpCollector();
  const router = await start({ ...tracedBy(collector), OTEL_BSP_SCHEDULE_DELAY: "3600000" });
  const response = await request(router.url, "GET");
  expect(collector.requests).toBe(0);
  expect(await router.stop()).toBe(0);
  expect(collector.spans.filter(({ traceId }) => traceId === traceIdOf(response)).length).toBeGreaterThan(1);
});

describe("without an endpoint, or with OTEL_SDK_DISABLED", () => {
  test.each([{}, { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318", OTEL_SDK_DISABLED: "true" }])(
    "nothing is traced: %j",
    async (environment) => {
      const { url } = await start(environment);
      const response = await request(url, "GET", { headers: { traceparent: `00-${TRACE}-${CALLER}-01` } });
      expect(response.headers.get("traceresponse")).toBeNull();
    },
  );

  test("what traces is not in what the router loads", async () => {
    expect(await readFile("dist/router/main.cjs", "utf8")).not.toMatch(/BatchSpanProcessor|OTLPExporter/);
    expect(await readFile("dist/router/tracing.cjs", "utf8")).toMatch(/BatchSpanProcessor/);
  });
});
