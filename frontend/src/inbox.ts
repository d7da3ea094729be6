/**
 * The inbox without loading the page again: preview, filters, settling, undoing, what comes in.
 *
 * Everything is a form or a link first. The script sends the same ones and puts the parts of the
 * page that comes back where they belong. The list in the page is the only state there is.
 */
import { isTyping, listen, openKeys } from "./keyboard";
import { watch } from "./live";

const WIDE = "(min-width: 62rem)";
/** Whoever walks down the list with a key does not read every paper on the way. */
const REST_MS = 250;

const root = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-inbox]");
const find = <E extends HTMLElement>(selector: string): E | null =>
  root()?.querySelector<E>(selector) ?? null;
const rows = (): HTMLElement[] => [...(root()?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
const idOf = (row: HTMLElement): string => row.dataset["row"] ?? "";
const linkOf = (row: HTMLElement): HTMLElement | null => row.querySelector("a");
const boxOf = (row: HTMLElement): HTMLInputElement | null => row.querySelector("input");
const boxes = (): HTMLInputElement[] =>
  rows().flatMap((row) => boxOf(row) ?? []);
const ticked = (): HTMLInputElement[] => boxes().filter((box) => box.checked);
const rowOf = (id: string): HTMLElement | undefined => rows().find((row) => idOf(row) === id);
const shownId = (): string => find("[data-pane]")?.dataset["shown"] ?? "";

export function enhanceInbox(): void {
  const page = root();
  if (!page?.dataset["version"]) return;
  prepare();
  document.addEventListener("click", clicked);
  document.addEventListener("submit", submitted);
  document.addEventListener("change", changed);
  // A jump within the page, as to its main part, is no way back.
  window.addEventListener("popstate", () => {
    if (location.pathname + location.search !== address) location.reload();
  });
  listenToKeys();
  watch("/inbox/version", page.dataset["version"], refresh);
}

/** What the address bar says, as far as the server knows it. */
let address = location.pathname + location.search;

function stand(url: string | URL, how: "pushState" | "replaceState" = "replaceState"): void {
  history[how](null, "", url);
  address = location.pathname + location.search;
}

/** What a freshly arrived page needs before it can be used. */
function prepare(): void {
  tell();
  countDown();
}

// ── Saying what happened ──────────────────────────────────────────────────────────────────────

function say(text: string | undefined): void {
  const place = find("[data-said]");
  if (!place || !text) return;
  place.textContent = "";
  // Two steps, so that the same words are read out twice when they happen twice.
  window.setTimeout(() => {
    place.textContent = text;
  }, 50);
}

function counted(text: string | undefined, count: number): string {
  return (text ?? "").replace("{count}", String(count));
}

/** How many are ticked, and whether anything can be done with them. */
function tell(): void {
  const count = ticked().length;
  const place = find("[data-ticked]");
  const { zero, one, many } = place?.dataset ?? {};
  const text = count === 0 ? zero : count === 1 ? one : counted(many, count);
  // What stands there already is not said again.
  if (place && place.textContent !== (text ?? "")) place.textContent = text ?? "";
  for (const button of root()?.querySelectorAll("button") ?? []) {
    if ("manyAction" in button.dataset) button.disabled = count === 0;
  }
  const all = find("[data-tick-all]");
  if (all) {
    const every = count > 0 && count === boxes().length;
    all.textContent = (every ? all.dataset["none"] : all.dataset["all"]) ?? "";
    all.setAttribute("role", "button");
  }
}

// ── Fetching and putting in place ─────────────────────────────────────────────────────────────

async function fetched(url: string, init: RequestInit = {}): Promise<[Document, string] | null> {
  try {
    const response = await fetch(url, { ...init, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (page.querySelector("[data-inbox], [data-pane]")) return [page, response.url];
    // Signed out meanwhile, or an error: that page says more than a line here could.
    if (response.redirected && !response.url.includes("/inbox")) location.assign(response.url);
    return null;
  } catch {
    return null;
  }
}

/** The whole inbox anew. The focus goes to the paper that is shown now, else to the first one. */
function swap(page: Document, url: string, focus: "row" | "keep"): void {
  const old = root();
  const next = page.querySelector<HTMLElement>("[data-inbox]");
  const said = find("[data-said]");
  if (!old || !next) return;
  const focused = focus === "keep" ? markOf(document.activeElement) : "";
  if (said) next.querySelector("[data-said]")?.replaceWith(said);
  next.classList.add("kd-inbox--swapped");
  old.replaceWith(next);
  swapNavigation(page);
  const clean = new URL(url);
  for (const name of ["done", "undo"]) clean.searchParams.delete(name);
  if (clean.pathname !== "/inbox") {
    clean.pathname = "/inbox";
    clean.search = next.dataset["list"] ?? "";
  }
  stand(clean);
  prepare();
  say(find("[data-notice] .kern-title")?.textContent ?? "");
  const same = focused ? document.getElementById(focused) : null;
  (same ?? landing())?.focus({ preventScroll: same !== null });
}

function markOf(element: Element | null): string {
  return element?.id ?? "";
}

/** Where the focus goes when what had it is gone. */
function landing(): HTMLElement | null {
  const row = rowOf(shownId()) ?? rows()[0];
  if (row) return linkOf(row);
  const heading = find("h1");
  heading?.setAttribute("tabindex", "-1");
  return heading;
}

function swapNavigation(page: Document): void {
  for (const selector of [".kd-nav ul", "[data-tabs] ul"]) {
    const old = document.querySelector(selector);
    const next = page.querySelector(selector);
    if (old && next && !old.contains(document.activeElement)) old.replaceWith(next);
  }
  // The answer to a form stands at no address of its own.
  document.querySelector('.kd-nav a[href="/inbox"]')?.setAttribute("aria-current", "page");
}

async function post(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  const body = new URLSearchParams();
  new FormData(form, submitter).forEach((value, name) => body.append(name, String(value)));
  form.setAttribute("aria-busy", "true");
  // Not form.action: that is the button of this name, where there is one.
  const found = await fetched(form.getAttribute("action") ?? "", { method: "POST", body });
  form.removeAttribute("aria-busy");
  if (found) swap(...found, "row");
  else say(root()?.dataset["saidFailed"]);
}

// ── Preview ───────────────────────────────────────────────────────────────────────────────────

let asked = new AbortController();
let resting = 0;

function select(row: HTMLElement): void {
  for (const other of rows()) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
}

/** Show this paper beside the list; with `enter` the focus goes there, too. */
async function preview(row: HTMLElement, enter = false): Promise<void> {
  window.clearTimeout(resting);
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  select(row);
  const pane = find("[data-pane]");
  const list = root()?.dataset["list"] ?? "";
  pane?.setAttribute("aria-busy", "true");
  const found = await fetched(`/deliveries/${idOf(row)}/preview?${list}`, { signal });
  if (signal.aborted) return;
  pane?.removeAttribute("aria-busy");
  const next = found?.[0].querySelector<HTMLElement>("[data-pane]");
  if (!next) return say(root()?.dataset["saidGone"]);
  find("[data-pane]")?.replaceWith(next);
  stand(`/inbox?${list}&show=${idOf(row)}`);
  row.classList.remove("kd-mail--unread");
  if (enter) next.querySelector<HTMLElement>("#preview-title")?.focus();
}

/** One paper further down (1) or up (-1); it is shown as soon as the walk rests. */
function walk(step: number): boolean {
  const all = rows();
  const here = all.findIndex(
    (row) => row.contains(document.activeElement) || idOf(row) === shownId(),
  );
  const focused = all.findIndex((row) => row.contains(document.activeElement));
  const from = focused >= 0 ? focused : here;
  const row = from < 0 ? all[0] : all[from + step];
  if (!row) {
    say(step > 0 ? root()?.dataset["saidEnd"] : root()?.dataset["saidStart"]);
    return true;
  }
  linkOf(row)?.focus();
  row.scrollIntoView({ block: "nearest" });
  if (matchMedia(WIDE).matches) {
    select(row);
    window.clearTimeout(resting);
    resting = window.setTimeout(() => void preview(row), REST_MS);
  }
  return true;
}

// ── What people do ────────────────────────────────────────────────────────────────────────────

function clicked(event: MouseEvent): void {
  const target = event.target instanceof Element ? event.target : null;
  if (!target || event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (target.closest("[data-keys-open]")) return void openKeys();
  if (target.closest("[data-keys-close]")) return target.closest("dialog")?.close();
  if (target.closest("[data-tick-all]")) {
    event.preventDefault();
    return tickAll();
  }
  const row = target.closest("a")?.closest<HTMLElement>("[data-row]");
  if (row && matchMedia(WIDE).matches) {
    event.preventDefault();
    // Enter and a screen reader's click come without a pointer: they want to be led there.
    void preview(row, event.detail === 0);
  }
}

function tickAll(): void {
  const every = boxes().every((box) => box.checked);
  for (const box of boxes()) box.checked = !every;
  tell();
}

function changed(event: Event): void {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (target?.matches("input[name=delivery]")) tell();
  const filter = target?.closest<HTMLFormElement>("form[data-filter]");
  if (filter) void narrow(filter);
}

async function narrow(form: HTMLFormElement): Promise<void> {
  const query = new URLSearchParams();
  new FormData(form).forEach((value, name) => {
    if (value !== "") query.append(name, String(value));
  });
  const wanted = `/inbox?${query}`;
  const found = await fetched(wanted);
  if (!found) return location.assign(wanted);
  stand(wanted, "pushState");
  swap(...found, "keep");
  sayFound();
}

/** A search is no page of its own: going back from a paper must not ask to send the name again. */
async function seek(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  await post(form, submitter);
  sayFound();
  // Nobody found: whoever mistyped goes on typing.
  if (rows().length === 0) find<HTMLInputElement>("#name")?.select();
}

/** How many papers the list shows now, or why there are none. */
function sayFound(): void {
  const none = find("[data-list-part] .kd-empty .kern-title");
  say((none ?? find("[data-ticked]"))?.textContent ?? "");
}

function submitted(event: SubmitEvent): void {
  const form = event.target instanceof HTMLFormElement ? event.target : null;
  if (!form || event.defaultPrevented || !root()?.contains(form)) return;
  const { submitter } = event;
  if (form.matches("[data-many]")) {
    // A download is left to the browser, which stays on the page for it.
    if (submitter?.dataset["manyAction"] === "download") return;
    event.preventDefault();
    const shown = form.elements.namedItem("show");
    if (shown instanceof HTMLInputElement) shown.value = shownId();
    if (ticked().length === 0) return say(form.dataset["noneTicked"]);
    return void post(form, submitter);
  }
  if (form.matches("[data-search]")) {
    event.preventDefault();
    return void seek(form, submitter);
  }
  if (form.matches("[data-settle], [data-undo]")) {
    const next = form.elements.namedItem("next");
    if (next instanceof HTMLInputElement) next.value = following();
    event.preventDefault();
    void post(form, submitter);
  }
}

/** The paper to go on with when the shown one leaves the list: the one below it, else above. */
function following(): string {
  const all = rows();
  const here = all.findIndex((row) => idOf(row) === shownId());
  const row = here < 0 ? undefined : (all[here + 1] ?? all[here - 1]);
  return row ? idOf(row) : "";
}

// ── Undoing, as long as it goes ───────────────────────────────────────────────────────────────

let ticking = 0;
let leaving = 0;
/** Long enough to read a sentence twice; it was read out, too. */
const SAID_MS = 8000;

function countDown(): void {
  window.clearInterval(ticking);
  window.clearTimeout(leaving);
  const form = find<HTMLFormElement>("form[data-undo]");
  const place = form?.querySelector<HTMLElement>("[data-undo-left]");
  if (!form || !place) return leaveSoon();
  const end = Date.now() + Number(form.dataset["undo"]) * 1000;
  const text = place.dataset["undoLeft"] ?? "";
  // Not read out: every second would be spoken.
  place.setAttribute("aria-hidden", "true");
  const show = (): void => {
    const left = Math.ceil((end - Date.now()) / 1000);
    place.textContent = text.replace("{seconds}", String(Math.max(0, left)));
    if (left > 0) return;
    window.clearInterval(ticking);
    leave(form.closest<HTMLElement>(".kd-flash"), form);
  };
  show();
  ticking = window.setInterval(show, 250);
}

/** What went well lies over the list: it must not stay there until the next deed. */
function leaveSoon(): void {
  const message = find("[data-notice] .kd-flash:has(.kern-alert--success)");
  if (!message || !root()?.matches(".kd-inbox--swapped")) return;
  leaving = window.setTimeout(() => {
    if (!message.querySelector("a, button, .kd-results")) message.remove();
  }, SAID_MS);
}

/** Take the message away when it is all said; what did not go well stays. */
function leave(message: HTMLElement | null, form: HTMLElement): void {
  const hadFocus = message?.contains(document.activeElement) ?? false;
  if (message?.querySelector(".kd-results") || !root()?.matches(".kd-inbox--swapped")) form.remove();
  else message?.remove();
  if (hadFocus) landing()?.focus();
}

// ── What comes in by itself ───────────────────────────────────────────────────────────────────

/** The list as it is now, under the reader's hands: focus, ticks, place and preview stay. */
async function refresh(): Promise<void> {
  const page = root();
  if (!page || "searched" in page.dataset) return say(page?.dataset["saidChanged"]);
  const found = await fetched(`/inbox/list?${page.dataset["list"] ?? ""}`);
  const next = found?.[0].querySelector<HTMLElement>("[data-inbox]");
  if (!found || !next || root() !== page) return;
  const before = rows().map(idOf);
  const claimed = claimOf(shownId());
  const place = page.querySelector("[data-list-part]");
  const part = next.querySelector("[data-list-part]");
  if (place && part && (page.querySelector("[data-pane]") || !next.querySelector("[data-pane]"))) {
    keepingPlace(() => place.replaceChildren(...part.childNodes));
    swapNavigation(found[0]);
  } else {
    swap(found[0], location.href, "keep");
  }
  const came = rows().filter((row) => !before.includes(idOf(row)));
  for (const row of came) row.classList.add("kd-mail--came");
  if (came.length > 0 && !page.dataset["list"]?.includes("after=")) {
    say(came.length === 1 ? page.dataset["saidOne"] : counted(page.dataset["saidNew"], came.length));
  }
  const shown = shownId();
  if (shown && (!rowOf(shown) !== !before.includes(shown) || claimOf(shown) !== claimed)) {
    await renewHead(shown);
  }
}

function claimOf(id: string): string {
  return rowOf(id)?.querySelector(".kern-badge--neutral")?.textContent?.trim() ?? "";
}

/** What can be done with the shown paper, without loading its pages again. */
async function renewHead(id: string): Promise<void> {
  const list = root()?.dataset["list"] ?? "";
  const found = await fetched(`/deliveries/${id}/preview?${list}`);
  const head = find("[data-pane-head]");
  if (shownId() !== id || !head || isTyping(document.activeElement)) return;
  const hadFocus = head.contains(document.activeElement);
  const next = found?.[0].querySelector("[data-pane-head]");
  if (next) head.replaceWith(next);
  else say(root()?.dataset["saidGone"]);
  if (hadFocus) find("#preview-title")?.focus();
}

function keepingPlace(change: () => void): void {
  const active = document.activeElement;
  const focused = active?.closest<HTMLElement>("[data-row]");
  const hadList = find("[data-list-part]")?.contains(active) ?? false;
  const isBox = active instanceof HTMLInputElement;
  const marks = new Set(ticked().map((box) => box.value));
  const current = rows().find((row) => row.hasAttribute("aria-current"));
  const anchor = focused ?? rows().find((row) => row.getBoundingClientRect().bottom > 0);
  const top = anchor?.getBoundingClientRect().top ?? 0;
  change();
  for (const box of boxes()) box.checked = marks.has(box.value);
  const shown = current && rowOf(idOf(current));
  if (shown) select(shown);
  const again = focused && rowOf(idOf(focused));
  if (again) (isBox ? boxOf(again) : linkOf(again))?.focus({ preventScroll: true });
  else if (hadList) landing()?.focus({ preventScroll: true });
  const moved = anchor && rowOf(idOf(anchor));
  // Only when the list was scrolled: at its top the news are what one wants to see.
  if (moved && window.scrollY > 0) {
    window.scrollBy({ top: moved.getBoundingClientRect().top - top, behavior: "instant" });
  }
  tell();
}

// ── Keys ──────────────────────────────────────────────────────────────────────────────────────

function press(selector: string): boolean {
  const button = find(selector);
  button?.click();
  return button !== null;
}

/** The same for all ticked ones, or else for the shown one. */
function act(many: string, one: string): () => boolean {
  return () => press(ticked().length > 0 ? many : one);
}

function openReturn(): boolean {
  const isMany = ticked().length > 0;
  const fold = find<HTMLDetailsElement>(isMany ? "[data-many-return]" : "[data-returning]");
  if (!fold) return false;
  fold.open = true;
  fold.querySelector("select")?.focus();
  return true;
}

function tick(): boolean {
  const row =
    rows().find((each) => each.contains(document.activeElement)) ?? rowOf(shownId());
  const box = row && boxOf(row);
  box?.click();
  return box !== undefined && box !== null;
}

function inList(event: KeyboardEvent): boolean {
  return event.target instanceof Element && event.target.closest("[data-row]") !== null;
}

/** From the preview, or from a field, back to the list. */
function backToList(event: KeyboardEvent): boolean {
  const from = event.target instanceof Element ? event.target : null;
  if (!from?.closest("[data-pane], [data-search], [data-filter], [data-many-return]")) return false;
  find<HTMLDetailsElement>("[data-many-return]")?.removeAttribute("open");
  landing()?.focus();
  return true;
}

function listenToKeys(): void {
  const many = (action: string): string => `[data-many] button[value="${action}"]:not(:disabled)`;
  listen(
    {
      j: () => walk(1),
      k: () => walk(-1),
      x: tick,
      a: () => (tickAll(), true),
      u: act(many("take_over"), '[data-settle="take_over"] button'),
      r: openReturn,
      b: act(many("claim"), '[data-settle="claim"] button, [data-settle="unclaim"] button'),
      d: act('[data-many-action="download"]:not(:disabled)', "[data-download]"),
      z: () => press("form[data-undo] button"),
      "/": () => (find("[data-search] input[name=name]")?.focus(), true),
      "?": openKeys,
    },
    {
      ArrowDown: (event) => inList(event) && walk(1),
      ArrowUp: (event) => inList(event) && walk(-1),
      Escape: backToList,
    },
  );
}
