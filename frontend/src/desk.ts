/**
 * The sending desk: files go up by themselves as soon as they are dropped, forms are kept as they
 * are typed, and the server's page is the only rendering there is.
 *
 * Every request posts a form that works without this script, too; what comes back is the whole
 * page, of which the pile, the summary and the open paper take the places of ours. Nothing is kept
 * in the browser but what is on the page and in memory.
 */
import { acceptDrops } from "./files";
import { type Answer, post, Line } from "./desk-line";

const UPLOADS_AT_ONCE = 3;
const SENT_AT_ONCE = 2;
const PAUSE_BEFORE_SAVING = 700;

export function enhanceDesk(): void {
  const root = document.querySelector<HTMLElement>("[data-desk]");
  if (root) new Desk(root);
}

/** Numbers that nobody else makes; kept in memory alone. */
function freshKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

class Desk {
  private readonly waiting: Line[] = [];
  private uploading = 0;
  private unsaved = false;
  private saving: Promise<void> | undefined;
  private timer: number | undefined;
  private sendingOut = false;
  private arrived = 0;
  /** Whether somebody is at work on the open paper; until then the first of the pile is open. */
  private began = false;
  // What all uploads of this page are called; each counts on behind it, and lies in that order.
  private readonly pile = freshKey();
  private placed = 0;

  constructor(private readonly root: HTMLElement) {
    this.enhanceFiles();
    this.enhanceParts();
    root.addEventListener("submit", (event) => this.submitted(event));
    root.addEventListener("click", (event) => this.clicked(event));
    root.addEventListener("input", (event) => this.typed(event));
    root.addEventListener("focusin", (event) => {
      if ((event.target as Element).closest("[data-desk-paper]")) this.began = true;
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.isBusy()) event.preventDefault();
    });
    window.addEventListener("popstate", () => location.reload());
  }

  private isBusy(): boolean {
    return this.uploading > 0 || this.waiting.length > 0 || this.unsaved || this.sendingOut;
  }

  private part<Kind extends HTMLElement>(name: string): Kind {
    return this.root.querySelector<Kind>(`[data-desk-${name}]`)!;
  }

  private words(name: string, values: Record<string, number> = {}): string {
    const text = this.root.dataset[name] ?? "";
    return text.replace(/\{(\w+)\}/g, (_, key: string) => `${values[key]}`);
  }

  private say(text: string): void {
    this.part("status").textContent = text;
  }

  // ── Files come ────────────────────────────────────────────────────────────────────────────

  private enhanceFiles(): void {
    const form = this.part<HTMLFormElement>("files");
    const input = form.querySelector<HTMLInputElement>("#file")!;
    const camera = form.querySelector<HTMLInputElement>("#camera")!;
    input.addEventListener("change", () => {
      this.add([...(input.files ?? [])]);
      input.value = "";
    });
    camera.addEventListener("change", () => {
      this.add([...(camera.files ?? [])]);
      camera.value = "";
    });
    // A camera of its own is offered where fingers point; elsewhere the button would lead astray.
    const place = this.part("camera");
    place.hidden = !matchMedia("(pointer: coarse)").matches;
    place.querySelector("button")!.addEventListener("click", () => camera.click());
    acceptDrops(form, (files) => this.add(files));
    // Beside the zone a dropped file would replace the page, and with it what is on its way.
    for (const name of ["dragover", "drop"]) {
      document.addEventListener(name, (event) => event.preventDefault());
    }
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      this.add(files);
    });
  }

  private add(files: File[]): void {
    if (files.length === 0) return;
    const box = this.root.querySelector<HTMLInputElement>("#together")!;
    const photographs = files.every((file) => file.type.startsWith("image/"));
    const piles = box.checked && photographs ? [files] : files.map((file) => [file]);
    box.checked = false;
    for (const pile of piles) this.enqueue(pile);
  }

  private enqueue(files: File[]): void {
    const place = this.part("uploads");
    const key = `${this.pile}.${(this.placed += 1)}`;
    let attempts = 0;
    const line = new Line(this.root.dataset, files, key, {
      again: () => this.queue(line),
      other: (chosen) => {
        // Another upload, and yet in the same place.
        line.replace(chosen, `${key}.${(attempts += 1)}`);
        this.queue(line);
      },
      gone: () => {
        place.hidden = place.childElementCount === 0;
      },
    });
    place.append(line.element);
    place.hidden = false;
    this.queue(line);
  }

  private queue(line: Line): void {
    const limit = Number(this.root.dataset["bytesMax"]);
    if (line.bytes() > limit) return line.refuse(this.words("textTooLarge"));
    line.wait();
    this.waiting.push(line);
    this.next();
  }

  private next(): void {
    while (this.uploading < UPLOADS_AT_ONCE && this.waiting.length > 0) {
      this.uploading += 1;
      void this.upload(this.waiting.shift()!);
    }
  }

  private async upload(line: Line): Promise<void> {
    const answer = await line.send(this.body(line));
    this.uploading -= 1;
    if (answer) this.received(line, answer);
    this.next();
    if (this.uploading === 0 && this.arrived > 0) {
      this.say(this.words("textAllKept", { count: this.arrived }));
      this.arrived = 0;
    }
  }

  private body(line: Line): FormData {
    const body = new FormData();
    body.append("acting_agency", this.root.dataset["actingAgency"] ?? "");
    body.append("upload_key", line.key);
    const open = this.root.querySelector<HTMLElement>("[data-desk-row]")?.dataset["deskRow"];
    if (open && this.began) body.append("draft", open);
    if (line.files.length > 1) body.append("together", "true");
    for (const file of line.files) body.append("file", file);
    return body;
  }

  private received(line: Line, answer: Answer): void {
    if (answer.ok) {
      this.arrived += 1;
      line.done();
      this.show(answer.page, { keepPaper: this.began });
      const form = this.root.querySelector<HTMLFormElement>("form[data-desk-row]");
      if (form && this.began) this.renew(form, answer.page, entries(form));
    } else {
      const sentence = answer.page.querySelector("[data-refusal]")?.textContent;
      line.refuse(sentence ?? answer.page.querySelector("main p")?.textContent ?? this.words("textGaveUp"));
    }
  }

  // ── The page that came back ───────────────────────────────────────────────────────────────

  /** Put the parts of the server's page in place of ours. */
  private show(page: Document, { keepPaper = false, fresh = "" } = {}): void {
    const desk = page.querySelector("[data-desk]");
    if (!desk) return location.reload();
    const paper = this.root.querySelector("[data-desk-row]");
    const parts = ["pile", "send", "refused"];
    if (!keepPaper || !paper) parts.push("paper");
    for (const name of parts) {
      const theirs = desk.querySelector(`[data-desk-${name}]`);
      if (theirs) swap(this.part(name), document.importNode(theirs, true), fresh);
    }
    const isEmpty = desk.querySelector("[data-desk-grid]")!.hasAttribute("data-empty");
    this.part("grid").toggleAttribute("data-empty", isEmpty);
    this.part("files").classList.toggle("kd-desk__drop--small", !isEmpty);
    document.title = page.title;
    if (keepPaper) this.markOpen();
    this.enhanceParts();
  }

  private enhanceParts(): void {
    for (const each of this.root.querySelectorAll<HTMLElement>(".kd-desk__without-script")) {
      each.hidden = true;
    }
  }

  /** The pile came for another open paper than the one that is being typed into. */
  private markOpen(): void {
    const own = this.root.querySelector<HTMLElement>("[data-desk-row]")?.dataset["deskRow"];
    for (const link of this.root.querySelectorAll<HTMLAnchorElement>("[data-desk-lines] a")) {
      const isOpen = link.search === `?draft=${own}`;
      link.toggleAttribute("aria-current", isOpen);
      if (isOpen) link.setAttribute("aria-current", "true");
      link.closest("li")!.toggleAttribute("data-open", isOpen);
    }
  }

  // ── Typing ────────────────────────────────────────────────────────────────────────────────

  private typed(event: Event): void {
    const field = event.target as HTMLInputElement;
    const form = field.closest<HTMLFormElement>("form[data-desk-row]");
    if (!form || field.name === "column") return;
    // What somebody typed is no proposal any more.
    field.removeAttribute("data-proposed");
    field.labels?.[0]?.querySelector(".kd-proposed")?.remove();
    this.unsaved = true;
    this.part("saved").textContent = this.words("textUnsaved");
    window.clearTimeout(this.timer);
    const decides = field.name === "kind";
    this.timer = window.setTimeout(() => void this.save(), decides ? 0 : PAUSE_BEFORE_SAVING);
  }

  /** Keep what was typed so far; proposals that nobody touched stay proposals. */
  private async save(): Promise<void> {
    window.clearTimeout(this.timer);
    await this.saving;
    const form = this.root.querySelector<HTMLFormElement>("form[data-desk-row]");
    if (!form || !this.unsaved) return;
    this.unsaved = false;
    const body = new FormData(form);
    for (const field of form.querySelectorAll<HTMLElement>("[data-proposed]")) {
      body.delete(field.dataset["proposed"]!);
    }
    const before = entries(form);
    this.saving = (async () => {
      const answer = await post(form.action, body);
      const isStill = form.isConnected;
      if (!answer?.ok) {
        this.unsaved = isStill;
        if (isStill) this.part("saved").textContent = this.words("textGaveUp");
        return;
      }
      this.show(answer.page, { keepPaper: true });
      if (!isStill) return;
      this.renew(form, answer.page, before);
      if (!this.unsaved) this.part("saved").textContent = this.words("textSaved");
    })();
    await this.saving;
  }

  /** The kind decides which fields there are: another form, with caret and typing kept. */
  private renew(form: HTMLFormElement, page: Document, before: Map<string, string>): void {
    const theirs = page.querySelector<HTMLFormElement>("form[data-desk-row]");
    if (!theirs || theirs.dataset["deskRow"] !== form.dataset["deskRow"]) return;
    const head = page.querySelector("[data-desk-head]");
    const ours = this.root.querySelector<HTMLElement>("[data-desk-head]");
    if (head && ours) swap(ours, document.importNode(head, true), "");
    const same = page.querySelector("[data-desk-same-part]");
    if (same && !form.querySelector("[data-desk-same-part]")) {
      form.append(document.importNode(same, true));
    }
    if (names(theirs).join() === names(form).join()) return;
    const focused = document.activeElement as HTMLInputElement | null;
    const id = focused && form.contains(focused) ? focused.id : "";
    const caret = focused?.selectionStart ?? null;
    const now = entries(form);
    const copy = document.importNode(theirs, true);
    form.replaceWith(copy);
    for (const [name, value] of now) {
      const field = copy.elements.namedItem(name);
      const typedSince = before.get(name) !== value;
      if (typedSince && field instanceof HTMLInputElement && field.type === "text") {
        field.value = value;
      }
    }
    this.enhanceParts();
    const again = id ? document.getElementById(id) : null;
    again?.focus();
    if (again instanceof HTMLInputElement && caret !== null) again.setSelectionRange(caret, caret);
  }

  // ── Pressing ──────────────────────────────────────────────────────────────────────────────

  private clicked(event: MouseEvent): void {
    const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-desk-open]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.began = true;
    void this.open(link.href, link.closest("[data-desk-pile]") ? "paper" : "");
  }

  private async open(address: string, _from: string): Promise<void> {
    await this.save();
    const answer = await post(address, undefined);
    if (!answer?.ok) return location.assign(address);
    this.show(answer.page);
    this.arriveAt(address);
  }

  /** Where the clerk goes on: at the first mistake, else at the first field of the form. */
  private arriveAt(address: string): void {
    history.replaceState(null, "", new URL(address).pathname + new URL(address).search);
    const summary = this.root.querySelector<HTMLElement>("[data-error-summary]");
    const first = this.root.querySelector<HTMLElement>("#family_name");
    const isReady = new URL(address).searchParams.get("done") === "ready";
    const target = summary ?? (isReady ? this.root.querySelector<HTMLElement>("#going") : first);
    const open = this.root.querySelector<HTMLElement>(".kd-line[data-open]");
    open?.scrollIntoView({ block: "nearest" });
    // With all of them ready the button to send them is next: it must not lie below the window.
    if (target?.id === "going") this.part("send").scrollIntoView({ block: "nearest" });
    if (target === first && !isReady) this.part("paper").scrollIntoView({ block: "nearest" });
    const stays = target === first && matchMedia("(min-width: 64rem)").matches;
    target?.focus({ preventScroll: stays || target?.id === "going" });
  }

  private submitted(event: SubmitEvent): void {
    const form = event.target as HTMLFormElement;
    const button = event.submitter as HTMLButtonElement | null;
    if (form.matches("[data-desk-files]")) return;
    event.preventDefault();
    if (form.matches("[data-desk-send-form]")) return void this.sendOut(form);
    if (this.root.inert) return;
    void this.press(form, button);
  }

  private async press(form: HTMLFormElement, button: HTMLButtonElement | null): Promise<void> {
    window.clearTimeout(this.timer);
    const isRow = form.matches("[data-desk-row]");
    const body = new FormData(form, button);
    // The button itself says that the form was looked at; what was typed last comes with it.
    if (isRow) this.unsaved = false;
    else await this.save();
    await this.saving;
    const address = button?.getAttribute("formaction") ?? form.getAttribute("action")!;
    const answer = await post(address, body);
    if (!answer) {
      this.unsaved = isRow;
      return this.say(this.words("textGaveUp"));
    }
    const fresh = isRow ? "" : (address.split("/")[2] ?? "");
    this.show(answer.page, { fresh });
    this.say(answer.page.querySelector(".kd-flash")?.textContent?.trim() ?? "");
    this.arriveAt(answer.ok ? answer.address : location.href);
  }

  // ── Papers go ─────────────────────────────────────────────────────────────────────────────

  /** One request for each paper, so that the bar counts what the server has confirmed. */
  private async sendOut(form: HTMLFormElement): Promise<void> {
    if (this.sendingOut) return;
    this.sendingOut = true;
    await this.save();
    const ids = new FormData(form).getAll("draft").map(String);
    const bar = form.querySelector("progress")!;
    this.part("outgoing").hidden = false;
    const button = form.querySelector<HTMLButtonElement>("button")!;
    button.setAttribute("aria-disabled", "true");
    const papers: string[] = [];
    const refusals = new Map<string, string>();
    const left = [...ids];
    const work = async (): Promise<void> => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        const body = new FormData();
        body.append("draft", id);
        body.append("then", "count");
        const answer = await post(form.action, body, { retries: true });
        const stored = answer?.page.querySelector<HTMLElement>("[data-stored]");
        const sent = answer?.ok && stored?.dataset["stored"];
        if (sent) papers.push(sent);
        else refusals.set(id, refusal(answer) ?? this.words("textGaveUp"));
        bar.value = papers.length;
        this.say(this.words("textOutgoing", { done: papers.length, all: ids.length }));
      }
    };
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, work));
    this.sendingOut = false;
    if (refusals.size === 0) return location.assign(`/desk/sent?papers=${papers.join(",")}`);
    await this.open("/desk", "");
    this.tellRefusals(refusals, ids.length);
  }

  private tellRefusals(refusals: Map<string, string>, all: number): void {
    const told = document.createElement("div");
    told.className = "kern-alert kern-alert--danger";
    told.setAttribute("role", "alert");
    told.tabIndex = -1;
    const body = document.createElement("div");
    body.className = "kern-alert__body";
    const sentence = document.createElement("p");
    sentence.className = "kern-body";
    sentence.textContent = this.words("textNotSent", { failed: refusals.size, all });
    const list = document.createElement("ul");
    for (const why of new Set(refusals.values())) {
      const item = document.createElement("li");
      item.className = "kern-body";
      item.textContent = why;
      list.append(item);
    }
    body.append(sentence, list);
    told.append(body);
    this.part("refused").replaceChildren(told);
    told.focus();
  }
}

function refusal(answer: Answer | undefined): string | undefined {
  const told = answer?.page.querySelector("[data-refusal]") ?? answer?.page.querySelector("main p");
  return told?.textContent ?? undefined;
}

function names(form: HTMLFormElement): string[] {
  const found = [...form.elements].map((field) => (field as HTMLInputElement).name);
  return [...new Set(found.filter((name) => name !== "" && name !== "column"))].sort();
}

function entries(form: HTMLFormElement): Map<string, string> {
  return new Map([...new FormData(form)].map(([name, value]) => [name, String(value)]));
}

/** Replace a part by its new self: pictures that are the same stay, as do ticks and the focus. */
function swap(ours: HTMLElement, theirs: Element, fresh: string): void {
  const pictures = new Map(
    [...ours.querySelectorAll("img")].map((image) => [image.getAttribute("src"), image]),
  );
  for (const image of theirs.querySelectorAll("img")) {
    const source = image.getAttribute("src") ?? "";
    const known = pictures.get(source);
    if (known && !(fresh && source.includes(fresh))) image.replaceWith(known);
  }
  for (const box of ours.querySelectorAll<HTMLInputElement>("[data-desk-lines] input:checked")) {
    const same = theirs.querySelector<HTMLInputElement>(`[id="${box.id}"]`);
    if (same) same.checked = true;
  }
  const focused = ours.contains(document.activeElement) ? document.activeElement : null;
  const list = ours.querySelector("[data-desk-lines]");
  const scrolled = list?.scrollTop ?? 0;
  const target = focused && findAgain(theirs, focused);
  ours.replaceChildren(...theirs.childNodes);
  const now = ours.querySelector("[data-desk-lines]");
  if (now) now.scrollTop = scrolled;
  target?.focus({ preventScroll: true });
}

function findAgain(theirs: Element, focused: Element): HTMLElement | null {
  if (focused.id) return theirs.querySelector<HTMLElement>(`[id="${focused.id}"]`);
  const address = focused.getAttribute("href");
  if (address) return theirs.querySelector<HTMLElement>(`a[href="${address}"]`);
  return theirs.querySelector<HTMLElement>(focused.tagName);
}
