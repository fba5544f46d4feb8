// A file of its own, so that the page needs no inline script.
import { init } from "../redoc/assets/redoc.standalone.js";

const documentation = document.getElementById("documentation");
init(documentation.dataset.url, { disableTelemetry: true }, documentation);
