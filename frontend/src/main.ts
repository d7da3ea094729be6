/** What every page loads. Each module finds its own elements and does nothing without them. */
import "virtual:kern.css";
import "./app.css";
import "./requests.css";
import "./follow_ups.css";
import "./sending.css";
import "./document.css";
import "./inbox.css";
import "./help.css";
import "./numbers.css";
import "./mail.css";
import "./integrity.css";
import "./paces.css";
import "./reminders.css";
import "./print.css";
import { enhanceCopying } from "./copying";
import { enhanceInbox } from "./inbox";
import { enhanceDesk } from "./desk";
import { enhanceMenus } from "./menus";
import { enhancePreferences } from "./preferences";
import { enhanceSending } from "./sending";

enhanceCopying();
enhanceDesk();
enhanceInbox();
enhanceMenus();
enhancePreferences();
enhanceSending(document);
