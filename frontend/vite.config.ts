/**
 * Builds what the pages load: one script, one style sheet, two fonts, with hashed names and a
 * manifest from which the server takes them. There is no development server: `npm run dev` only
 * builds again, so that pages, origin and content security policy are always the real ones.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { PurgeCSS } from "purgecss";
import { defineConfig, type Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const KERN = here("node_modules/@kern-ux/native/dist/kern.css");

function sources(): string[] {
  return ["templates", "src"].flatMap((folder) =>
    readdirSync(here(folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(html|ts)$/.test(name))
      .map((name) => join(here(folder), name)),
  );
}

/** Our own style sheets; what they take from KERN must stay. */
function ownStyles(): string[] {
  return readdirSync(here("src"))
    .filter((name) => name.endsWith(".css"))
    .map((name) => here(`src/${name}`));
}

/** Whole words, and what the macros make of them: `icon("mail")` means `kern-icon--mail`. */
function classes(text: string): string[] {
  const words = text.match(/[\w-]+/g) ?? [];
  const made = ["icon", "badge", "alert", "btn"].flatMap((part) =>
    words.map((word) => `kern-${part}--${word}`),
  );
  return [...words, ...made];
}

/**
 * The rule that gives a page its colours has a selector for more than we use, which PurgeCSS takes
 * for unused. It is said again for <body> alone; when KERN changes it, the build must say so.
 */
function onBody(css: string): string {
  const selector =
    ":is(body, .kern-light, .kern-dark, [data-kern-theme=light], [data-kern-theme=dark])" +
    ":not([class*=kern-level-])";
  if (!css.includes(selector)) throw new Error(`kern.css has no rule for ${selector} any more`);
  return css.replace(selector, "body");
}

/** Tokens build on tokens, so it goes round until nothing falls away any more. */
function withoutUnusedTokens(css: string, ours: string): string {
  const used = new Set(`${css} ${ours}`.match(/(?<=var\(\s*)--[\w-]+/g));
  const kept = css.replace(/(?<=[;{\s])(--[\w-]+)\s*:[^;{}]*;/g, (rule, name: string) =>
    used.has(name) ? rule : "",
  );
  return kept === css ? css : withoutUnusedTokens(kept, ours);
}

/**
 * KERN whole is 340 KB, and a page uses a tenth of it. This keeps the rules whose classes occur in
 * our templates and scripts, and puts them into a layer of their own, under ours. It happens when
 * the sheet is loaded, not after the build, so that the hash in the file's name fits its content.
 */
function kernInUse(): Plugin {
  const id = "virtual:kern.css";
  return {
    name: "kern-in-use",
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    async load(source) {
      if (source !== `\0${id}`) return undefined;
      const files = sources();
      for (const file of [...files, ...ownStyles(), KERN]) this.addWatchFile(file);
      const css = onBody(readFileSync(KERN, "utf8").replace(/@charset[^;]*;/, ""));
      const [used] = await new PurgeCSS().purge({
        content: files.map((file) => ({ raw: readFileSync(file, "utf8"), extension: "html" })),
        css: [{ raw: css }],
        defaultExtractor: classes,
        // Elements are no words of a template.
        safelist: ["html", "body", "bdi"],
      });
      const ours = ownStyles().map((file) => readFileSync(file, "utf8")).join("\n");
      if (!used) throw new Error("PurgeCSS returned nothing for kern.css");
      // "Important" turns the order of layers round: only an earlier layer beats KERN's own.
      return `@layer kd-first, kern, kd; @layer kern { ${withoutUnusedTokens(used.css, ours)} }`;
    },
  };
}

/**
 * The server sends these copies to browsers that take them, so that no request pays for packing.
 * Fonts are packed already.
 */
function packedCopies(): Plugin {
  return {
    name: "packed-copies",
    closeBundle() {
      const dist = here("dist");
      for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
        if (!/\.(css|js|svg)$/.test(name)) continue;
        const content = readFileSync(join(dist, name));
        writeFileSync(join(dist, `${name}.br`), brotliCompressSync(content));
        writeFileSync(join(dist, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: "/static/",
  publicDir: here("public"),
  plugins: [kernInUse(), packedCopies()],
  build: {
    outDir: here("dist"),
    emptyOutDir: true,
    manifest: "manifest.json",
    // Everything is a file of its own: the policy allows no data: fonts, and caches work better.
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: { input: { main: here("src/main.ts") } },
  },
});
