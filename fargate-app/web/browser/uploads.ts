/** Files on their way to the directory that the page shows. None replaces another before somebody says so. */
import { type Problem, problemIn } from "./listing.ts";
import { numbered } from "./names.ts";

export type Answer = "replace" | "keep-both" | "skip";

/** What has the name already. */
interface Existing {
  readonly isDirectory: boolean;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly etag: string;
}

export interface Upload {
  readonly id: number;
  readonly file: File;
  state: "waiting" | "sending" | "asking" | "failed";
  /** Bytes. */
  sent: number;
  existing?: Existing;
  /** Where it failed: the status of the response, or 0 without any, and what the response says. */
  problem?: Problem;
  request?: XMLHttpRequest;
}

type Condition = { readonly "if-none-match": "*" } | { readonly "if-match": string };

const IS_NEW: Condition = { "if-none-match": "*" };

const MAX_PARALLEL = 3;

/** How many names are tried to keep both files. */
const MAX_NUMBER = 100;

export class Uploads {
  /** Those that are not finished. */
  list: readonly Upload[] = [];
  finished = 0;
  #forAll: Answer | undefined;
  #lastId = 0;
  readonly #directory: string;
  readonly #onChange: () => void;
  readonly #onIdle: () => void;

  /**
   * @param directory the path of its URL, with a `/` at its end.
   * @param onIdle called when all are finished that can be.
   */
  constructor(directory: string, { onChange, onIdle }: { onChange: () => void; onIdle: () => void }) {
    this.#directory = directory;
    this.#onChange = onChange;
    this.#onIdle = onIdle;
  }

  get isBusy(): boolean {
    return this.list.some(({ state }) => state !== "failed");
  }

  /** The one that somebody is to decide about. */
  get question(): Upload | undefined {
    return this.list.find(({ state }) => state === "asking");
  }

  add(files: Iterable<File>): void {
    if (!this.isBusy) {
      this.list = [];
      this.finished = 0;
      this.#forAll = undefined;
    }
    const added = [...files].map((file): Upload => ({ id: ++this.#lastId, file, state: "waiting", sent: 0 }));
    this.list = [...this.list, ...added];
    this.#pump();
  }

  answer(upload: Upload, answer: Answer, forAll: boolean): void {
    if (forAll) this.#forAll = answer;
    const asked = forAll ? this.list.filter(({ state }) => state === "asking") : [upload];
    for (const each of asked) this.#follow(each, answer);
    this.#pump();
  }

  cancel(upload: Upload): void {
    upload.request?.abort();
    this.#drop(upload);
  }

  #pump(): void {
    const waiting = this.list.filter(({ state }) => state === "waiting");
    const sending = this.list.filter(({ state }) => state === "sending").length;
    for (const upload of waiting.slice(0, Math.max(0, MAX_PARALLEL - sending))) {
      void this.#send(upload, upload.file.name, IS_NEW);
    }
    this.#onChange();
  }

  #follow(upload: Upload, answer: Answer): void {
    const { existing, file } = upload;
    if (answer === "skip") this.#drop(upload);
    else if (answer === "keep-both") void this.#sendBeside(upload);
    // Only what was asked about: it may have changed since.
    else if (existing !== undefined) void this.#send(upload, file.name, { "if-match": existing.etag });
  }

  async #send(upload: Upload, name: string, condition: Condition): Promise<void> {
    const status = await this.#put(upload, name, condition);
    if (status !== 412) return;
    const existing = await this.#existing(name);
    if (!this.list.includes(upload)) return;
    if (existing === undefined) {
      this.#fail(upload, { status, detail: "What has the name already cannot be looked at" });
      return;
    }
    upload.existing = existing;
    upload.state = "asking";
    const answer = this.#forAll;
    if (answer !== undefined && !(answer === "replace" && upload.existing.isDirectory)) this.#follow(upload, answer);
    this.#pump();
  }

  async #sendBeside(upload: Upload): Promise<void> {
    for (let number = 2; number <= MAX_NUMBER; number++) {
      if ((await this.#put(upload, numbered(upload.file.name, number), IS_NEW)) !== 412) return;
    }
    this.#fail(upload, { status: 412, detail: `The numbers up to ${MAX_NUMBER} are taken` });
  }

  /** @returns the status; of every other than 412, the upload is dealt with. */
  async #put(upload: Upload, name: string, condition: Condition): Promise<number> {
    upload.state = "sending";
    const problem = await this.#request(upload, name, condition);
    const { status } = problem;
    if (!this.list.includes(upload)) return 0;
    if (status === 201 || status === 204) {
      this.finished++;
      this.#drop(upload);
    } else if (status !== 412) {
      this.#fail(upload, problem);
    }
    return status;
  }

  /** By XMLHttpRequest, which says how far it is. */
  #request(upload: Upload, name: string, condition: Condition): Promise<Problem> {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("PUT", this.#url(name));
      for (const [header, value] of Object.entries(condition)) request.setRequestHeader(header, value);
      request.upload.addEventListener("progress", ({ loaded }) => {
        upload.sent = loaded;
        this.#onChange();
      });
      request.addEventListener("loadend", () => resolve(problemIn(request.status, request.responseText)));
      request.send(upload.file);
      upload.request = request;
    });
  }

  async #existing(name: string): Promise<Existing | undefined> {
    try {
      const { ok, redirected, headers } = await fetch(this.#url(name), { method: "HEAD", cache: "no-store" });
      if (!ok) return undefined;
      return {
        isDirectory: redirected,
        size: Number(headers.get("content-length") ?? 0),
        modifiedAt: Date.parse(headers.get("last-modified") ?? ""),
        etag: headers.get("etag") ?? "",
      };
    } catch {
      return undefined;
    }
  }

  #url(name: string): string {
    return `${this.#directory}${encodeURIComponent(name.toWellFormed())}`;
  }

  #fail(upload: Upload, problem: Problem): void {
    upload.state = "failed";
    upload.problem = problem;
    this.#afterOne();
  }

  #drop(upload: Upload): void {
    this.list = this.list.filter((each) => each !== upload);
    this.#afterOne();
  }

  #afterOne(): void {
    if (this.isBusy) this.#pump();
    else this.#onIdle();
  }
}
