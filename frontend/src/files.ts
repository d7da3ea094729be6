/**
 * The file field: drop, paste, several photographs one after the other, a list of what is chosen.
 * The <input> stays the only place where the files are, so that the form works as it stands.
 */

export interface FileField {
  /** What is chosen now, in the order of the pages. */
  chosen(): File[];
  /** Choose these, as after the server has sent the form back. */
  choose(files: File[]): void;
}

export function enhanceFiles(form: HTMLFormElement): FileField | undefined {
  const input = form.querySelector<HTMLInputElement>("input[type=file]");
  const list = form.querySelector<HTMLElement>("[data-files]");
  const zone = form.querySelector<HTMLElement>("[data-drop]");
  if (!input || !list || !zone) return undefined;
  let chosen: File[] = [];

  const choose = (files: File[]): void => {
    chosen = files;
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files;
    show(files, list, form, (index) => {
      choose(chosen.filter((_, position) => position !== index));
      input.focus();
    });
  };
  const add = (files: File[]): void => {
    if (files.length > 0) choose(together(chosen, files));
  };

  input.addEventListener("change", () => add([...(input.files ?? [])]));
  acceptDrops(zone, add);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !form.isConnected) return;
    event.preventDefault();
    add(files);
  });
  return { chosen: () => chosen, choose };
}

/** Photographs are pages of one paper and add up; a PDF is a paper of its own and replaces. */
function together(before: File[], now: File[]): File[] {
  const photographs = [...before, ...now].every((file) => file.type.startsWith("image/"));
  return photographs ? [...before, ...now] : now;
}

export function acceptDrops(zone: HTMLElement, add: (files: File[]) => void): void {
  const carriesFiles = (event: DragEvent): boolean =>
    event.dataTransfer?.types.includes("Files") ?? false;
  for (const name of ["dragenter", "dragover"] as const) {
    zone.addEventListener(name, (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      zone.classList.add("kd-drop--over");
    });
  }
  zone.addEventListener("dragleave", (event) => {
    if (event.relatedTarget instanceof Node && zone.contains(event.relatedTarget)) return;
    zone.classList.remove("kd-drop--over");
  });
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("kd-drop--over");
    if (!carriesFiles(event)) return;
    event.preventDefault();
    add([...(event.dataTransfer?.files ?? [])]);
  });
}

function show(
  files: File[],
  list: HTMLElement,
  form: HTMLFormElement,
  remove: (index: number) => void,
): void {
  const words = form.dataset;
  list.hidden = files.length === 0;
  list.replaceChildren(
    ...files.map((file, index) => {
      const item = document.createElement("li");
      const name = document.createElement("bdi");
      name.textContent = file.name;
      const size = document.createElement("span");
      size.className = "kd-number kd-muted";
      size.textContent = readableSize(file.size);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "kern-btn kern-btn--tertiary kern-btn--x-small";
      const label = document.createElement("span");
      label.className = "kern-label";
      label.textContent = words["textRemove"] ?? "×";
      button.setAttribute("aria-label", `${label.textContent}: ${file.name}`);
      button.append(label);
      button.addEventListener("click", () => remove(index));
      item.append(name, size, button);
      return item;
    }),
  );
  const note = form.querySelector<HTMLElement>("[data-too-large]");
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (note) note.hidden = total <= Number(words["bytesMax"] ?? Infinity);
}

function readableSize(bytes: number): string {
  const language = document.documentElement.lang;
  const [value, unit] = bytes < 1024 * 1024 ? [bytes / 1024, "KiB"] : [bytes / 1048576, "MiB"];
  const digits = value < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${unit}`;
}
