/** After each step: what the provider got against what the ledger believes, and every state's way there. */
import { createHash } from "node:crypto";
import type { BatchState } from "../../src/domain/batch.ts";
import type { BatchRecord } from "../../src/ledger/ledger.ts";
import { calendarAge } from "./freshness.ts";
import { readBatch } from "./provider.ts";
import type { World } from "./world.ts";

/** The page of the design, typed again: which state may follow which. */
const MAY_FOLLOW: Readonly<Record<BatchState, string>> = {
  planned: "archived failed uncertain",
  archived: "uploading failed uncertain",
  uploading: "uploaded archived uncertain",
  uploaded: "committing archived uncertain",
  committing: "committing delivered uploaded uncertain",
  uncertain: "delivered failed",
  delivered: "",
  failed: "",
};

/** What the checks of one world remember from step to step. */
export class DeliveryCheck {
  readonly #world: World;
  readonly #complain: (what: string) => void;
  readonly #finished = new Set<number>();
  readonly #firstArrival = new Map<string, string>();
  readonly #names = new Map<string, number>();
  readonly #waitForLook = new Set<number>();
  #arrivals = 0;
  #lostConnections = 0;

  constructor(world: World, complain: (what: string) => void) {
    this.#world = world;
    this.#complain = complain;
  }

  /** @param stepBegan with `wasClean`, nothing may be unfinished, and nothing uncertain that a look could tell */
  async check(step: { readonly began: number; readonly wasClean: boolean; readonly delivers: boolean }): Promise<void> {
    const batches = await this.#world.ledger.batches("all");
    const isDirect = this.#world.profile.delivery.commit === "direct";
    if (isDirect) for (const batch of batches) this.#world.server.recognise(batch.name, batch.content?.sha256);
    this.#checkArrivals();
    for (const batch of batches) {
      if (this.#finished.has(batch.batchId)) continue;
      const names = await this.#checkMoves(batch, step.began);
      this.#checkTruth(batch, names);
      if (step.wasClean && step.delivers) this.#checkSettled(batch, names);
      if (batch.state === "delivered" || batch.state === "failed") this.#finished.add(batch.batchId);
    }
    this.#world.server.checkStrangers();
    this.#lostConnections = this.#world.server.lostConnections;
  }

  /** No rebill twice in whole files; each row is what the merchant's biller said of it. */
  #checkArrivals(): void {
    const { server, biller, model } = this.#world;
    for (const arrival of server.arrivals.slice(this.#arrivals)) {
      const rows = readBatch(arrival);
      if (rows.length === 0) this.#complain(`${arrival.name} holds no rows`);
      for (const row of rows) {
        const { transactionId, orderId } = row;
        const before = this.#firstArrival.get(transactionId);
        if (before !== undefined) this.#complain(`${transactionId} is in ${before} and in ${arrival.name}`);
        this.#firstArrival.set(transactionId, arrival.name);
        const told = biller.declines.find((one) => one.transactionId === transactionId && one.orderId === orderId);
        const isTrue =
          told?.kind === "good" &&
          told.amountMinor === row.amountMinor &&
          told.currency === row.currency &&
          told.declinedAt === row.declinedAt &&
          told.expiresAt === row.expiresAt;
        if (!isTrue) this.#complain(`${arrival.name} says of ${orderId} ${transactionId} what the biller never said`);
        const begun = server.uploadBegunAt.get(arrival.name) ?? arrival.at;
        const age = calendarAge(row.declinedAt, begun, this.#world.timezone);
        const isLate = age > 3 || row.expiresAt <= begun;
        if (isLate) this.#complain(`${transactionId} was sent ${age} days old`);
        for (const other of model.ofOrder(orderId)) {
          if (other.transactionId === transactionId || other.batchState !== "delivered") continue;
          const bucket = model.bucketOf(other, arrival.at);
          if (bucket === "pending" || bucket === "rescued" || bucket === "unaccounted") {
            // Its own attempt may have been claimed when the other one was still free of any word.
            const isEarlier = model.ofTransaction(transactionId).every((one) => one.attemptId > other.attemptId);
            if (isEarlier && other.outcomes.length === 0) this.#complain(`${orderId} was sent again while ${bucket}`);
          }
        }
      }
    }
    this.#arrivals = server.arrivals.length;
  }

  async #checkMoves(batch: BatchRecord, stepBegan: number): Promise<Set<string>> {
    const { ledger, server, gate } = this.#world;
    const names = new Set<string>();
    let state: BatchState = "planned";
    let wasInCommit = false;
    for (const event of await ledger.batchEvents(batch.batchId)) {
      if (event.state === "temporary_created") continue;
      if (event.name !== "") names.add(event.name);
      if (event.state === "name_minted") {
        const owner = this.#names.get(event.name);
        if (owner !== undefined && owner !== batch.batchId) this.#complain(`the name ${event.name} was given twice`);
        this.#names.set(event.name, batch.batchId);
        continue;
      }
      const isFirst = event.state === "planned" && state === "planned";
      if (!isFirst && !MAY_FOLLOW[state].split(" ").includes(event.state)) {
        this.#complain(`batch ${batch.batchId} went from ${state} to ${event.state}`);
      }
      state = event.state;
      if (state === "committing" && event.recordedAt >= stepBegan) wasInCommit = true;
    }
    if (state !== batch.state) this.#complain(`batch ${batch.batchId} is ${batch.state}, its events say ${state}`);
    const wasCutOff = wasInCommit && gate.wasInterrupted;
    if (wasCutOff) for (const name of names) server.excused.add(name);
    return names;
  }

  #checkTruth(batch: BatchRecord, names: ReadonlySet<string>): void {
    const { server } = this.#world;
    const arrived = server.arrivals.filter((arrival) => names.has(arrival.name));
    if (arrived.length > 1) this.#complain(`batch ${batch.batchId} arrived ${arrived.length} times`);
    const [arrival] = arrived;
    const mayHaveArrived = ["committing", "uncertain", "delivered"].includes(batch.state);
    if (arrival && !mayHaveArrived)
      this.#complain(`batch ${batch.batchId} is ${batch.state}, but ${arrival.name} arrived`);
    if (!arrival && batch.state === "delivered")
      this.#complain(`batch ${batch.batchId} is delivered, but never arrived`);
    if (arrival && arrival.sha256 !== batch.content?.sha256) this.#complain(`${arrival.name} is not what was archived`);
    const excused = [...names].some((name) => server.excused.has(name));
    // Others lost the connection that it shared, and then the next one too: not in doubt, it waits for a run that can look.
    if (server.lostConnections - this.#lostConnections > 1) this.#waitForLook.add(batch.batchId);
    if (batch.state !== "committing") this.#waitForLook.delete(batch.batchId);
    if (this.#waitForLook.has(batch.batchId)) return;
    if ((batch.state === "uncertain" || batch.state === "committing") && !excused) {
      this.#complain(`batch ${batch.batchId} is ${batch.state}, and nothing happened that could not be known`);
    }
  }

  /** A whole run with nothing in its way looks, and knows what can be known. */
  #checkSettled(batch: BatchRecord, names: ReadonlySet<string>): void {
    const { server } = this.#world;
    const isOver = batch.state === "delivered" || batch.state === "failed";
    if (isOver) return;
    const { commit } = this.#world.profile.delivery;
    const waitsForLook = commit === "direct" && batch.state === "committing";
    if (batch.state !== "uncertain" && !waitsForLook) this.#complain(`batch ${batch.batchId} is still ${batch.state}`);
    const lies = [...names].some((name) => {
      const file = server.drop.files.get(`/inbound/${name}`)?.bytes;
      return file && createHash("sha256").update(file).digest("hex") === batch.content?.sha256;
    });
    if (lies) this.#complain(`batch ${batch.batchId} is uncertain, and its file lies there to be seen`);
  }
}
