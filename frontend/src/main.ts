/** What every page loads. Each module finds its own elements and does nothing without them. */
import "virtual:kern.css";
import "./app.css";
import { enhanceCopying } from "./copying";
import { enhanceMenus } from "./menus";
import { enhancePreferences } from "./preferences";
import { enhanceSending } from "./sending";

enhanceCopying();
enhanceMenus();
enhancePreferences();
enhanceSending(document);
