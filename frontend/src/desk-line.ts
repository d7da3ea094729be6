/**
 * One file on its way to the desk: its line in the pile, its progress, its retries; and how the
 * desk asks the server. Knows nothing of the rest of the page.
 */

const PAUSES_SECONDS = [2, 4, 8, 15, 30, 60];
const TRY_AGAIN = new Set([0, 429, 502, 503, 504]);
/** How far the bar goes for bytes that are sent, but not yet confirmed. */
const SENT_PERCENT = 95;

export interface Answer {
  ok: boolean;
  status: number;
  /** Where the answer came from, after redirects. */
  address: string;
  page: Document;
}

interface Asking {
  /** Try again by itself when the line breaks or the server has no room. */
  retries?: boolean;
  progress?: (percent: number) => void;
  sent?: () => void;
  pausing?: (isBroken: boolean, seconds: number, attempt: number, attempts: number) => void;
  signal?: AbortSignal;
}

/** Post a form (or get a page, without one); the page that came back, if any came. */
export async function post(
  address: string,
  body: FormData | undefined,
  asking: Asking = {},
): Promise<Answer | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const request = await once(address, body, asking);
    const running = request.status === 409 && request.getResponseHeader("Retry-After") !== null;
    const mayRepeat = asking.retries && (TRY_AGAIN.has(request.status) || running);
    const pause = PAUSES_SECONDS[attempt - 1];
    if (!mayRepeat || pause === undefined || asking.signal?.aborted) return answered(request);
    const seconds = Math.max(pause, Number(request.getResponseHeader("Retry-After")) || 0);
    asking.pausing?.(request.status === 0, seconds, attempt + 1, PAUSES_SECONDS.length + 1);
    await aWhile(seconds, asking.signal);
    if (asking.signal?.aborted) return undefined;
  }
}

function answered(request: XMLHttpRequest): Answer | undefined {
  const page = request.responseXML;
  if (request.status === 0 || !page?.querySelector("main")) return undefined;
  const address = request.responseURL;
  const isSignIn = new URL(address).pathname === "/sign-in";
  const status = isSignIn ? 401 : request.status;
  return { ok: status >= 200 && status < 300, status, address, page };
}

/** Small forms go as other forms do; a form with files as the browser would send it. */
function encoded(body: FormData): FormData | URLSearchParams {
  const hasFiles = [...body.values()].some((value) => value instanceof File);
  if (hasFiles) return body;
  return new URLSearchParams([...body].map(([name, value]) => [name, String(value)]));
}

function once(
  address: string,
  body: FormData | undefined,
  asking: Asking,
): Promise<XMLHttpRequest> {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open(body ? "POST" : "GET", address);
    request.responseType = "document";
    if (asking.progress) {
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) asking.progress?.((event.loaded / event.total) * SENT_PERCENT);
      });
      request.upload.addEventListener("load", () => asking.sent?.());
    }
    request.addEventListener("loadend", () => done(request));
    asking.signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body ? encoded(body) : null);
  });
}

/** Wait, but no longer than until the line is back. */
function aWhile(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const timer = window.setTimeout(done, seconds * 1000);
    const now = (): void => {
      window.clearTimeout(timer);
      done();
    };
    window.addEventListener("online", now, { once: true });
    signal?.addEventListener("abort", now, { once: true });
  });
}

interface Doings {
  again: () => void;
  other: (files: File[]) => void;
  gone: () => void;
}

/** The line of a file until it is a paper on the desk. */
export class Line {
  readonly element = document.createElement("li");
  private readonly bar = document.createElement("progress");
  private readonly said = document.createElement("span");
  private readonly buttons = document.createElement("span");
  private ending = new AbortController();
  private static count = 0;

  constructor(
    private readonly texts: DOMStringMap,
    public files: File[],
    public key: string,
    private readonly doings: Doings,
  ) {
    Line.count += 1;
    this.element.className = "kd-line";
    const part = document.createElement("div");
    part.className = "kd-line__part";
    this.bar.max = 100;
    this.bar.id = `upload-${Line.count}`;
    this.said.className = "kern-body kern-body--small";
    this.buttons.className = "kd-actions";
    const label = document.createElement("label");
    label.htmlFor = this.bar.id;
    const name = document.createElement("bdi");
    label.append(name);
    part.append(label, this.bar, this.said, this.buttons);
    this.element.append(part);
    this.name();
  }

  bytes(): number {
    return this.files.reduce((sum, file) => sum + file.size, 0);
  }

  replace(files: File[], key: string): void {
    this.files = files;
    this.key = key;
    this.name();
  }

  wait(): void {
    this.ending = new AbortController();
    this.element.classList.remove("kd-line--refused");
    this.bar.hidden = false;
    this.bar.value = 0;
    this.say("textWaiting");
    this.offer([this.button("textRemove", () => this.remove())]);
  }

  /** Send it until it is there; nothing comes back when it was taken out or could not be sent. */
  async send(body: FormData): Promise<Answer | undefined> {
    const signal = this.ending.signal;
    if (signal.aborted) return undefined;
    this.say("textSending");
    const answer = await post("/desk/files", body, {
      retries: true,
      signal,
      progress: (percent) => (this.bar.value = percent),
      sent: () => this.say("textChecking"),
      pausing: (isBroken, seconds, attempt, attempts) => {
        this.bar.value = 0;
        this.say(isBroken ? "textRetry" : "textBusy", { seconds, attempt, attempts });
      },
    });
    if (signal.aborted) return undefined;
    if (answer && answer.status !== 401 && answer.status !== 503) return answer;
    this.failed(answer?.status === 401 ? "textSignedOut" : "textGaveUp");
    return undefined;
  }

  /** It is a paper now: the server said so, and only then is the bar full. */
  done(): void {
    this.bar.value = 100;
    this.element.remove();
    this.doings.gone();
  }

  /** The server will not have this file: why, and another one in its place. */
  refuse(sentence: string): void {
    this.bar.hidden = true;
    this.element.classList.add("kd-line--refused");
    this.said.textContent = sentence;
    this.said.setAttribute("role", "alert");
    const chooser = document.createElement("input");
    chooser.type = "file";
    chooser.accept = "application/pdf,image/jpeg,image/png";
    chooser.addEventListener("change", () => {
      if (chooser.files?.length) this.doings.other([...chooser.files]);
    });
    this.offer([
      this.button("textOtherFile", () => chooser.click()),
      this.button("textRemove", () => this.remove()),
    ]);
  }

  private failed(text: string): void {
    this.bar.hidden = true;
    this.say(text);
    this.offer([
      this.button("textAgain", () => this.doings.again()),
      this.button("textRemove", () => this.remove()),
    ]);
  }

  private remove(): void {
    this.ending.abort();
    this.element.remove();
    this.doings.gone();
  }

  private name(): void {
    const names = this.files.map((file) => file.name).join(", ");
    this.element.querySelector("bdi")!.textContent = names;
  }

  private say(text: string, values: Record<string, number> = {}): void {
    this.said.removeAttribute("role");
    const words = this.texts[text] ?? "";
    this.said.textContent = words.replace(/\{(\w+)\}/g, (_, key: string) => `${values[key]}`);
  }

  private offer(buttons: HTMLButtonElement[]): void {
    this.buttons.replaceChildren(...buttons);
  }

  private button(text: string, press: () => void): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "kern-btn kern-btn--tertiary kern-btn--x-small";
    const label = document.createElement("span");
    label.className = "kern-label";
    label.textContent = this.texts[text] ?? "";
    button.append(label);
    button.setAttribute("aria-label", `${label.textContent}: ${this.files[0]?.name ?? ""}`);
    button.addEventListener("click", press);
    return button;
  }
}
