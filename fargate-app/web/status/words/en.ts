/** The page's words in English, and by their type the words that every language must have. */

export const en = {
  heading: "Status",
  live: "Live",
  reconnecting: "Connection lost. Connecting again…",
  loading: "Waiting for the first figures…",
  skip: "Skip to the mount targets",

  allConnected: (count: number) =>
    count === 1
      ? "The mount target is connected"
      : count === 2
        ? "Both mount targets are connected"
        : `All ${count} mount targets are connected`,
  someNot: (count: number, all: number, state: string) => `${count} of ${all} mount targets: ${state}`,
  noTargets: "No mount target is known",
  rolling: (current: number, all: number) => `Tasks are being replaced: ${current} of ${all} are new`,

  region: "Region",
  roles: { primary: "Primary", standby: "Standby", frozen: "Handing over" } as Record<string, string>,
  takesWrites: "Takes writes",
  someTakeWrites: (count: number, all: number) =>
    count === 0 ? "Takes no writes" : `Only ${count} of ${all} tasks take writes`,
  refusals: {
    unknown: "Writes are refused until the role of this region has been read.",
    standby: "Writes are refused: they belong in the primary region.",
    frozen: "Writes are refused for a short time: this region hands over to the other one.",
    superseded: "Writes are refused: the other region was declared the primary.",
    unconfirmed: "Writes are refused: it cannot be confirmed that no other primary was declared.",
  } as Record<string, string>,
  epoch: "Epoch",
  replicaLag: "The replica is behind by at most",
  refusedWrites: "Writes refused since these tasks started",
  otherRegion: "Other region",

  requests: "Requests",
  perSecond: "/s",
  throughput: "Throughput",
  latency99: "Latency, p99",
  latency50: (value: string) => `p50 ${value}`,
  errors: "Errors",
  inFlight: "In flight",
  inFlightNow: (count: string) => `${count} in flight`,

  targets: "Mount targets",
  target: "Mount target",
  zone: "Zone",
  state: "State",
  share: "Share",
  read: "Read",
  written: "Written",
  since: (time: string) => `since ${time}`,
  seenBy: (count: number, all: number) => `seen by ${count} of ${all} tasks`,
  states: {
    connected: "Connected",
    probing: "Connecting",
    silent: "Silent",
    failed: "Failed",
    retiring: "Retiring",
    removed: "Removed",
  } as Record<string, string>,

  lastHour: "The last hour",
  requestsChart: "Requests a second",
  throughputChart: "Throughput, MB/s",
  latencyChart: "Latency, p99 of the slowest task, ms",
  chartNow: (name: string, value: string) => `${name}: ${value}`,
  gathering: "The first points come within seconds.",

  files: "Files and threshold",
  filesCounted: (files: string, threshold: string) => `${files} of ${threshold} files`,
  percentOfThreshold: (percent: string) => `${percent} of the threshold`,
  atLeast: "At least: the count was cut short",
  lowered: (threshold: string) => `The forecast lowers the threshold to ${threshold}`,
  forecast: (low: string, high: string, time: string) => `${low} to ${high} files are expected at ${time} (90 %)`,
  noForecast: "No forecast: the threshold is fixed, or there is too little history",
  lastRun: "Last run of the monitor",
  created: (zone: string) => `Added a mount target in ${zone}`,
  deployed: "Started a deployment",
  zonesLeft: (count: number) =>
    count === 0 ? "Every Availability Zone has its mount target" : `Zones without a mount target: ${count}`,
  monitorAbsent: "The file monitor has not published its status yet.",
  monitorProblem: (problem: string) => `The monitor's status cannot be read: ${problem}`,
  count: "Files",
  threshold: "Threshold",
  expected: "Expected",

  route: "Where does a path go?",
  path: "Path",
  pathHint: "As below /files/, for example reports/2026/a.csv",
  find: "Find",
  routeResult: (path: string) => `${path} goes to the first of these that is connected:`,

  hotSpots: "Hot spots",
  paths: "Paths",
  directories: "Directories",
  hot: "Hot",
  nothingHot: "No requests in the last minute",
  root: "(root)",

  tasks: "Tasks",
  task: "Task",
  deployment: "Deployment",
  newest: "Newest",
  earlier: "Earlier",
  age: "Age",
  memory: "Memory",
  thisTask: "this page",
  steady: (count: number) => (count === 1 ? "One task, steady" : `${count} tasks, steady`),
  alone: (reason: string) => `Only this task is shown. ${reason}`,
  taskStates: {
    PROVISIONING: "Provisioning",
    PENDING: "Pending",
    ACTIVATING: "Activating",
    RUNNING: "Running",
    DEACTIVATING: "Leaving",
    STOPPING: "Stopping",
    DEPROVISIONING: "Stopping",
    STOPPED: "Stopped",
  } as Record<string, string>,
  silentTask: (problem: string) => `No answer: ${problem}`,

  costs: "Cost",
  metered: "Metered by EFS",
  sinceStart: "since these tasks started",
  dollars: "Throughput and traffic",
  aMonth: "at this rate, a month",
  noPrices: "Prices of this region are not known",
  range: (low: string, high: string) => (low === high ? low : `${low} – ${high}`),
  costNote: (date: string) => `An estimate: what EFS meters of one request is a range. List prices as of ${date}.`,

  changes: "Last changes",
  noChanges: "No changes yet",
  seenByTasks: (count: number) => (count === 1 ? "seen by one task" : `seen by ${count} tasks`),
};

export type Words = typeof en;
