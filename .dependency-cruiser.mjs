/**
 * Which way imports may go: the arrows of docs/architecture.md. `npm run lint` checks them.
 *
 * @type {import("dependency-cruiser").IConfiguration}
 */

const mountTable = "packages/mount-table/src/index.ts";
const metering = "packages/metering/src/index.ts";
const monitorStatus = "packages/mount-table/src/monitor-status.ts";
const efsTls = "packages/efs-tls/src/index.ts";
const efsClientKey = "packages/efs-tls/src/client-key.ts";
const nfsClient = "packages/nfs-client/src/index.ts";
const nfsCommandLine = "packages/nfs-client/src/cli/index.ts";
const nfsWire = "packages/nfs-client/src/wire/index.ts";
const firstContact = "packages/nfs-client/src/first-contact/index.ts";
const filesClient = "packages/efs-files/src/index.ts";
const embeddedFiles = "packages/efs-files/src/embedded/index.ts";
const routedFiles = "packages/routed-files/src/index.ts";
const awsClient = "packages/routed-files/src/aws-client.ts";
const strategies = "packages/routed-files/src/routing/strategies.ts";
const nfsServer = "packages/nfs-server/src/index.ts";
const program = ["index.ts", "config.ts", "build.ts", "components/"];
const product = ["functions/", "fargate-app/", "packages/"];

/** Each part of the tree, and what it may import besides itself and packages of npm. */
const ARROWS = {
  "packages/mount-table/": [],
  "packages/nfs-client/": [],
  "packages/efs-files/(?!src/embedded/|examples/|build\\.ts)": [],
  "packages/efs-files/build\\.ts": ["packages/efs-files/", routedFiles],
  "packages/efs-files/(src/embedded|examples)/": [
    "packages/efs-files/src/",
    nfsClient,
    efsTls,
    efsClientKey,
    routedFiles,
  ],
  "packages/efs-tls/": [nfsClient],
  "packages/metering/": [nfsClient],
  "packages/nfs-server/": [nfsWire],
  "packages/routed-files/": [mountTable, nfsClient],
  "functions/": [mountTable, monitorStatus, nfsClient, nfsWire, efsTls, metering],
  "fargate-app/": [
    mountTable,
    monitorStatus,
    nfsClient,
    nfsCommandLine,
    firstContact,
    efsTls,
    efsClientKey,
    metering,
    routedFiles,
    awsClient,
  ],
  "failover/": [mountTable],
  "examples/": ["components/router-sidecar.ts"],
  "(index|config|build).ts|components/": [
    ...program,
    mountTable,
    monitorStatus,
    metering,
    strategies,
    ...product.slice(0, 2),
  ],
  "local/": [mountTable, monitorStatus, nfsClient, nfsServer, "failover/", ...product.slice(0, 2)],
  "bench/": [
    mountTable,
    monitorStatus,
    nfsClient,
    nfsServer,
    routedFiles,
    embeddedFiles,
    ...product.slice(0, 2),
    "local/",
    "tests/support/",
  ],
};

const beginsWith = (paths) => paths.map((path) => `^${path.replaceAll(".", "\\.")}`);

export default {
  forbidden: [
    ...Object.entries(ARROWS).map(([part, others]) => ({
      name: `arrows of ${part}`,
      severity: "error",
      from: { path: `^(${part})` },
      to: { pathNot: [`^(${part})`, "^node_modules/", ...beginsWith(others)], dependencyTypesNot: ["core"] },
    })),
    {
      name: "only the tests of the NFS client reach into it",
      severity: "error",
      from: { pathNot: ["^packages/nfs-client/", "^tests/(unit|integration)/nfs-client/"] },
      to: {
        path: "^packages/nfs-client/src/",
        pathNot: beginsWith([nfsClient, nfsWire, nfsCommandLine, firstContact]),
      },
    },
    {
      name: "only the tests of the file client reach into it",
      severity: "error",
      from: { pathNot: ["^packages/efs-files/", "^tests/(unit|integration|properties)/efs-files/"] },
      to: { path: "^packages/efs-files/src/", pathNot: beginsWith([filesClient, embeddedFiles]) },
    },
    {
      name: "only their tests reach into the files over many mount targets",
      severity: "error",
      from: { pathNot: ["^packages/routed-files/", "^tests/unit/routed-files/", "^tests/properties/"] },
      to: { path: "^packages/routed-files/src/", pathNot: beginsWith([routedFiles, awsClient, strategies]) },
    },
    {
      name: "the wire format stands on the errors alone",
      severity: "error",
      from: { path: "^packages/nfs-client/src/wire/" },
      to: {
        path: "^packages/nfs-client/src/",
        pathNot: ["^packages/nfs-client/src/wire/", "^packages/nfs-client/src/errors.ts$"],
      },
    },
    {
      name: "the NFS client needs Node.js alone",
      severity: "error",
      from: { path: "^packages/nfs-client/src/" },
      to: { path: "^node_modules/", dependencyTypesNot: ["triple-slash-type-reference"] },
    },
    {
      name: "no import of what package.json does not name",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["triple-slash-type-reference"] },
    },
    {
      name: "nothing production runs is a development dependency",
      severity: "error",
      from: { path: "^(packages/[^/]+|functions/[^/]+|fargate-app)/src/|^functions/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no circles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "imports lead somewhere", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["^dist/", "^packages/[^/]+/dist/"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
