// The view of the record.

import { openSession } from "./session.js";

await openSession();
document.body.dataset.ready = "true";
