/** Copies a link that is shown once, or a text; without a clipboard the field itself is there. */

export function enhanceCopying(): void {
  for (const part of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const field = part.querySelector<HTMLInputElement | HTMLTextAreaElement>("input, textarea");
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
