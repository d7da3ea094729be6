/**
 * Sends the form of a document with visible progress, and again by itself when the line breaks.
 *
 * The server alone says whether something is stored: until it has answered, the bar stays below
 * its end. Repeating is safe because the form carries an idempotency key. The answer is the page
 * the server would have sent anyway; its <main> takes the place of ours, so there is one rendering.
 */
import { enhanceFiles, type FileField } from "./files";

const PAUSES_SECONDS = [2, 4, 8, 15, 30, 60];
const TRY_AGAIN = new Set([0, 429, 502, 503, 504]);
/** How far the bar goes for bytes that are sent, but not yet confirmed. */
const SENT_PERCENT = 95;

export function enhanceSending(root: ParentNode): void {
  const form = root.querySelector<HTMLFormElement>("form[data-sending]");
  const panel = root.querySelector<HTMLElement>("[data-progress]");
  if (!form || !panel) return;
  const files = enhanceFiles(form);
  // The server's list of all mistakes beats the browser's bubbles, and here no file gets lost by it.
  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.inert) new Sending(form, panel, files).start();
  });
}

class Sending {
  private readonly body: FormData;
  private readonly bar: HTMLProgressElement;
  private readonly status: HTMLElement;
  private request: XMLHttpRequest | undefined;
  private timer: number | undefined;
  private attempt = 0;
  private readonly ending = new AbortController();

  constructor(
    private readonly form: HTMLFormElement,
    private readonly panel: HTMLElement,
    private readonly files: FileField | undefined,
  ) {
    this.body = new FormData(form);
    this.bar = panel.querySelector("progress")!;
    this.status = panel.querySelector("[data-status]")!;
  }

  start(): void {
    const signal = this.ending.signal;
    this.form.inert = true;
    this.panel.hidden = false;
    this.panel.querySelector<HTMLElement>("[data-sign-in]")!.hidden = true;
    this.panel.scrollIntoView({ block: "nearest" });
    window.addEventListener("beforeunload", (event) => event.preventDefault(), { signal });
    window.addEventListener("online", () => this.retryNow(), { signal });
    const cancel = this.panel.querySelector<HTMLButtonElement>("[data-cancel]")!;
    cancel.hidden = false;
    cancel.addEventListener("click", () => this.stop("textCancelled"), { signal });
    cancel.focus();
    this.send();
  }

  private send(): void {
    this.attempt += 1;
    this.bar.value = 0;
    this.say("textSending");
    const request = new XMLHttpRequest();
    this.request = request;
    request.open("POST", this.form.action);
    request.responseType = "document";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) this.bar.value = (event.loaded / event.total) * SENT_PERCENT;
    });
    request.upload.addEventListener("load", () => this.say("textChecking"));
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () => this.retryLater(request));
    request.send(this.body);
  }

  private answered(request: XMLHttpRequest): void {
    const mayRepeat = TRY_AGAIN.has(request.status) || isStillRunning(request);
    if (mayRepeat && this.attempt <= PAUSES_SECONDS.length) return this.retryLater(request);
    const url = new URL(request.responseURL || this.form.action);
    if (request.status === 401 || url.pathname === "/sign-in") return this.signedOut();
    const page = request.responseXML;
    if (!page?.querySelector("main")) return this.stop("textGaveUp");
    const stored = request.status >= 200 && request.status < 300;
    if (stored) this.bar.value = 100;
    this.finish();
    this.show(page, stored ? url : undefined);
  }

  private retryLater(request: XMLHttpRequest): void {
    const pause = PAUSES_SECONDS[this.attempt - 1];
    if (pause === undefined) return this.stop("textGaveUp");
    const seconds = Math.max(pause, Number(request.getResponseHeader("Retry-After")) || 0);
    this.request = undefined;
    this.say(request.status === 0 ? "textRetry" : "textBusy", {
      seconds,
      attempt: this.attempt + 1,
      attempts: PAUSES_SECONDS.length + 1,
    });
    this.timer = window.setTimeout(() => this.send(), seconds * 1000);
  }

  private retryNow(): void {
    if (this.request !== undefined || this.ending.signal.aborted) return;
    window.clearTimeout(this.timer);
    this.send();
  }

  private signedOut(): void {
    this.stop("textSignedOut");
    this.panel.querySelector<HTMLElement>("[data-sign-in]")!.hidden = false;
  }

  /** Give the form back as it was; nothing that was typed or chosen is lost. */
  private stop(text: string): void {
    this.finish();
    this.request?.abort();
    this.bar.value = 0;
    this.panel.querySelector<HTMLElement>("[data-cancel]")!.hidden = true;
    this.say(text);
    this.form.querySelector<HTMLElement>("[type=submit]")?.focus();
  }

  private finish(): void {
    window.clearTimeout(this.timer);
    this.ending.abort();
    this.form.inert = false;
  }

  private show(page: Document, address: URL | undefined): void {
    const main = document.importNode(page.querySelector("main")!, true);
    document.querySelector("main")!.replaceWith(main);
    document.title = page.title;
    if (address) {
      history.pushState(null, "", address);
      // Back must bring the page of that address, not this document under another name.
      window.addEventListener("popstate", () => location.reload(), { once: true });
    }
    enhanceSending(main);
    keepFiles(main, this.files?.chosen() ?? []);
    const target = main.querySelector<HTMLElement>("[data-error-summary]") ?? main;
    target.focus();
    window.scrollTo({ top: 0 });
  }

  private say(text: string, values: Record<string, number> = {}): void {
    const words = this.panel.dataset[text] ?? "";
    this.status.textContent = words.replace(/\{(\w+)\}/g, (_, name: string) => `${values[name]}`);
  }
}

function isStillRunning(request: XMLHttpRequest): boolean {
  return request.status === 409 && request.getResponseHeader("Retry-After") !== null;
}

/** The form came back with mistakes: put the files back, unless they are the mistake. */
function keepFiles(main: HTMLElement, files: File[]): void {
  const input = main.querySelector<HTMLInputElement>("form[data-sending] input[type=file]");
  if (!input || files.length === 0 || input.getAttribute("aria-invalid") === "true") return;
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
  for (const note of main.querySelectorAll<HTMLElement>("[data-file-again]")) note.hidden = true;
}
