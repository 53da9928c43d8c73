/**
 * Plays the weeks of one seed: nights, late submits, looks for results, a person who settles; killed, refused and cut off
 * as the dice fall; and checks every promise after each step. The last nights are quiet, and then all must be done.
 */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectAndReconcile, runNight } from "../../src/cli/run-merchant.ts";
import { DAY_MS, formatInstant, HOUR_MS, MINUTE_MS } from "../../src/domain/instant.ts";
import { Problem } from "../../src/domain/problem.ts";
import { createInboxMover } from "../../src/pipeline/inbox.ts";
import { settleBatch, settleBreak } from "../../src/pipeline/settle.ts";
import { submit } from "../../src/pipeline/submit.ts";
import type { Decline, ExportFile } from "./biller.ts";
import { DeliveryCheck } from "./check-delivery.ts";
import { LedgerCheck } from "./check-ledger.ts";
import { dayIn } from "./freshness.ts";
import { Crash, NO_TROUBLE, type Trouble } from "./gate.ts";
import { contextOf, endWorld, makeWorld, startAgain, type World } from "./world.ts";

/** What was played, so that a test can see that the dice did not spare the program. */
export interface Played {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What was done, step by step. */
  readonly story: readonly string[];
  readonly crashes: number;
  readonly arrivals: number;
  readonly sendings: number;
  readonly outcomes: number;
  readonly uncertain: number;
  readonly findings: number;
  readonly days: number;
}

type Buckets = ReturnType<LedgerCheck["buckets"]>;
type Verb = "night" | "collect" | "late" | "person";

export async function playSeed(seed: number): Promise<Played> {
  const world = await makeWorld(seed);
  try {
    return await new Play(world).toTheEnd();
  } finally {
    await endWorld(world);
  }
}

class Play {
  readonly #world: World;
  readonly #delivery: DeliveryCheck;
  readonly #ledger: LedgerCheck;
  readonly #violations: string[] = [];
  readonly #began: number;
  #steps = 0;
  readonly #story: string[] = [];
  #crashes = 0;
  #actsOfNight = 120;
  #lastRun: number;
  #uncertain = 0;
  /** Of the file given by hand in this step; undefined: it was not taken. */
  #lateBecame: "taken" | "failed" | undefined;

  constructor(world: World) {
    const complain = (what: string) => this.#violations.push(`step ${this.#steps}: ${what}`);
    this.#world = world;
    this.#delivery = new DeliveryCheck(world, complain);
    this.#ledger = new LedgerCheck(world, complain);
    this.#began = world.now;
    this.#lastRun = world.now - 18 * HOUR_MS;
  }

  async toTheEnd(): Promise<Played> {
    const { dice } = this.#world;
    const steps = dice.between(8, 12);
    for (let step = 0; step < steps && this.#violations.length === 0; step++) {
      await this.#step(this.#pickVerb(), dice.chance(0.4) ? NO_TROUBLE : this.#makeTrouble());
    }
    if (this.#violations.length === 0) await this.#step("night", NO_TROUBLE);
    if (this.#violations.length === 0) await this.#settleAll();
    if (this.#violations.length === 0) await this.#step("night", NO_TROUBLE, { quiet: true });
    if (this.#violations.length === 0) this.#ledger.checkEnd();
    const { model, server, now } = this.#world;
    return {
      seed: this.#world.seed,
      violations: [...this.#violations, ...server.violations],
      story: this.#story,
      crashes: this.#crashes,
      arrivals: server.arrivals.length,
      sendings: model.sendings.size,
      outcomes: [...model.sendings.values()].reduce((sum, sending) => sum + sending.outcomes.length, 0),
      uncertain: this.#uncertain,
      findings: model.findings.size,
      days: (now - this.#began) / DAY_MS,
    };
  }

  #pickVerb(): Verb {
    const { dice } = this.#world;
    return dice.pick(["night", "night", "night", "night", "night", "night", "night", "collect", "late", "person"]);
  }

  #makeTrouble(): Trouble {
    const { dice } = this.#world;
    const at = () => dice.between(1, Math.ceil(this.#actsOfNight * 1.1));
    const kind = dice.pick([
      "crash",
      "crash",
      "network",
      "network",
      "disk",
      "stop",
      "deadline",
      "all",
      "commit",
      "commit",
      "commit",
    ]);
    return {
      ...(kind === "crash" || kind === "all" ? { crashAt: at() } : {}),
      ...(kind === "stop" ? { stopAt: at() } : {}),
      ...(kind === "deadline" ? { deadlineAt: at() } : {}),
      networkFaults: kind === "network" || kind === "all" ? dice.pick([0.03, 0.1, 0.3]) : dice.pick([0, 0, 0.05]),
      commitFaults: kind === "commit" || kind === "all" ? 0.7 : 0,
      diskFaults: kind === "disk" || kind === "all" ? dice.pick([0.01, 0.04]) : 0,
    };
  }

  async #step(verb: Verb, trouble: Trouble, { quiet = false } = {}): Promise<void> {
    const world = this.#world;
    this.#steps += 1;
    this.#passDays();
    world.provider.work(world.now);
    if (world.dice.chance(0.5)) world.server.pickUp();
    if (!quiet && world.dice.chance(0.02)) world.server.tidy();
    if (world.dice.chance(0.3)) await startAgain(world);
    if (!quiet && verb !== "collect" && verb !== "person") this.#writeExports();
    const before = this.#ledger.buckets();
    const began = world.now;
    world.maxAgeDays = verb === "late" ? 3 : 1;
    world.gate.begin(trouble);
    const late = verb === "late" ? this.#lateFile() : undefined;
    this.#lateBecame = undefined;
    let ended = false;
    this.#story.push(`step ${this.#steps}, ${formatInstant(world.now)}: ${verb} ${JSON.stringify(trouble)}`);
    try {
      await this.#run(verb, late);
      ended = true;
    } catch (error) {
      this.#story.push(`  ended by ${error}`);
      if (!(error instanceof Crash) && !(error instanceof Problem)) throw error;
    }
    if (verb === "night" && ended) this.#actsOfNight = world.gate.acts;
    const wasInterrupted = world.gate.wasInterrupted || !ended;
    if (world.gate.isDead) {
      this.#crashes += 1;
      await startAgain(world);
    }
    const wasClean = trouble === NO_TROUBLE;
    if (wasClean && wasInterrupted) this.#violations.push(`step ${this.#steps}: a run without trouble did not end`);
    // The model must know the new attempts before it can say where the rows of the exports are.
    await this.#ledger.check(before);
    await this.#delivery.check({ began, wasClean, delivers: verb === "night" || verb === "late" });
    this.#checkExports(before, late);
    this.#uncertain += (await world.ledger.batches("unfinished")).filter((batch) => batch.state === "uncertain").length;
    world.gate.begin(NO_TROUBLE);
    this.#lastRun = world.now;
    this.#violations.push(...world.server.violations.splice(0).map((what) => `step ${this.#steps}: ${what}`));
  }

  async #run(verb: Verb, late: ExportFile | undefined): Promise<void> {
    const world = this.#world;
    const context = contextOf(world);
    const stamp = () => ({ at: world.now, recordedAt: world.now });
    const runId = await context.ledger.startRun({ ...stamp(), command: verb === "night" ? "run" : verb });
    try {
      if (verb === "night") await runNight(context);
      else if (verb === "collect") await collectAndReconcile(context);
      else if (verb === "person") await this.#settleSome();
      else if (late) {
        const options = { dryRun: false, reason: "the night was missed" };
        const { exports } = await submit(context, [join(world.folder, late.name)], options, createInboxMover(context));
        const [taken] = exports;
        if (taken) this.#lateBecame = taken.problem ? "failed" : "taken";
      }
      await context.ledger.endRun(runId, { ...stamp(), exitStatus: 0 });
    } finally {
      await context.remote.close();
    }
  }

  /** To the next run: mostly the next night, sometimes an hour later, sometimes after nights that were missed. */
  #passDays(): void {
    const world = this.#world;
    const { dice } = world;
    const days = dice.pick([0, 1, 1, 1, 1, 2, 3, 5]);
    world.now += days * DAY_MS + dice.between(5, 180) * MINUTE_MS;
    // A run at midnight would have two todays.
    const atMidnight = () => dayIn(world.now, world.timezone) !== dayIn(world.now + 30 * MINUTE_MS, world.timezone);
    while (atMidnight()) world.now += 31 * MINUTE_MS;
  }

  #writeExports(): void {
    const world = this.#world;
    const { dice, biller } = world;
    const rows: Decline[] = Array.from({ length: dice.between(0, 6) }, () => biller.decline(this.#lastRun, world.now));
    rows.push(...this.#retries());
    const recent = biller.declines.filter(
      (decline) => world.now - decline.declinedAt < 30 * HOUR_MS && !rows.includes(decline),
    );
    if (dice.chance(0.35)) rows.push(...recent);
    if (dice.chance(0.1) && rows.length > 0) rows.push(...rows.slice(0, 1));
    const [first] = rows;
    if (dice.chance(0.08) && first?.kind === "good") rows.push(biller.renumber(first));
    const arranged = dice.chance(0.3) ? dice.shuffle(rows) : rows;
    this.#drop(biller.write(arranged));
    if (dice.chance(0.15)) this.#drop(biller.write(dice.shuffle(arranged)));
  }

  /** Orders that are declined once more: too early, while the provider has them, or rightly, when it is done. */
  #retries(): Decline[] {
    const world = this.#world;
    const { dice, model, biller, provider } = world;
    const retries: Decline[] = [];
    for (const sending of model.sendings.values()) {
      const latest = model.ofOrder(sending.orderId).at(-1) === sending;
      if (!latest) continue;
      const bucket = model.bucketOf(sending, world.now);
      const isDone = bucket === "unrescued" || bucket === "cancelled";
      const cases = provider.cases.filter((entry) => entry.orderId === sending.orderId);
      // A word that is on its way could be about either; nobody could tell.
      const mayBeMistaken = isDone && !sending.knowsSession && cases.some((entry) => entry.saidAt >= this.#lastRun);
      if (mayBeMistaken || !dice.chance(isDone ? 0.15 : bucket === "pending" ? 0.02 : 0)) continue;
      retries.push(biller.declineAgain(sending.orderId, this.#lastRun, world.now));
      if (isDone && !sending.knowsSession) for (const entry of cases) entry.isMute = true;
    }
    return retries;
  }

  #drop(file: ExportFile): void {
    writeFileSync(join(this.#world.folder, "inbox", file.name), file.csv);
    this.#world.waiting.push(file);
  }

  /** Given by hand, from elsewhere, with a reason. */
  #lateFile(): ExportFile {
    const world = this.#world;
    const recent = world.biller.declines.filter((decline) => world.now - decline.declinedAt < 3 * DAY_MS);
    const file = world.biller.write(world.dice.shuffle(recent).slice(0, 8));
    writeFileSync(join(world.folder, file.name), file.csv);
    return file;
  }

  #checkExports(before: Buckets, late: ExportFile | undefined): void {
    const world = this.#world;
    const inbox = join(world.folder, "inbox");
    const failed = existsSync(join(inbox, "failed")) ? readdirSync(join(inbox, "failed")) : [];
    for (const file of world.waiting.splice(0)) {
      if (existsSync(join(inbox, file.name))) {
        world.waiting.push(file);
        continue;
      }
      const hasFailed = failed.some((name) => name.endsWith(`-${file.name}`));
      this.#ledger.checkExport(file, hasFailed ? "failed" : "taken", world.maxAgeDays, before);
    }
    if (late && this.#lateBecame) this.#ledger.checkExport(late, this.#lateBecame, world.maxAgeDays, before);
  }

  async #settleSome(): Promise<void> {
    const world = this.#world;
    const context = contextOf(world);
    for (const batch of await context.ledger.batches("unfinished")) {
      if (batch.state === "uncertain" && world.dice.chance(0.6)) await this.#settleBatch(batch.batchId);
    }
  }

  /** A person who asked the provider, and says what is true. */
  async #settleBatch(batchId: number): Promise<void> {
    const world = this.#world;
    const context = contextOf(world);
    const names = (await world.ledger.batchEvents(batchId)).map((event) => event.name);
    const hasArrived = world.server.arrivals.some((arrival) => names.includes(arrival.name));
    await settleBatch(context, String(batchId), hasArrived ? "delivered" : "not_delivered", "asked the provider");
  }

  async #settleMismatches(): Promise<void> {
    const world = this.#world;
    const context = contextOf(world);
    for (const found of await world.ledger.breaks("open")) {
      if (found.code !== "amount_mismatch" && found.code !== "currency_mismatch") continue;
      const sending = found.attemptId === undefined ? undefined : world.model.sendings.get(found.attemptId);
      if (!sending || world.dice.chance(0.4)) continue;
      const as =
        sending.state === "pending" ? world.dice.pick(["rescued", "unrescued", undefined] as const) : undefined;
      await settleBreak(context, found.breakId, as, "looked at the gateway");
      world.model.settleMismatch(sending, found.fingerprint.split(": ")[1] ?? "", as);
    }
  }

  async #settleAll(): Promise<void> {
    const world = this.#world;
    const before = this.#ledger.buckets();
    const began = world.now;
    for (const batch of await world.ledger.batches("unfinished")) {
      if (batch.state === "uncertain") await this.#settleBatch(batch.batchId);
    }
    await this.#ledger.check(before);
    await this.#settleMismatches();
    await this.#ledger.check(before);
    await this.#delivery.check({ began, wasClean: false, delivers: false });
  }
}
