/** `npm run failover -- status|promote|failback|standby-is-lost`: changes which of two regions is the primary. */
import { readFile } from "node:fs/promises";
import { POLLS_IN_LEASE } from "@efs-mount-autoscaling/mount-table";
import { Command, InvalidArgumentError, Option } from "commander";
import { awsWorld } from "./aws.ts";
import { SIDES, type Side } from "./observation.ts";
import { type Command as Change, DEFAULT_LIMITS, type Limits } from "./plan.ts";
import { RefusalCount, type RefusedWrites, readRefusedWrites } from "./refused-writes.ts";
import { parseRegionDescription, type RegionDescription, RegionDescriptionError } from "./regions.ts";
import { awaitWrites, writesInWords } from "./routers.ts";
import { FailoverError, runCommand } from "./run.ts";
import { Screen, showStatus } from "./screen.ts";

const LOOKING = "Looking at both regions …";

/** Times are in seconds. */
interface Flags {
  readonly home: string;
  readonly standby: string;
  readonly json: boolean;
  readonly poll: number;
  readonly timeout: number | undefined;
  readonly margin: number;
}

const program = new Command("failover")
  .description("Changes which of two regions is the primary. Each command may be ended, and run again, at any time.")
  .requiredOption("--home <file>", "what `pulumi stack output --json` prints of the stack that is normally the primary")
  .requiredOption("--standby <file>", "the same of the other stack")
  .option("--json", "end with one line of JSON", false)
  .option("--poll <seconds>", "between two looks while it waits", seconds, 5)
  .option("--timeout <seconds>", "for each wait; default: half an hour to a day, by what is waited for", seconds)
  .option(
    "--margin <seconds>",
    "for stale reads of a role and for clocks that differ",
    seconds,
    DEFAULT_LIMITS.margin / 1_000,
  )
  .showHelpAfterError();

program
  .command("status")
  .description("shows both regions")
  .action(async () => {
    const flags = program.opts<Flags>();
    const world = awsWorld(await regionsOf(flags));
    try {
      if (!flags.json) new Screen(process.stderr).note(LOOKING);
      const [home, standby] = await Promise.all([world.look("home"), world.look("standby")]);
      showStatus({ home, standby }, flags.json);
    } finally {
      world.close();
    }
  });

program
  .command("promote")
  .description("makes a region the primary, with what is replicated there; the other one is lost, or will be a standby")
  .addOption(regionOption("standby"))
  .option("--primary-is-lost", "also where the old primary seems to be there", false)
  .action(({ region, primaryIsLost }: { region: Side; primaryIsLost: boolean }) =>
    change({ name: "promote", side: region, otherIsLost: primaryIsLost }),
  );

program
  .command("failback")
  .description("makes the home region the primary, without any loss, and the other one its standby")
  .action(() => change({ name: "failback", side: "home", otherIsLost: false }));

program
  .command("standby-is-lost")
  .description("lets the primary take writes although it cannot confirm its role in the other region")
  .addOption(regionOption("home"))
  .option("--insist", "also where the standby seems to be there", false)
  .action(({ region, insist }: { region: Side; insist: boolean }) =>
    change({ name: "standby-is-lost", side: region, otherIsLost: insist }),
  );

function regionOption(usual: Side): Option {
  return new Option("--region <side>", "the region that takes over or goes on").choices(SIDES).default(usual);
}

async function change(command: Change): Promise<void> {
  const flags = program.opts<Flags>();
  const regions = await regionsOf(flags);
  const world = awsWorld(regions);
  const refusals = new RefusalCount((each) => refusedWritesOf(regions[each]));
  const screen = new Screen(process.stderr);
  const limits = limitsOf(regions, flags);
  const begin = performance.now();
  if (!flags.json) screen.note(LOOKING);
  try {
    const {
      kind: _,
      say,
      ...done
    } = await runCommand({
      command,
      world: refusals.watch(world),
      limits,
      pollInterval: 1_000 * flags.poll,
      report: (progress) => screen.show(progress),
    });
    const seconds = (performance.now() - begin) / 1_000;
    const primary = regions[done.primary];
    const routers = await awaitWrites(primary.url, {
      timeout: limits.lease + limits.margin,
      onWait: (waited) =>
        screen.show({ kind: "waiting", say: `The routers in ${primary.region} take their role up`, seconds: waited }),
    });
    const refused = await refusals.refused();
    const sentences = [
      `${say}. It took ${seconds.toFixed(1)} s.`,
      writesInWords(routers, Math.ceil(primary.roleLeaseSeconds / POLLS_IN_LEASE)),
      ...(refused === undefined ? [] : [inWords(refused)]),
    ];
    screen.end(sentences.join(" "));
    if (flags.json) {
      const refusedWrites = refused !== undefined && "count" in refused ? refused.count : undefined;
      const routersWrite = routers.routersWrite === undefined ? undefined : routers.routersWrite === true;
      const { region } = primary;
      console.log(JSON.stringify({ command: command.name, ...done, region, seconds, routersWrite, refusedWrites }));
    }
  } catch (error) {
    screen.end();
    throw error;
  } finally {
    world.close();
  }
}

async function refusedWritesOf({ url, region }: RegionDescription): Promise<number> {
  if (url === undefined) throw new Error(`the outputs of ${region} have no url`);
  return readRefusedWrites(url, process.env.API_TOKEN);
}

function inWords(refused: RefusedWrites): string {
  if ("count" in refused) return `Writes refused meanwhile: ${refused.count}.`;
  return `How many writes were refused meanwhile is not known: ${refused.unknownBecause}.`;
}

function limitsOf({ home, standby }: Readonly<Record<Side, RegionDescription>>, { timeout, margin }: Flags): Limits {
  const lease = 1_000 * Math.max(home.roleLeaseSeconds, standby.roleLeaseSeconds);
  const each = timeout === undefined ? undefined : 1_000 * timeout;
  const timeouts = each === undefined ? {} : { deletionTimeout: each, firstSyncTimeout: each, lastSyncTimeout: each };
  return { ...DEFAULT_LIMITS, ...timeouts, margin: 1_000 * margin, lease };
}

async function regionsOf({ home, standby }: Flags): Promise<Record<Side, RegionDescription>> {
  const [first, second] = await Promise.all(
    [home, standby].map(async (path) => parseRegionDescription(await readFile(path, "utf8"), path)),
  );
  if (first === undefined || second === undefined) throw new RegionDescriptionError("Two regions are needed");
  if (first.region === second.region || first.fileSystemId === second.fileSystemId) {
    throw new RegionDescriptionError(`${home} and ${standby} describe the same region`);
  }
  return { home: first, standby: second };
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number of seconds above 0.");
  return value;
}

// What the SDK says of older versions of Node.js would hide, at night, what matters.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
try {
  await program.parseAsync();
} catch (error) {
  const isExpected = error instanceof FailoverError || error instanceof RegionDescriptionError;
  console.error(isExpected ? `failover: ${error.message}` : error);
  process.exitCode = 1;
}
