/**
 * Keys of one letter, and the dialog that lists them. Letters count only outside of fields and can
 * be switched off (WCAG 2.1.4); arrows and Escape are always there.
 */

export type Keys = Readonly<Record<string, (event: KeyboardEvent) => boolean>>;

/** `letters` can be switched off, `always` cannot. Each says whether it did anything. */
export function listen(letters: Keys, always: Keys): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const known = always[pressed] ?? (lettersCount(event) ? letters[pressed] : undefined);
    if (known?.(event)) event.preventDefault();
  });
}

function lettersCount(event: KeyboardEvent): boolean {
  return !isTyping(event.target) && document.querySelector("[data-keys][data-keys-on]") !== null;
}

/** Whether what has the focus takes letters itself. */
export function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}

export function openKeys(): boolean {
  const dialog = document.querySelector<HTMLDialogElement>("dialog[data-keys]");
  dialog?.showModal();
  return dialog !== null;
}
