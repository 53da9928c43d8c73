// A file deleted from src must not live on in dist, where the packed program would still find it.
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
