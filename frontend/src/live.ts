/**
 * Notices that something changed elsewhere, while somebody looks at the page.
 *
 * Asks for a version every few seconds, only while the page is seen and its reader is there: a
 * page left open must neither load the server nor keep a session alive for ever.
 */

const EVERY_MS = 15_000;
const READER_GONE_MS = 20 * 60_000;

/** Calls `changed` with each new version; it is asked again only when that has finished. */
export function watch(address: string, known: string, changed: () => Promise<void>): void {
  let version = known;
  let lastSign = Date.now();
  let timer = 0;

  const ask = async (): Promise<void> => {
    if (document.visibilityState === "visible" && Date.now() - lastSign < READER_GONE_MS) {
      const found = await versionAt(address);
      if (found === undefined) return;
      if (found !== "" && found !== version) {
        version = found;
        await changed();
      }
    }
    again();
  };
  const again = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), EVERY_MS);
  };
  const back = (): void => {
    const wasGone = Date.now() - lastSign >= READER_GONE_MS;
    lastSign = Date.now();
    if (wasGone) void ask();
  };

  for (const sign of ["pointerdown", "keydown", "wheel"]) {
    document.addEventListener(sign, back, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    lastSign = Date.now();
    window.clearTimeout(timer);
    void ask();
  });
  again();
}

/** The version now; "" when the line is broken; undefined when nobody is signed in any more. */
async function versionAt(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (response.redirected || response.status === 401 || response.status === 403) return undefined;
    if (!response.ok) return "";
    const { version } = (await response.json()) as { version?: unknown };
    return typeof version === "string" ? version : "";
  } catch {
    return "";
  }
}
