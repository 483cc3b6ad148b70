import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { type Line, LineChart } from "../line-chart.tsx";
import type { View } from "../view.ts";
import { Share } from "./parts.tsx";

/** The number of files against the threshold, and what the monitor made of it. */
export function Threshold(view: View) {
  const { status, words } = view;
  const { status: monitor, problem } = status.monitor;
  return (
    <section aria-labelledby="files">
      <h2 id="files">{words.files}</h2>
      {problem !== undefined && <p class="problem">{words.monitorProblem(problem)}</p>}
      {monitor === undefined && problem === undefined && <p class="muted">{words.monitorAbsent}</p>}
      {monitor && (
        <>
          <Count monitor={monitor} view={view} />
          <CountChart monitor={monitor} view={view} />
          <LastRun monitor={monitor} view={view} />
        </>
      )}
    </section>
  );
}

interface PartProps {
  readonly monitor: MonitorStatus;
  readonly view: View;
}

function Count({ monitor: { fileCount, threshold, effectiveThreshold, countComplete, forecast }, view }: PartProps) {
  const { words, format } = view;
  if (fileCount === undefined || threshold === undefined) return null;
  const share = threshold === 0 ? 1 : fileCount / threshold;
  return (
    <>
      <p class="count">
        <strong>{words.filesCounted(format.whole(fileCount), format.whole(threshold))}</strong>
        <span class="muted">{words.percentOfThreshold(format.percent(share))}</span>
      </p>
      <Share share={share} text="" />
      <ul class="facts">
        {countComplete === false && <li>{words.atLeast}</li>}
        {effectiveThreshold !== undefined && effectiveThreshold < threshold && (
          <li>{words.lowered(format.whole(effectiveThreshold))}</li>
        )}
        <li>
          {forecast === undefined
            ? words.noForecast
            : words.forecast(format.whole(forecast.q05), format.whole(forecast.q95), format.shortTime(forecast.time))}
        </li>
      </ul>
    </>
  );
}

function CountChart({ monitor: { threshold, forecast }, view: { timeline, words, format } }: PartProps) {
  const counts = timeline.counts();
  if (counts.length < 2 || threshold === undefined) return null;
  const [last] = counts.slice(-1);
  const times = [...counts.map(([time]) => time / 1_000), ...(forecast ? [forecast.time / 1_000] : [])];
  const lines: Line[] = [
    { label: words.count, color: "--accent" },
    { label: words.threshold, color: "--bad", dash: [4, 4] },
    ...(forecast
      ? [
          { label: words.expected, color: "--muted" as const, dash: [2, 3] },
          { label: `${words.expected} 95 %`, color: "--line" as const },
          { label: `${words.expected} 5 %`, color: "--line" as const },
        ]
      : []),
  ];
  /** From the last count to what is expected. */
  const toForecast = (value: number) => [
    ...counts.map((count) => (count === last ? (last?.[1] ?? null) : null)),
    value,
  ];
  const ahead = forecast
    ? [forecast.q50, forecast.q95, forecast.q05].map((value) => toForecast(Math.max(0, value)))
    : [];
  const files = [...counts.map(([, value]) => value), ...(forecast ? [null] : [])];
  return (
    <LineChart
      label={`${words.count}, ${words.threshold}`}
      lines={lines}
      data={[times, files, times.map(() => threshold), ...ahead]}
      formatValue={format.whole}
      format={format}
      {...(forecast && { band: [3, 4] as const })}
    />
  );
}

function LastRun({ monitor, view: { words, format, status } }: PartProps) {
  const { time, succeeded, outcome, thresholdReason, createdIn, deployed, availabilityZonesLeft } = monitor;
  const { deletedIn, retiring, scaleInReason } = monitor;
  return (
    <>
      <h3>{words.lastRun}</h3>
      <p>
        <span class={succeeded ? "" : "bad"} lang="en">
          {outcome}
        </span>{" "}
        <span class="muted">
          · {format.time(time)} ({format.duration(status.time - time)})
        </span>
      </p>
      <ul class="facts">
        {createdIn !== undefined && <li>{words.created(createdIn)}</li>}
        {deletedIn !== undefined && <li>{words.deleted(deletedIn)}</li>}
        {retiring !== undefined && <li>{words.retiring(retiring)}</li>}
        {deployed && <li>{words.deployed}</li>}
        {availabilityZonesLeft !== undefined && <li>{words.zonesLeft(availabilityZonesLeft)}</li>}
        {thresholdReason !== undefined && <li lang="en">{thresholdReason}</li>}
        {scaleInReason !== undefined && (
          <li>
            {words.scaleIn}: <span lang="en">{scaleInReason}</span>
          </li>
        )}
      </ul>
    </>
  );
}
