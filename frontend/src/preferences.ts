/**
 * Light or dark at once, without loading the page again. The form is sent all the same: the server
 * sets the cookie, so that the next page comes in the chosen colours without a flash.
 */

export function enhancePreferences(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-theme-form]");
  form?.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    document.documentElement.dataset["kernTheme"] = button.value;
    const body = new URLSearchParams();
    new FormData(form, button).forEach((value, name) => body.append(name, String(value)));
    void fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => undefined);
    // The pressed button has just been hidden; the focus goes on to the other one.
    [...form.querySelectorAll("button")].find((other) => other !== button)?.focus();
  });
}
