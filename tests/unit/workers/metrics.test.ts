import { expect, test } from "vitest";
import { Metrics, type MetricsAnswer, metricsAnswer, metricsText } from "../../../fargate-app/src/metrics.ts";
import { EndedMetrics } from "../../../fargate-app/src/workers/ended-metrics.ts";
import { MemoryNetwork, startTestRouter } from "../../support/memory-router.ts";

/** What a worker answers that was sent so many requests. */
async function answerOf(requests: number, network = new MemoryNetwork(2)): Promise<MetricsAnswer> {
  const metrics = new Metrics();
  const { router } = await startTestRouter(network);
  metrics.watch(router);
  const exchange = { method: "GET", route: "/files/*", status: 200, seconds: 0.002 };
  for (let request = 0; request < requests; request += 1) metrics.observeExchange(exchange);
  return metricsAnswer.parse(await metrics.registry.getMetricsAsJSON());
}

const sampleOf = (text: string, series: string) =>
  Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1),
  );

const COUNTER = 'router_http_requests_total{method="GET",route="/files/*",status="200"}';
const BUCKET = 'router_http_request_duration_seconds_bucket{le="0.0025",method="GET",route="/files/*"}';
const CONNECTED = 'router_target_state{target="fsmt-0",state="connected"}';

test("counters and histograms of workers add up, and states are shares", async () => {
  const network = new MemoryNetwork(2);
  const healthy = await answerOf(3, network);
  for (const server of network.servers.slice(0, 1)) server.state = "down";
  const cutOff = await answerOf(4, network);
  const text = await metricsText([healthy, cutOff]);
  expect([sampleOf(text, COUNTER), sampleOf(text, BUCKET)]).toEqual([7, 7]);
  expect(sampleOf(text, CONNECTED)).toBe(0.5);
  expect(text).not.toContain(" NaN");
});

test("what workers that ended had shown still counts, however many they were, and their gauges do not", async () => {
  const ended = new EndedMetrics();
  const running = await answerOf(1);
  const shown = async () => metricsText([running, await ended.sum()]);
  expect(sampleOf(await shown(), COUNTER)).toBe(1);
  for (const requests of [2, 3, 4]) {
    ended.note(1, await answerOf(requests));
    ended.noteEnd(1);
  }
  // One that ends before it was ever asked.
  ended.noteEnd(2);
  for (let time = 0; time < 2; time += 1) {
    const text = await shown();
    expect([sampleOf(text, COUNTER), sampleOf(text, BUCKET)]).toEqual([10, 10]);
    expect(sampleOf(text, CONNECTED)).toBe(1);
  }
});

test("whoever asks while another one does gets the same sum", async () => {
  const ended = new EndedMetrics();
  for (const worker of [1, 2]) {
    ended.note(worker, await answerOf(3));
    ended.noteEnd(worker);
  }
  const [first, second] = await Promise.all([ended.sum(), ended.sum()]);
  expect(sampleOf(await metricsText([first]), COUNTER)).toBe(6);
  expect(second).toEqual(first);
});
