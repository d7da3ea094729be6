/** Copies a link that is shown once; without a clipboard the field itself is there to copy from. */

export function enhanceCopying(): void {
  for (const part of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const field = part.querySelector("input");
    const button = part.querySelector("button");
    const told = part.querySelector<HTMLElement>("[data-copied]");
    if (!field || !button || !told || !navigator.clipboard) continue;
    field.addEventListener("focus", () => field.select());
    button.parentElement?.removeAttribute("hidden");
    button.addEventListener("click", () => {
      void navigator.clipboard.writeText(field.value).then(() => {
        told.textContent = told.dataset.copied ?? "";
      });
    });
  }
}
