/** The file browser: shows the directory whose address the page has, and changes it. */
import { render } from "preact";
import "../common/common.css";
import "./browser.css";
import type { Session } from "../../src/status/document.ts";
import { Bar } from "../common/bar.tsx";
import { formatOf } from "../common/format.ts";
import { currentLanguage, type Language } from "../common/language.ts";
import { currentSession, signOut } from "../common/session.ts";
import { SignIn } from "../common/sign-in.tsx";
import { type Entry, Listing, type Order, removeEntry } from "./listing.ts";
import { nameOf, readable } from "./names.ts";
import { Breadcrumbs } from "./sections/breadcrumbs.tsx";
import { ConflictQuestion } from "./sections/conflict-question.tsx";
import { DeleteQuestion } from "./sections/delete-question.tsx";
import { Directory } from "./sections/directory.tsx";
import { Preview } from "./sections/preview.tsx";
import { ReadOnly } from "./sections/read-only.tsx";
import { UploadList } from "./sections/upload-list.tsx";
import { Uploads } from "./uploads.ts";
import { problemText } from "./view.ts";
import { WORDS } from "./words/index.ts";

const directory = location.pathname;

const listing = new Listing(directory, showListing);
const uploads = new Uploads(directory, { onChange: draw, onIdle: () => void reload() });

interface State {
  readonly language: Language;
  readonly phase: "starting" | "needs-token" | "ready";
  readonly needsToken: boolean;
  readonly readOnly?: Session["readOnly"];
  readonly order: Order;
  readonly dialog?: { readonly kind: "preview" | "delete"; readonly entry: Entry } | undefined;
  /** What has just happened, in words. */
  readonly notice?: { readonly text: string; readonly isProblem: boolean } | undefined;
}

let state: State = {
  language: currentLanguage(),
  phase: "starting",
  needsToken: false,
  order: { column: "name", descending: false },
};

addEventListener("beforeunload", (event) => {
  if (uploads.isBusy) event.preventDefault();
});
document.title = `${readable(nameOf(directory.split("/").at(-2) ?? ""))} – efs-mount-autoscaling`;
draw();
void start();

async function start(): Promise<void> {
  try {
    const { needsToken, signedIn, readOnly } = await currentSession();
    change({ needsToken, readOnly, phase: signedIn ? "ready" : "needs-token" });
  } catch {
    // The listing says what is wrong.
    change({ phase: "ready" });
  }
  if (state.phase === "ready") await listing.load();
}

/** Whoever asked for the listing: without a valid token there is none. */
function showListing(): void {
  if (listing.problem?.status === 401) askForToken();
  else draw();
}

function askForToken(): void {
  change({ phase: "needs-token", dialog: undefined });
}

/** After a change, or the attempt: the region may take none any more. */
async function reload(): Promise<void> {
  const [session] = await Promise.all([currentSession().catch(() => undefined), listing.load()]);
  if (session !== undefined) change({ readOnly: session.readOnly });
}

async function remove(entry: Entry): Promise<void> {
  const problem = await removeEntry(entry);
  const words = WORDS[state.language];
  if (problem === undefined) {
    listing.remove(entry);
    change({ dialog: undefined, notice: { text: words.deleted(readable(entry.name)), isProblem: false } });
    return;
  }
  const text = problem.status === 404 ? words.gone : problemText(problem, words);
  change({ dialog: undefined, notice: { text, isProblem: true } });
  await reload();
}

async function leave(): Promise<void> {
  await signOut();
  askForToken();
}

function change(changes: Partial<State>): void {
  state = { ...state, ...changes };
  draw();
}

function draw(): void {
  document.documentElement.lang = state.language;
  const place = document.getElementById("page");
  if (place !== null) render(<Page {...state} />, place);
}

function Page({ language, phase, needsToken, readOnly, order, dialog, notice }: State) {
  const words = WORDS[language];
  const view = { words, format: formatOf(language) };
  const { question } = uploads;
  const close = () => change({ dialog: undefined });
  const open = (kind: "preview" | "delete") => (entry: Entry) => change({ dialog: { kind, entry }, notice: undefined });
  return (
    <>
      <header>
        <Bar
          page="files"
          language={language}
          onLanguage={(chosen) => change({ language: chosen, notice: undefined })}
          onSignOut={needsToken && phase === "ready" ? () => void leave() : undefined}
        />
        <Breadcrumbs {...view} directory={directory} />
      </header>
      <main>
        {phase === "needs-token" && (
          <SignIn
            language={language}
            onSignedIn={() => {
              change({ phase: "ready" });
              void listing.load();
            }}
          />
        )}
        {phase === "ready" && (
          <>
            <p role="status" class={`notice ${notice?.isProblem ? "problem" : ""}`}>
              {notice?.text}
            </p>
            {readOnly && <ReadOnly {...view} readOnly={readOnly} directory={directory} />}
            <UploadList {...view} uploads={uploads} />
            <Directory
              {...view}
              listing={listing}
              readOnly={readOnly !== undefined}
              order={order}
              onOrder={(chosen) => change({ order: chosen })}
              onPreview={open("preview")}
              onDelete={open("delete")}
              onFiles={(files) => {
                change({ notice: undefined });
                uploads.add(files);
              }}
              onFolders={() => change({ notice: { text: words.noFolders, isProblem: true } })}
            />
          </>
        )}
      </main>
      {dialog?.kind === "preview" && (
        <Preview {...view} entry={dialog.entry} onClose={close} onUnauthorized={askForToken} />
      )}
      {dialog?.kind === "delete" && (
        <DeleteQuestion {...view} entry={dialog.entry} onDelete={() => remove(dialog.entry)} onClose={close} />
      )}
      {question && dialog === undefined && (
        <ConflictQuestion
          key={question.id}
          {...view}
          upload={question}
          onAnswer={(answer, forAll) => uploads.answer(question, answer, forAll)}
        />
      )}
    </>
  );
}
