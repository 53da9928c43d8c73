/**
 * The network and the far side's disk: the drop in memory, with requests that are lost or refused by a seed's dice, a
 * provider that may take files at any moment, and strangers who use the same folder. It watches every file that becomes
 * whole under a final name; what it saw is the truth about what was sent.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Instant } from "../../src/domain/instant.ts";
import { createMemoryDrop, type MemoryDrop, type MemoryFault, type MemoryRequest } from "../../src/transport/memory.ts";
import type { Dice } from "./dice.ts";
import type { Gate } from "./gate.ts";

/** A batch file that became whole under its final name. */
export interface Arrival {
  readonly name: string;
  readonly bytes: string;
  readonly sha256: string;
  readonly at: Instant;
}

export interface ServerManners {
  /** What the provider does with a whole file: takes it at once, takes it some time, or reads it where it lies. */
  readonly pickUp: "at_once" | "some_time" | "leaves";
  readonly strangers: number;
  /** No temporary names: the final one is written at once. */
  readonly isDirect: boolean;
  /** Several batches share a connection, and their requests take a while. */
  readonly isShared: boolean;
}

const FAULT_CODES = ["remote_unreachable", "remote_unreachable", "remote_failed", "permission_denied"] as const;

export class SimServer {
  readonly drop: MemoryDrop;
  readonly arrivals: Arrival[] = [];
  /** Whole files that the provider has seen. */
  readonly received: Arrival[] = [];
  /** Names of batches of which something happened that a look may not be able to tell. */
  readonly excused = new Set<string>();
  readonly violations: string[] = [];
  /** Work of the far side that may come between any two requests. */
  meanwhile: () => void = () => {};
  /** Connections that were lost so far, with all that was on its way over them. */
  lostConnections = 0;
  readonly uploadBegunAt = new Map<string, Instant>();
  readonly #dice: Dice;
  readonly #gate: Gate;
  readonly #now: () => Instant;
  readonly #manners: ServerManners;
  readonly #strangers = new Map<string, string>();
  #seen = 0;

  constructor(dice: Dice, gate: Gate, now: () => Instant, manners: ServerManners) {
    this.#dice = dice;
    this.#gate = gate;
    this.#now = now;
    this.#manners = manners;
    this.drop = createMemoryDrop({
      now,
      ...(manners.isShared ? { travel: () => travel(this.#dice) } : {}),
      readLocal: readAtOnce,
      fault: (request) => {
        const fault = this.#answer(request);
        if (fault?.code === "remote_unreachable") this.lostConnections += 1;
        return fault;
      },
      onAnswerLost: ({ operation, path }) => {
        if (operation === "rename" || isFinalPath(path)) this.excused.add(finalNameOf(path));
      },
      isTaken: (path) => this.#isTaken(path),
    });
  }

  /** The provider looks into the folder. */
  pickUp(): void {
    for (const arrival of this.arrivals.slice(this.#seen)) {
      this.received.push(arrival);
      if (this.#manners.pickUp !== "leaves") this.drop.files.delete(pathOf(arrival.name));
    }
    this.#seen = this.arrivals.length;
  }

  /** Somebody tidies the folder, and takes unfinished files for rubbish. */
  tidy(): void {
    for (const path of [...this.drop.files.keys()]) {
      if (!path.endsWith(".part")) continue;
      this.drop.files.delete(path);
      this.excused.add(finalNameOf(path));
    }
  }

  /** A file that is whole although nobody closed it: its connection was lost after the last byte. */
  recognise(name: string, sha256: string | undefined): void {
    const bytes = this.drop.files.get(pathOf(name))?.bytes.toString();
    if (bytes === undefined || this.#hasArrived(name) || hashOf(bytes) !== sha256) return;
    this.arrivals.push({ name, bytes, sha256, at: this.#now() });
  }

  checkStrangers(): void {
    for (const [path, bytes] of this.#strangers) {
      const found = this.drop.files.get(path)?.bytes.toString();
      if (found !== bytes) this.violations.push(`a stranger's file ${path} was ${found ? "changed" : "removed"}`);
    }
  }

  #answer(request: MemoryRequest): MemoryFault | undefined {
    this.#gate.pass();
    if (this.#dice.chance(0.05)) this.meanwhile();
    if (this.#manners.pickUp === "some_time" && this.#dice.chance(0.15)) this.pickUp();
    this.#watch(request);
    const { networkFaults, commitFaults } = this.#gate.trouble;
    const commits = request.operation === (this.#manners.isDirect ? "close" : "rename");
    if (commits && commitFaults > 0 && this.#dice.chance(commitFaults)) return this.#loseCommit(request.path);
    if (networkFaults === 0 || !this.#dice.chance(networkFaults)) return undefined;
    if (request.operation === "rename") this.excused.add(finalNameOf(request.path));
    if (isFinalPath(request.path)) this.excused.add(finalNameOf(request.path));
    if (request.operation === "connect") {
      return { code: this.#dice.pick(["remote_unreachable", "authentication_refused"]), when: "before" };
    }
    return { code: this.#dice.pick(FAULT_CODES), when: this.#dice.chance(0.5) ? "before" : "after" };
  }

  #loseCommit(path: string): MemoryFault {
    this.excused.add(finalNameOf(path));
    if (this.#dice.chance(0.3)) this.#gate.kill();
    const code = this.#dice.pick(["remote_unreachable", "remote_unreachable", "remote_failed"] as const);
    return { code, when: this.#dice.pick(["before", "after", "after"] as const) };
  }

  #watch({ operation, path }: MemoryRequest): void {
    const name = finalNameOf(path);
    if (operation === "create") this.uploadBegunAt.set(name, this.#now());
    if (operation === "remove" && isFinalPath(path)) this.violations.push(`a final name was removed: ${path}`);
    // Taken before its size could be checked: without a rename there is no acknowledgement that says all.
    const isGone = this.#manners.isDirect && this.#hasArrived(name) && !this.drop.files.has(path);
    if (operation === "stat" && isGone) this.excused.add(name);
    const comesBetween = operation === "rename" || (operation === "stat" && isFinalPath(path));
    if (!comesBetween || this.#manners.strangers === 0 || !this.#dice.chance(this.#manners.strangers)) return;
    const final = pathOf(name);
    if (this.drop.files.has(final) || this.#hasArrived(name)) return;
    const bytes = `somebody else's ${this.#strangers.size}`;
    this.drop.put(final, bytes);
    this.#strangers.set(final, bytes);
    this.excused.add(name);
  }

  #hasArrived(name: string): boolean {
    return this.arrivals.some((arrival) => arrival.name === name);
  }

  #isTaken(path: string): boolean {
    if (!isFinalPath(path)) return false;
    const bytes = this.drop.files.get(path)?.bytes.toString() ?? "";
    const name = finalNameOf(path);
    if (this.#hasArrived(name)) {
      this.violations.push(`the final name ${name} was used twice`);
    }
    this.arrivals.push({ name, bytes, sha256: hashOf(bytes), at: this.#now() });
    if (this.#manners.pickUp !== "at_once") return false;
    this.received.push(...this.arrivals.slice(this.#seen));
    this.#seen = this.arrivals.length;
    return true;
  }
}

/** Some turns of the event loop: of several that are on their way, another one may come first. */
async function travel(dice: Dice): Promise<void> {
  for (let turns = dice.between(0, 2); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
}

/** The disk answers when it likes, and a seed would not play the same twice. */
async function* readAtOnce(path: string): AsyncGenerator<Buffer> {
  yield readFileSync(path);
}

function hashOf(bytes: string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function pathOf(name: string): string {
  return `/inbound/${name}`;
}

function isFinalPath(path: string): boolean {
  return path.startsWith("/inbound/") && path.endsWith(".csv");
}

function finalNameOf(path: string): string {
  return path.replace(/^\/inbound\//, "").replace(/\.\d+\.part$/, "");
}
