/** The provider's side in memory, new for each point. */
import { createMemoryDrop, type MemoryDrop, type MemoryDropOptions } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { FIRST_NIGHT, type ServerSide } from "./world.ts";

export function memoryServer(
  use: (transport: Transport) => void,
  options: Pick<MemoryDropOptions, "fault" | "isTaken"> = {},
): ServerSide {
  let drop: MemoryDrop;
  return {
    files: () => new Map([...drop.files].map(([path, { bytes }]) => [path, bytes])),
    taken: () => new Map([...drop.taken].map(([path, { bytes }]) => [path, bytes])),
    put: (path, bytes) => drop.put(path, bytes),
    restore: (files, taken) => {
      drop = createMemoryDrop({ ...options, now: () => FIRST_NIGHT });
      for (const [path, bytes] of files) drop.put(path, bytes);
      for (const [path, bytes] of taken) drop.taken.set(path, { bytes, modifiedAt: FIRST_NIGHT });
      use(drop.transport);
    },
  };
}
