/** Moves or deletes result files on the server, where the profile says so, and only those whose very bytes are ours. */
import { posix } from "node:path";
import { isProblem } from "../domain/problem.ts";
import type { RemoteDrop } from "../transport/transport.ts";
import type { PipelineContext } from "./context.ts";
import { passStep } from "./steps.ts";

/** For one look into the outbound folder. */
export class OutboundClearing {
  readonly #context: PipelineContext;
  readonly #drop: RemoteDrop;
  /** A server that refused once is not asked again for each file of a year. */
  #wasRefused = false;

  constructor(context: PipelineContext, drop: RemoteDrop) {
    this.#context = context;
    this.#drop = drop;
  }

  /** Call it only once the file is archived and recorded. */
  async clear(name: string): Promise<void> {
    const { afterCollect } = this.#context.profile.results;
    if (afterCollect === "leave" || this.#wasRefused) return;
    try {
      if (afterCollect === "delete") await this.#drop.remove(this.#pathOf(name));
      else await this.#drop.rename(this.#pathOf(name), posix.join(afterCollect.moveTo, name));
      passStep("collect.remote_cleared");
    } catch (error) {
      // It is safely ours; that it still lies there only means that it will be seen again.
      this.#noteRefusal(name, error);
    }
  }

  /**
   * A collected file that lies there still: an earlier run was cut off, or refused, before it could clear it. False: only
   * its name, size and time are those of what was collected, so it has yet to be taken.
   */
  async clearAgain(name: string, sha256: string): Promise<boolean> {
    if (this.#context.profile.results.afterCollect === "leave" || this.#wasRefused) return true;
    try {
      if ((await this.#drop.hash(this.#pathOf(name))).sha256 !== sha256) return false;
    } catch (error) {
      this.#noteRefusal(name, error);
    }
    await this.clear(name);
    return true;
  }

  #pathOf(name: string): string {
    return posix.join(this.#context.merchant.outbound, name);
  }

  #noteRefusal(name: string, error: unknown): void {
    if (!isProblem(error, "permission_denied", "remote_failed", "remote_folder_missing")) throw error;
    this.#wasRefused = true;
    this.#context.note(`${name} was collected but could not be cleared from the outbound folder: ${error.message}`);
  }
}
