/** The status page: renders what the router says, whenever it says something. */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "../common/common.css";
import "./status.css";
import { formatOf } from "../common/format.ts";
import { currentLanguage } from "../common/language.ts";
import { SignIn } from "../common/sign-in.tsx";
import { colorsOf } from "./colors.ts";
import { LiveStatus } from "./live-status.ts";
import { Changes } from "./sections/changes.tsx";
import { Charts } from "./sections/charts.tsx";
import { Costs } from "./sections/costs.tsx";
import { Figures } from "./sections/figures.tsx";
import { Header } from "./sections/header.tsx";
import { HotSpots } from "./sections/hot-spots.tsx";
import { PathRoute } from "./sections/path-route.tsx";
import { Region } from "./sections/region.tsx";
import { Targets } from "./sections/targets.tsx";
import { Tasks } from "./sections/tasks.tsx";
import { Threshold } from "./sections/threshold.tsx";
import { WORDS } from "./words/index.ts";

let language = currentLanguage();

const live = new LiveStatus(draw);
draw();
void live.start();

function draw(): void {
  document.documentElement.lang = language;
  const place = document.getElementById("page");
  if (place !== null) render(<Page />, place);
}

function Page() {
  const { phase, needsToken, status } = live.state;
  const words = WORDS[language];
  const format = formatOf(language);
  const view = status && { status, timeline: live.timeline, words, format, colorOf: colorsOf(status.targets) };
  return (
    <>
      {view && (
        <a class="skip" href="#targets">
          {words.skip}
        </a>
      )}
      <Header
        phase={phase}
        status={status}
        words={words}
        format={format}
        language={language}
        onLanguage={(chosen) => {
          language = chosen;
          draw();
        }}
        onSignOut={needsToken && phase !== "needs-token" ? () => void live.signOut() : undefined}
      />
      {/* Nothing of this page: a script of the host may fill it. */}
      <div id="extension" />
      <main class={phase === "lost" ? "stale" : ""}>
        {phase === "needs-token" && <SignIn language={language} onSignedIn={() => live.listen()} />}
        {view && (
          <>
            <Region {...view} />
            <Figures {...view} />
            <Targets {...view} />
            <Charts {...view} />
            <div class="columns">
              <div class="stack">
                <Threshold {...view} />
              </div>
              <div class="stack">
                <HotSpots {...view} />
                <Costs {...view} />
                <PathRoute {...view} />
              </div>
            </div>
            <Tasks {...view} />
            <Changes {...view} />
          </>
        )}
      </main>
    </>
  );
}
